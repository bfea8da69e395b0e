"""Packed stores of datasets whose paths are odd."""

from __future__ import annotations

import os
from pathlib import Path

from collection import FRAME_RATE, write_collection

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.features.pack import pack_cached


def test_a_dataset_whose_path_is_not_utf8_is_packed(tmp_path: Path) -> None:
    root = write_collection(Path(os.fsdecode(os.fsencode(tmp_path) + b"/toy\xff")), works=1, versions=2)
    store = pack_cached(tmp_path / "cache", open_dataset(root), FeatureConfig("hpcp", 120, FRAME_RATE))
    assert list(store.pids) == ["P_1", "P_2"]
