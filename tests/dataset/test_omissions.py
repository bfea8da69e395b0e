"""Nothing that lies in a feature folder is left out without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.files import open_files
from covsearch.dataset.info import measure_dataset
from covsearch.errors import NotFoundError
from tests.hostile.files import chroma, write_file
from tests.hostile.trees import feature_file, write_tree


@pytest.mark.parametrize("suffix", [".hdf5", ".H5", ".HDF5", ".he5"])
def test_other_suffixes_of_hdf5_are_read(tmp_path: Path, suffix: str) -> None:
    path = feature_file(tmp_path, "P_1", "W_1").with_suffix(suffix)
    write_file(path, {"hpcp": chroma(60)}, "P_1", "W_1")
    info = measure_dataset(open_dataset(tmp_path), check=True)
    assert (info.lengths["hpcp"].tolist(), info.skipped) == ([60], ())
    assert list(open_files([path], ["hpcp"])[0].performances) == ["P_1"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("W_1_hpcp/P_1_hpcp.h5.gz", "is compressed: unpack it; expected P_<number>_hpcp.h5"),
        ("W_1_hpcp/P_1_hpcp.H5.ZIP", "is compressed: unpack it; expected P_<number>_hpcp.h5"),
        ("W_1_hpcp/p_1_hpcp.h5", "is misnamed; expected P_<number>_hpcp.h5"),
        ("W_1_hpcp/P_1_crema.hdf5", "is misnamed; expected P_<number>_hpcp.h5"),
        ("W_1_hpcp/P_1_hpcp.npy", "is no HDF5 file; expected P_<number>_hpcp.h5"),
        ("P_1_hpcp.h5.gz", "is misnamed; expected a folder W_<number>_hpcp"),
        ("P_1_hpcp.npy", "is misnamed; expected a folder W_<number>_hpcp"),
        ("w_1_hpcp/P_1_hpcp.h5", "is misnamed; expected a folder W_<number>_hpcp"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / "da-tacos_toy_subset_hpcp" / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(NotFoundError) as refused:
        open_dataset(tmp_path)
    listed = path if path.parent.name.startswith("W_") or path.parent.name.startswith("da") else path.parent
    assert f"no usable performance; first {listed.relative_to(tmp_path)}: {reason}" in str(refused.value)
    with pytest.raises(NotFoundError) as wanted:
        open_dataset(tmp_path, ["hpcp"])
    assert (
        f"has no hpcp files; its folders are of hpcp; of 1 refused the first, {listed.relative_to(tmp_path)}: "
        in str(wanted.value)
    )
    assert str(wanted.value).endswith(reason)


def test_only_usable_performances_count(tmp_path: Path) -> None:
    write_tree(tmp_path)
    feature_file(tmp_path, "P_15", "W_14").write_bytes(b"no HDF5")
    feature_file(tmp_path, "P_3", "W_2").write_bytes(b"")
    told = measure_dataset(open_dataset(tmp_path)).to_dict()
    assert (told["performances"], told["works"], told["cliques"]) == (1, 1, {"1": 1})
    assert told["years"] == {"first": 1961, "last": 1961, "known": 1}
    assert [s["path"].rpartition("/")[2] for s in told["skipped"]] == ["P_3_hpcp.h5", "P_15_hpcp.h5"]
