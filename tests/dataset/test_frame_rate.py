"""Frame rates are given, declared, known of the subset, or assumed."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from collection import melody, write_collection, write_feature

from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.files import open_files, rate_of_file
from covsearch.dataset.frame_rate import DATACOS_RATE, SLOW_RATE
from covsearch.dataset.info import measure_dataset
from covsearch.errors import ArtefactError, UsageError


@pytest.mark.parametrize(
    ("subset", "given", "expected"),
    [
        ("benchmark", None, (44_100 / 512, True)),
        ("coveranalysis", None, (44_100 / 512, True)),
        ("sample", None, (44_100 / 4096, True)),
        ("mine", None, (44_100 / 512, False)),
        ("mine", 10, (10.0, True)),
        ("sample", 2.5, (2.5, True)),
    ],
)
def test_a_collection_has_the_rate_given_known_or_assumed(
    tmp_path: Path, subset: str, given: float | None, expected: tuple[float, bool]
) -> None:
    root = write_collection(tmp_path, works=1, versions=1, subset=subset, frame_rate=None)
    dataset = open_dataset(root, frame_rate=given)
    assert (dataset.frame_rate, dataset.rate_is_known) == expected
    assert type(dataset.frame_rate) is float


def test_a_declaration_goes_before_what_is_known_and_after_what_is_given(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "data", works=1, versions=1, subset="benchmark", frame_rate=None)
    (root / "covsearch.toml").write_text('name = "mine"\nframe_rate = 10.5\n')
    for folder in (root, root.parent):
        dataset = open_dataset(folder)
        assert (dataset.frame_rate, dataset.rate_is_known) == (10.5, True)
    assert open_dataset(root, frame_rate=3).frame_rate == 3.0
    (file,) = open_dataset(root).files["P_1"].values()
    assert rate_of_file(file) == 10.5
    assert open_files([file], ("hpcp",))[0].frame_rate == 10.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame_rate = 0", "expected frame_rate as a positive number of frames a second, found 0"),
        ("frame_rate = true", "found True"),
        ("frame_rate = nan", "found nan"),
        ('frame_rate = "10"', "found '10'"),
        ('name = "x"', "found None"),
        ("frame_rate = 10\nhop = 4096", "expected the keys name and frame_rate, found 'hop'"),
        ("frame_rate =", "expected TOML such as `frame_rate = 10.77`: "),
        ("a = " + "[" * 3000, "expected TOML"),
    ],
)
def test_a_damaged_declaration_is_named(tmp_path: Path, text: str, message: str) -> None:
    toy = write_collection(tmp_path, works=1, versions=1, frame_rate=None)
    (toy / "covsearch.toml").write_text(text)
    with pytest.raises(ArtefactError, match=rf"covsearch\.toml: .*{re.escape(message)}"):
        open_dataset(toy)


def test_real_recordings_declare_their_own() -> None:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "covers80_dev"
    if not folder.is_dir():
        pytest.skip("needs the real recordings of ../shared")
    dataset = open_dataset(folder)
    assert (dataset.frame_rate, dataset.rate_is_known) == (44_100 / 4096, True)


def test_no_test_collection_is_named_in_the_package() -> None:
    package = Path(__file__).resolve().parents[2] / "covsearch"
    named = [path.name for path in package.rglob("*.py") if "covers80" in path.read_text(encoding="utf-8").lower()]
    assert named == []


@pytest.mark.parametrize("given", [0, -1.5, float("nan"), float("inf")])
def test_what_cannot_be_a_rate(toy: Path, given: float) -> None:
    with pytest.raises(UsageError, match=re.escape(f"must be a positive number of frames a second, not {given}")):
        open_dataset(toy, frame_rate=given)


def test_the_slow_rate_is_a_whole_number_of_frames_of_both_known_rates() -> None:
    assert DATACOS_RATE / SLOW_RATE == 32
    assert 44_100 / 4096 / SLOW_RATE == 4


def test_a_file_goes_before_its_folder_and_after_what_is_given(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "data", works=1, versions=2, subset="benchmark", frame_rate=21.5)
    (root / "covsearch.toml").write_text("frame_rate = 10.5\n")
    dataset = open_dataset(root)
    assert (dataset.frame_rate, dataset.rate_is_known, dataset.rate_to_match) == (21.5, True, 21.5)
    given = open_dataset(root, frame_rate=3)
    assert (given.frame_rate, given.rate_is_known, given.rate_to_match) == (3.0, True, None)
    (file,) = dataset.files["P_1"].values()
    assert rate_of_file(file) == 21.5
    (loose,) = open_files([file], ("hpcp",))
    assert (loose.frame_rate, loose.rate_to_match) == (21.5, 21.5)
    assert open_files([file], ("hpcp",), frame_rate=3)[0].rate_to_match is None


def test_the_first_file_that_can_be_read_decides(tmp_path: Path) -> None:
    root = write_collection(tmp_path, works=2, versions=2, frame_rate=21.5)
    for pid, said in (("P_1", "no HDF5"), ("P_2", "no rate")):
        (path,) = open_dataset(root).files[pid].values()
        if pid == "P_1":
            path.write_text(said)
        else:
            with h5py.File(path, "a") as file:
                file.attrs["frame_rate"] = np.bytes_(said)
    write_feature(root, "toy", "hpcp", "W_2", "P_3", melody(1), 7.5)
    dataset = open_dataset(root)
    assert dataset.frame_rate == 7.5
    reasons = {Path(s.path).name: s.reason for s in measure_dataset(dataset).skipped}
    assert list(reasons) == ["P_1_hpcp.h5", "P_2_hpcp.h5", "P_4_hpcp.h5"]
    assert "attribute frame_rate says 'no rate'" in reasons["P_2_hpcp.h5"]
    assert "declares 21.5 frames/s, its collection has 7.5" in reasons["P_4_hpcp.h5"]
