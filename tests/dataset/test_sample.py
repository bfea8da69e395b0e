from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.dataset import sample
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.hdf5 import read_chroma
from covsearch.errors import NotFoundError


@pytest.mark.skipif(not (Path(sample.__file__).parent / "sample").is_dir(), reason="the sample is not built")
def test_the_sample_opens_strictly_and_its_split_covers_it() -> None:
    dataset = open_dataset(sample.sample_root(), ("hpcp", "crema"), strict=True)
    assert dataset.subset == "sample"
    assert {"P_22", "P_1"} <= dataset.performances.keys()
    assert "W_14" in dataset.works
    cliques = [len(clique) for clique in dataset.works.values()]
    assert sum(size >= 2 for size in cliques) >= 200
    assert sum(size == 1 for size in cliques) >= 100
    assert set(sample.sample_split().part_of()) <= dataset.works.keys()
    for feature in ("hpcp", "crema"):
        wid = dataset.performances["P_22"].wid
        assert len(read_chroma(dataset.files["P_22"][feature], feature, pid="P_22", wid=wid)) > 50


def test_an_installation_without_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "__file__", "/nowhere/sample.py")
    with pytest.raises(NotFoundError, match="the bundled sample is not at /nowhere/sample: reinstall covsearch"):
        sample.sample_root()
