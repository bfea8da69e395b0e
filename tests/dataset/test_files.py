from __future__ import annotations

import json
from pathlib import Path

import pytest

from covsearch.dataset.files import LOOSE, open_files
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.errors import ArtefactError, NotFoundError, UsageError


def touch(root: Path, *names: str) -> list[Path]:
    """Empty feature files: opening reads none of them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return [root / name for name in names]


def describe(path: Path, *names: str) -> None:
    """Metadata of performances like ``W_1/P_2``."""
    content: dict[str, dict[str, dict[str, str]]] = {}
    for name in names:
        wid, pid = name.split("/")
        content.setdefault(wid, {})[pid] = {"perf_title": f"Title of {pid}"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


HPCP, CREMA = "da-tacos_x_subset_hpcp", "da-tacos_x_subset_crema"


def test_what_a_file_is_its_path_says(tmp_path: Path) -> None:
    paths = touch(tmp_path, "in/W_14_hpcp/P_15_hpcp.h5", "in/W_3_hpcp/P_9_hpcp.h5")
    (dataset,) = open_files(paths, ["hpcp"])
    assert {pid: p.wid for pid, p in dataset.performances.items()} == {"P_9": "W_3", "P_15": "W_14"}
    assert dataset.files == {"P_15": {"hpcp": paths[0]}, "P_9": {"hpcp": paths[1]}}
    assert (dataset.root, dataset.subset, dataset.metadata, dataset.skipped) == (tmp_path / "in", LOOSE, None, ())
    assert (dataset.frame_rate, dataset.rate_is_known) == (DATACOS_RATE, False)
    assert open_files(paths, ["hpcp"], frame_rate=20)[0].frame_rate == 20


def test_a_relative_path_and_one_with_dots_are_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = touch(tmp_path, "in/W_14_hpcp/P_15_hpcp.h5")
    monkeypatch.chdir(path.parent)
    (dataset,) = open_files([Path("P_15_hpcp.h5"), Path("../W_14_hpcp/P_15_hpcp.h5"), path], ["hpcp"])
    assert dataset.files == {"P_15": {"hpcp": path}}


@pytest.mark.parametrize("place", ["da-tacos_metadata/", "", f"{HPCP}/"])
def test_titles_come_from_the_datasets_json(tmp_path: Path, place: str) -> None:
    paths = touch(tmp_path, f"{HPCP}/W_1_hpcp/P_2_hpcp.h5")
    describe(tmp_path / f"{place}da-tacos_x_subset_metadata.json", "W_1/P_2", "W_1/P_3")
    describe(tmp_path / f"{place}da-tacos_y_subset_metadata.json", "W_7/P_2")
    (dataset,) = open_files(paths, ["hpcp"])
    assert dataset.performances["P_2"].title == "Title of P_2"
    assert (list(dataset.performances), dataset.subset, dataset.root) == (["P_2"], "x", tmp_path)


def test_a_folder_that_unzipping_doubled_has_its_json_above(tmp_path: Path) -> None:
    paths = touch(tmp_path, f"{HPCP}/{HPCP}/W_1_hpcp/P_2_hpcp.h5")
    describe(tmp_path / "da-tacos_metadata" / "da-tacos_x_subset_metadata.json", "W_1/P_2")
    assert open_files(paths, ["hpcp"])[0].performances["P_2"].title == "Title of P_2"


def test_loose_files_take_the_json_beside_their_works_and_no_other(tmp_path: Path) -> None:
    paths = touch(tmp_path, "in/W_1_hpcp/P_2_hpcp.h5")
    describe(tmp_path / "da-tacos_x_subset_metadata.json", "W_1/P_2")
    assert open_files(paths, ["hpcp"])[0].metadata is None
    describe(tmp_path / "in" / "da-tacos_x_subset_metadata.json", "W_1/P_2")
    assert open_files(paths, ["hpcp"])[0].performances["P_2"].title == "Title of P_2"
    describe(tmp_path / "in" / "da-tacos_y_subset_metadata.json", "W_1/P_2")
    with pytest.raises(ArtefactError, match="has 2 metadata files"):
        open_files(paths, ["hpcp"])


def test_a_link_to_a_json_elsewhere_is_not_followed(tmp_path: Path) -> None:
    paths = touch(tmp_path, "in/W_1_hpcp/P_2_hpcp.h5")
    describe(tmp_path / "away.json", "W_1/P_2")
    (tmp_path / "in" / "da-tacos_x_subset_metadata.json").symlink_to(tmp_path / "away.json")
    assert open_files(paths, ["hpcp"])[0].metadata is None


def test_files_of_several_features_and_subsets_are_sorted_out(tmp_path: Path) -> None:
    stacked = touch(tmp_path, f"{HPCP}/W_1_hpcp/P_2_hpcp.h5", f"{CREMA}/W_1_crema/P_2_crema.h5")
    loose = touch(tmp_path, "in/W_1/P_3.h5")
    x, other = open_files([*stacked, *loose], ["hpcp", "crema"])
    assert (x.files["P_2"], x.root) == ({"hpcp": stacked[0], "crema": stacked[1]}, tmp_path)
    assert (other.files["P_3"], other.subset) == ({"hpcp": loose[0], "crema": loose[0]}, LOOSE)


def test_what_is_missing_or_contradicts_is_refused(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, f"{HPCP}/W_1_hpcp/P_2_hpcp.h5")
    with pytest.raises(ArtefactError, match=r"W_1/P_2: has no crema file; nothing was taken"):
        open_files([path], ["hpcp", "crema"])
    metadata = tmp_path / "da-tacos_x_subset_metadata.json"
    describe(metadata, "W_9/P_2")
    with pytest.raises(ArtefactError, match=r"P_2_hpcp\.h5: is in W_1, but the metadata JSON says W_9"):
        open_files([path], ["hpcp"])
    describe(metadata, "W_1/P_1")
    with pytest.raises(ArtefactError, match=r"P_2_hpcp\.h5: is not in the metadata JSON; nothing was taken"):
        open_files([path], ["hpcp"])
    metadata.unlink()
    (twice,) = touch(tmp_path, f"{HPCP}/W_7_hpcp/P_2_hpcp.h5")
    with pytest.raises(ArtefactError, match="is in W_1 and W_7: of which work is it"):
        open_files([path, twice], ["hpcp"])


@pytest.mark.parametrize(
    "name",
    [
        "P_2_hpcp.h5",
        "W_1/P_2_hpcp.h5",
        "W_1_hpcp/P_2.h5",
        "W_1_hpcp/P_2_crema.h5",
        "W_1_mfcc/P_2_mfcc.h5",
        "W_x/P_1.h5",
    ],
)
def test_a_name_that_does_not_say_what_it_is_of_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected a file called W_<number>"):
        open_files(touch(tmp_path / "in", name), ["hpcp"])


def test_what_is_no_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"P_2_hpcp\.h5 is not there"):
        open_files([tmp_path / "W_1_hpcp" / "P_2_hpcp.h5"], ["hpcp"])
    (tmp_path / "W_1_hpcp" / "P_2_hpcp.h5").mkdir(parents=True)
    with pytest.raises(NotFoundError, match=r"P_2_hpcp\.h5 is not a regular file"):
        open_files([tmp_path / "W_1_hpcp" / "P_2_hpcp.h5"], ["hpcp"])
