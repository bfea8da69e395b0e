from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.dataset import sample
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.unpack import MARKER
from covsearch.errors import CovsearchError, NotFoundError


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
    with pytest.raises(NotFoundError, match=r"sample is not at /nowhere/sample/sample\.zip: reinstall covsearch"):
        sample.sample_root()


def test_it_is_unpacked_into_the_workspace_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path))
    root = sample.sample_root()
    assert root == tmp_path / "cache" / f"sample-{sample.SHA256[:16]}"
    assert (root / MARKER).read_text() == f"{sample.SHA256}\n"
    assert len(list(root.rglob("*.h5"))) == 2 * 873


def test_or_else_into_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COVSEARCH_HOME", raising=False)
    monkeypatch.setattr("covsearch.workspace.platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert sample.sample_root() == tmp_path / "covsearch" / f"sample-{sample.SHA256[:16]}"


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path))
    expected = rf"cannot unpack the bundled sample into {tmp_path}/cache/sample-\w+: .*; set COVSEARCH_HOME to a folder"
    with pytest.raises(CovsearchError, match=expected):
        sample.sample_root()
