from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from covsearch.dataset import figures
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.info import measure_dataset
from tests.hostile.files import chroma, write_file
from tests.hostile.trees import feature_file, metadata_file, write_tree


def test_every_feature_and_the_lengths_are_drawn(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree")
    write_file(feature_file(tmp_path / "tree", "P_15", "W_14", "crema"), {"crema": chroma(60)})
    drawn = figures.draw_info(measure_dataset(open_dataset(tmp_path / "tree")), tmp_path / "figures")
    names = ["feature-distributions-hpcp.png", "feature-distributions-crema.png", "lengths.png"]
    assert [path.name for path in drawn] == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_a_seeded_part_of_a_large_collection_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PERFORMANCES", 6)
    monkeypatch.setattr(figures, "FRAMES", 40)
    for i in range(10):  # each performance is told by its value
        write_file(
            feature_file(tmp_path, f"P_{i}", "W_1"), {"hpcp": np.full((50, 12), i + 1, np.float32)}, f"P_{i}", "W_1"
        )
    dataset = open_dataset(tmp_path)
    frames, performances = figures.sample_frames(dataset, "hpcp")
    assert (frames.shape, performances) == ((240, 12), 6)
    values, counts = np.unique(frames[:, 0], return_counts=True)
    assert (len(values), set(counts.tolist())) == (6, {40})
    np.testing.assert_array_equal(figures.sample_frames(dataset, "hpcp")[0], frames)


def test_refused_files_are_not_drawn(tmp_path: Path) -> None:
    write_tree(tmp_path)
    metadata_file(tmp_path).unlink()
    feature_file(tmp_path, "P_15", "W_14").write_text("no HDF5")
    frames, performances = figures.sample_frames(open_dataset(tmp_path), "hpcp")
    assert (len(frames), performances) == (400, 2)
    for pid, wid in (("P_22", "W_14"), ("P_3", "W_2")):
        feature_file(tmp_path, pid, wid).write_text("no HDF5")
    assert figures.draw_info(measure_dataset(open_dataset(tmp_path)), tmp_path / "figures") == []
