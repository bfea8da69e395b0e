from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.layout import Skipped
from covsearch.errors import ArtefactError, NotFoundError, UsageError

CLIQUES = {"W_14": ("P_9", "P_10"), "W_2": ("P_100",)}


def touch(
    root: Path, feature: str, cliques: dict[str, tuple[str, ...]] | None = None, subset: str = "benchmark"
) -> Path:
    """Empty feature files: opening a dataset reads none of them."""
    folder = root / f"da-tacos_{subset}_subset_{feature}"
    suffix = "" if feature == "single_files" else f"_{feature}"
    for wid, pids in (CLIQUES if cliques is None else cliques).items():
        (folder / f"{wid}{suffix}").mkdir(parents=True, exist_ok=True)
        for pid in pids:
            (folder / f"{wid}{suffix}" / f"{pid}{suffix}.h5").touch()
    return folder


def describe(root: Path, cliques: dict[str, tuple[str, ...]] | None = None, subset: str = "benchmark") -> Path:
    path = root / "da-tacos_metadata" / f"da-tacos_{subset}_subset_metadata.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {wid: {pid: {"perf_title": f"Song {pid}"} for pid in pids} for wid, pids in (cliques or CLIQUES).items()}
    path.write_text(json.dumps(content))
    return path


def names(dataset: Dataset) -> dict[str, dict[str, str]]:
    return {
        pid: {feature: str(path.relative_to(dataset.root)) for feature, path in files.items()}
        for pid, files in dataset.files.items()
    }


