"""What the kill harness builds from: a few works of the bundled sample, and two untrained models."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.sample import sample_root
from covsearch.models import Siamese, save_checkpoint

SMALL, LARGE = 4, 6  # works


@dataclass(frozen=True)
class Materials:
    """Two collections of which one holds the other, two checkpoints, and some PIDs of the smaller collection."""

    small: Path
    large: Path
    model: Path
    other_model: Path
    some: tuple[str, ...]


def prepare(folder: Path, seed: int) -> Materials:
    """Make everything below `folder`."""
    sample = open_dataset(sample_root())
    wids = [wid for wid, pids in sample.works.items() if len(pids) == 2][:LARGE]
    small = _copied(sample, wids[:SMALL], folder / "small")
    large = _copied(sample, wids, folder / "large")
    models = [_untrained(folder / f"model-{number}", seed + number) for number in range(2)]
    return Materials(small, large, models[0], models[1], sample.works[wids[0]])


def _copied(dataset: Dataset, wids: list[str], root: Path) -> Path:
    """Some works of a dataset as a dataset of its own."""
    assert dataset.metadata is not None
    for pid in (pid for wid in wids for pid in dataset.works[wid]):
        source = dataset.files[pid]["hpcp"]
        target = root / source.relative_to(dataset.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    known = json.loads(dataset.metadata.read_text(encoding="utf-8"))
    metadata = root / dataset.metadata.relative_to(dataset.root)
    metadata.parent.mkdir(parents=True, exist_ok=True)
    metadata.write_text(json.dumps({wid: known[wid] for wid in wids}), encoding="utf-8")
    return root


def _untrained(folder: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    config = ModelConfig(features=FeatureConfig("hpcp", 2000, rate=SLOW_RATE))
    save_checkpoint(folder, Siamese(config).eval(), config)
    return folder
