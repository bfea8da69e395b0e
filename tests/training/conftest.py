"""A small collection to train on, packed once."""

from __future__ import annotations

import pytest
from collection import write_collection

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import Pairs, pairs_by_work
from covsearch.dataset.splits import draw_split
from covsearch.features.pack import pack
from covsearch.features.store import FrameStore


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    """Fifteen works of three performances, HPCP at most 256 frames."""
    root = write_collection(tmp_path_factory.mktemp("toy"), works=15, versions=3, frames=120)
    return pack(open_dataset(root, ["hpcp"]), FeatureConfig("hpcp", 256), tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="package")
def pairs(store: FrameStore) -> dict[str, Pairs]:
    """Balanced pairs, split by work."""
    sizes = {"train": 54, "validation": 12, "test": 12}
    return pairs_by_work(store.wids, draw_split(store.wids, 0), sizes, 0)
