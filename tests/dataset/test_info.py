from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.info import group_reasons, measure_dataset
from covsearch.dataset.layout import Skipped
from covsearch.errors import FeatureFileError
from tests.hostile.files import BROKEN_FILES, chroma, write_file, write_single_file
from tests.hostile.trees import feature_file, metadata_file, write_tree


def test_counts_and_lengths(tmp_path: Path) -> None:
    for pid, wid, frames in (("P_1", "W_1", 60), ("P_2", "W_1", 90), ("P_10", "W_1", 200), ("P_3", "W_2", 77)):
        write_file(feature_file(tmp_path, pid, wid), {"hpcp": chroma(frames)}, pid, wid)
    write_file(feature_file(tmp_path, "P_2", "W_1", "crema"), {"crema": chroma(91).T}, "P_2", "W_1")
    metadata_file(tmp_path).parent.mkdir()
    metadata_file(tmp_path).write_text(
        '{"W_1": {"P_1": {"release_year": "1961", "instrumental": "Yes"}, "P_2": {"instrumental": "No"}, "P_10": {}},'
        ' "W_2": {"P_3": {"release_year": "1899", "instrumental": "No"}}}'
    )
    calls: list[tuple[str, int, int]] = []
    info = measure_dataset(open_dataset(tmp_path), progress=lambda *call: calls.append(call))
    assert info.to_dict() == {
        "root": str(tmp_path),
        "subset": "benchmark",
        "metadata": str(metadata_file(tmp_path)),
        "works": 2,
        "performances": 4,
        "cliques": {"1": 1, "3": 1},
        "frame_rate": {"value": 44100 / 512, "known": True},
        "features": {
            "hpcp": {
                "files": 4,
                "frames": {"min": 60, "median": 83.5, "mean": 106.75, "max": 200},
                "minutes": pytest.approx(
                    {"min": 0.0116100, "median": 0.0161572, "mean": 0.0206561, "max": 0.0386999}, rel=1e-4
                ),
            },
            "crema": {
                "files": 1,
                "frames": {"min": 91, "median": 91, "mean": 91, "max": 91},
                "minutes": pytest.approx(dict.fromkeys(("min", "median", "mean", "max"), 0.0176084), rel=1e-4),
            },
        },
        "years": {"first": 1899, "last": 1961, "known": 2},
        "instrumental": {"yes": 1, "known": 3},
        "checked": "headers",
        "skipped": [],
    }
    assert calls == [("reading headers", done, 5) for done in range(1, 6)]


def test_single_files_without_a_feature_count_for_the_others(tmp_path: Path) -> None:
    path = tmp_path / "da-tacos_benchmark_subset_single_files" / "W_14" / "P_15.h5"
    write_single_file(path, {"hpcp": chroma(50), "chroma_cens": chroma(51)})
    info = measure_dataset(open_dataset(tmp_path))
    assert {name: lengths.tolist() for name, lengths in info.lengths.items()} == {
        "hpcp": [50],
        "crema": [],
        "cens": [51],
    }
    assert [s.reason.partition(";")[0] for s in info.skipped] == ["has no dataset 'crema'"]
    assert info.to_dict()["features"]["crema"] == {"files": 0, "frames": {}, "minutes": {}}


def test_all_hostile_files_together_are_skipped(tmp_path: Path) -> None:
    write_tree(tmp_path)
    metadata_file(tmp_path).unlink()
    for number, (build, _) in enumerate(BROKEN_FILES.values(), 100):
        path = feature_file(tmp_path, f"P_{number}", "W_14")
        build(path)
    info = measure_dataset(open_dataset(tmp_path), check=True)
    assert info.lengths["hpcp"].tolist() == [200, 200, 200]
    assert len(info.skipped) == len(BROKEN_FILES) - 1  # one of them is not there at all
    assert all(not Path(s.path).is_absolute() for s in info.skipped)
    with pytest.raises(FeatureFileError):
        measure_dataset(open_dataset(tmp_path), strict=True)


def test_values_are_read_only_when_checking(tmp_path: Path) -> None:
    write_tree(tmp_path)
    values = chroma(40)
    values[3, 3] = np.nan
    write_file(feature_file(tmp_path, "P_15", "W_14"), {"hpcp": values})
    dataset = open_dataset(tmp_path)
    assert measure_dataset(dataset, strict=True).lengths["hpcp"].tolist() == [200, 40, 200]
    checked = measure_dataset(dataset, check=True)
    assert checked.lengths["hpcp"].tolist() == [200, 200]
    assert checked.skipped == (
        Skipped(
            "da-tacos_benchmark_subset_hpcp/W_14_hpcp/P_15_hpcp.h5", "has NaN or infinite values, first in frame 3"
        ),
    )
    with pytest.raises(FeatureFileError, match=r"P_15_hpcp.h5: has NaN"):
        measure_dataset(dataset, check=True, strict=True)


def test_reasons_that_differ_in_names_and_numbers_are_one() -> None:
    skipped = [
        Skipped("a", "is not in the metadata JSON"),
        Skipped("b", "has NaN or infinite values, first in frame 7"),
        Skipped("c", "attribute label says 'W_9'; folder and file name say W_14"),
        Skipped("d", "has NaN or infinite values, first in frame 1,200"),
        Skipped("e", "has shape (0, 12): no frames"),
    ]
    assert group_reasons(skipped) == [
        ("has NaN or infinite values, first in frame 7", ["b", "d"]),
        ("is not in the metadata JSON", ["a"]),
        ("attribute label says 'W_9'; folder and file name say W_14", ["c"]),
        ("has shape (0, 12): no frames", ["e"]),
    ]