def test_one_file_a_feature(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp")
    touch(tmp_path, "crema")
    metadata = describe(tmp_path)
    dataset = open_dataset(tmp_path, ("hpcp", "crema"), strict=True)
    assert dataset.subset == "benchmark"
    assert dataset.metadata == metadata
    assert list(dataset.performances) == ["P_9", "P_10", "P_100"]
    assert dataset.works == {"W_2": ("P_100",), "W_14": ("P_9", "P_10")}
    assert list(dataset.works) == ["W_2", "W_14"]
    assert dataset.performances["P_9"].title == "Song P_9"
    assert dataset.skipped == ()
    assert dataset.features == ("hpcp", "crema")
    assert names(dataset)["P_10"] == {
        "hpcp": "da-tacos_benchmark_subset_hpcp/W_14_hpcp/P_10_hpcp.h5",
        "crema": "da-tacos_benchmark_subset_crema/W_14_crema/P_10_crema.h5",
    }


def test_one_file_with_every_feature(tmp_path: Path) -> None:
    touch(tmp_path, "single_files")
    describe(tmp_path)
    dataset = open_dataset(tmp_path, ("cens",), strict=True)
    assert names(dataset)["P_10"] == {"cens": "da-tacos_benchmark_subset_single_files/W_14/P_10.h5"}
    assert open_dataset(tmp_path).features == ("hpcp", "crema", "cens")


def test_a_file_of_its_own_goes_before_a_single_file(tmp_path: Path) -> None:
    touch(tmp_path, "single_files")
    touch(tmp_path, "hpcp", {"W_2": ("P_100",)})
    dataset = open_dataset(tmp_path, ("hpcp", "crema"))
    assert names(dataset)["P_100"] == {
        "hpcp": "da-tacos_benchmark_subset_hpcp/W_2_hpcp/P_100_hpcp.h5",
        "crema": "da-tacos_benchmark_subset_single_files/W_2/P_100.h5",
    }
    assert len(dataset.performances) == 3


def test_other_features_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp")
    for other in ("mfcc", "key", "madmom", "tags"):
        touch(tmp_path, other)
    describe(tmp_path)
    (tmp_path / "README.txt").touch()
    (tmp_path / "da-tacos_benchmark_subset_hpcp" / ".DS_Store").touch()
    (tmp_path / "__MACOSX").mkdir()
    assert open_dataset(tmp_path, strict=True).features == ("hpcp",)


@pytest.mark.parametrize("above", ["da-tacos", "da-tacos/da-tacos", "da-tacos_benchmark_subset_hpcp"])
def test_doubled_folders_are_found(tmp_path: Path, above: str) -> None:
    touch(tmp_path / above, "hpcp")
    describe(tmp_path / above)
    assert len(open_dataset(tmp_path, strict=True).performances) == 3


def test_the_root_may_be_the_feature_folder_itself(tmp_path: Path) -> None:
    assert len(open_dataset(touch(tmp_path, "hpcp")).performances) == 3


def test_folders_without_the_prefix(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp").rename(tmp_path / "my-songs_subset_hpcp")
    assert open_dataset(tmp_path).subset == "my-songs"


def test_without_metadata_titles_are_empty(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp")
    dataset = open_dataset(tmp_path)
    assert dataset.metadata is None
    assert (dataset.performances["P_9"].wid, dataset.performances["P_9"].title) == ("W_14", "")
    with pytest.raises(ArtefactError, match=r"no metadata JSON \(expected da-tacos_benchmark_subset_metadata.json\)"):
        open_dataset(tmp_path, strict=True)


def test_two_subsets_need_a_choice(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp")
    touch(tmp_path, "hpcp", {"W_5": ("P_5", "P_6")}, "coveranalysis")
    with pytest.raises(UsageError, match=r"holds the subsets benchmark, coveranalysis: choose one with --subset"):
        open_dataset(tmp_path)
    assert list(open_dataset(tmp_path, subset="coveranalysis").performances) == ["P_5", "P_6"]
    with pytest.raises(NotFoundError, match="has no subset 'sample'"):
        open_dataset(tmp_path, subset="sample")


def test_files_and_metadata_that_do_not_meet_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp", {"W_14": ("P_9", "P_10", "P_7"), "W_3": ("P_8",)})
    touch(tmp_path, "crema", {"W_14": ("P_9", "P_7"), "W_3": ("P_8",)})
    describe(tmp_path, {"W_14": ("P_9", "P_10"), "W_2": ("P_100",), "W_4": ("P_8",)})
    dataset = open_dataset(tmp_path, ("hpcp", "crema"))
    assert list(dataset.performances) == ["P_9"]
    assert dataset.skipped == (
        Skipped("da-tacos_benchmark_subset_hpcp/W_14_hpcp/P_7_hpcp.h5", "is not in the metadata JSON"),
        Skipped("da-tacos_benchmark_subset_hpcp/W_3_hpcp/P_8_hpcp.h5", "is in W_3, but the metadata JSON says W_4"),
        Skipped("da-tacos_benchmark_subset_crema/W_3_crema/P_8_crema.h5", "is in W_3, but the metadata JSON says W_4"),
        Skipped("W_4/P_8", "has no hpcp and crema file"),
        Skipped("W_14/P_10", "has no crema file"),
        Skipped("W_2/P_100", "has no hpcp and crema file"),
    )
    with pytest.raises(
        ArtefactError, match=r"6 would be skipped, first .*P_7_hpcp.h5: is not in the metadata JSON\nMend"
    ):
        open_dataset(tmp_path, ("hpcp", "crema"), strict=True)


def test_any_feature_is_enough_when_none_is_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp", {"W_14": ("P_9",)})
    touch(tmp_path, "crema", {"W_14": ("P_10",)})
    describe(tmp_path, {"W_14": ("P_9", "P_10")})
    dataset = open_dataset(tmp_path, strict=True)
    assert {pid: list(files) for pid, files in dataset.files.items()} == {"P_9": ["hpcp"], "P_10": ["crema"]}


def test_a_performance_in_two_works(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp", {"W_1": ("P_1", "P_2"), "W_2": ("P_1",)})
    dataset = open_dataset(tmp_path)
    assert list(dataset.performances) == ["P_2"]
    assert [s.reason for s in dataset.skipped] == ["is in W_1 and W_2: of which work is it?"]
    describe(tmp_path, {"W_2": ("P_1",), "W_1": ("P_2",)})
    dataset = open_dataset(tmp_path)
    assert dataset.performances["P_1"].wid == "W_2"
    assert [s.reason for s in dataset.skipped] == ["is in W_1, but the metadata JSON says W_2"]


def test_the_same_performance_in_two_folders(tmp_path: Path) -> None:
    touch(tmp_path / "a", "hpcp")
    touch(tmp_path / "b", "hpcp", {"W_2": ("P_100",)})
    dataset = open_dataset(tmp_path)
    assert dataset.skipped == (
        Skipped(
            "b/da-tacos_benchmark_subset_hpcp/W_2_hpcp/P_100_hpcp.h5",
            "is there twice, also as a/da-tacos_benchmark_subset_hpcp/W_2_hpcp/P_100_hpcp.h5",
        ),
    )


def test_misnamed_things_are_skipped(tmp_path: Path) -> None:
    folder = touch(tmp_path, "hpcp")
    (folder / "W_14_hpcp" / "P_9_crema.h5").touch()
    (folder / "W_14_hpcp" / "P_11_hpcp.h5").mkdir()
    os.mkfifo(folder / "W_14_hpcp" / "P_12_hpcp.h5")
    (folder / "W_14").mkdir()
    (folder / "P_3_hpcp.h5").touch()
    assert {Path(s.path).name: s.reason for s in open_dataset(tmp_path).skipped} == {
        "P_3_hpcp.h5": "is misnamed; expected a folder W_<number>_hpcp",
        "W_14": "is misnamed; expected a folder W_<number>_hpcp",
        "P_9_crema.h5": "is misnamed; expected P_<number>_hpcp.h5",
        "P_11_hpcp.h5": "is a folder, not an HDF5 file",
        "P_12_hpcp.h5": "is not a regular file",
    }


def test_links_are_followed_inside_the_root_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    outside = touch(tmp_path / "outside", "crema")
    folder = touch(root, "hpcp", {"W_1": ("P_1",)})
    (folder / "W_1_hpcp" / "P_2_hpcp.h5").symlink_to("P_1_hpcp.h5")
    (folder / "W_1_hpcp" / "P_3_hpcp.h5").symlink_to("/etc/passwd")
    (folder / "W_1_hpcp" / "P_4_hpcp.h5").symlink_to("nowhere")
    (folder / "W_2_hpcp").symlink_to(outside / "W_14_crema")
    (root / outside.name).symlink_to(outside)
    (root / "again").symlink_to(root)
    dataset = open_dataset(root)
    assert list(dataset.performances) == ["P_1", "P_2"]
    leaves = "is a symbolic link out of the dataset: not followed"
    assert {Path(s.path).name: s.reason for s in dataset.skipped} == {
        "P_3_hpcp.h5": leaves,
        "P_4_hpcp.h5": "is a symbolic link that cannot be followed: No such file or directory",
        "W_2_hpcp": leaves,
        outside.name: leaves,
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_folders_that_cannot_be_listed(tmp_path: Path) -> None:
    folder = touch(tmp_path, "hpcp")
    (folder / "W_2_hpcp").chmod(0)
    assert [s.reason for s in open_dataset(tmp_path).skipped] == ["cannot be listed: Permission denied"]
    (folder / "W_2_hpcp").chmod(0o700)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="none is not there; expected a Da-TACOS folder"):
        open_dataset(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError, match="file is not a folder"):
        open_dataset(tmp_path / "file")
    with pytest.raises(NotFoundError, match="has no Da-TACOS feature folder; expected da-tacos_<subset>"):
        open_dataset(tmp_path)
    (tmp_path / "da-tacos_benchmark_subset_hpcp").mkdir()
    with pytest.raises(NotFoundError, match="no usable performance; its feature folders hold no feature file"):
        open_dataset(tmp_path)
    with pytest.raises(NotFoundError, match=r"subset benchmark has no crema files; its folders are of hpcp"):
        open_dataset(tmp_path, ("crema",))


def test_a_link_out_of_the_root_is_named_when_nothing_is_found(tmp_path: Path) -> None:
    touch(tmp_path / "outside", "hpcp")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "data").symlink_to(tmp_path / "outside")
    with pytest.raises(NotFoundError, match=r"\(data is a symbolic link out of the dataset: not followed\)"):
        open_dataset(tmp_path / "root")


def test_an_unknown_feature(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown features mfcc; known are cens, crema, hpcp"):
        open_dataset(tmp_path, ("mfcc",))


def test_two_metadata_files(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp")
    describe(tmp_path)
    describe(tmp_path / "copy")
    with pytest.raises(ArtefactError, match="subset benchmark has 2 metadata files"):
        open_dataset(tmp_path)


def test_an_odd_record_costs_one_performance_and_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "hpcp")
    describe(tmp_path).write_text('{"W_14": {"P_9": {"perf_title": [7]}, "P_10": {}}, "W_2": {"P_100": {}}}')
    dataset = open_dataset(tmp_path)
    assert list(dataset.performances) == ["P_10", "P_100"]
    reason = "its record in the metadata JSON is refused: perf_title of P_9 must be text, not list"
    assert dataset.skipped == (Skipped("W_14/P_9", reason),)
