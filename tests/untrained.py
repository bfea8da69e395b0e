"""Untrained checkpoints: embeddings mean nothing, but every stage is the real one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import Pairs, pairs_by_work, pairs_leaky, write_pairs
from covsearch.dataset.splits import Split, write_split
from covsearch.models import Siamese, save_checkpoint

FEATURES = FeatureConfig("hpcp", 64)


def write_model(folder: Path, seed: int = 0, **choices: Any) -> Path:
    """A checkpoint that says nothing of a training; `choices` are of its configuration."""
    torch.manual_seed(seed)
    config = ModelConfig(**{"features": FeatureConfig("hpcp", 120), **choices})
    save_checkpoint(folder, Siamese(config).eval(), config)
    return folder


def write_untrained(
    folder: Path,
    root: Path,
    by: str = "works",
    test: tuple[str, ...] = (),
    features: FeatureConfig = FEATURES,
    seed: int = 0,
    alpha: str = "signed",
    synthesize: str = "",
) -> Path:
    """A CNN for `features` as it starts, said to be trained on the collection at `root` but for the works `test`.

    With a true record of what it may be judged on.
    """
    torch.manual_seed(seed)
    config = ModelConfig(alpha=alpha, features=features)
    dataset = open_dataset(root, features.names)
    wids = [performance.wid for performance in dataset.performances.values()]
    rest = tuple(wid for wid in dataset.works if wid not in test)
    split = Split(rest[: len(rest) // 2], rest[len(rest) // 2 :], test)
    sizes = {"train": 20, "validation": 20, "test": 20}
    pairs: Mapping[str, Pairs]
    pairs = pairs_by_work(wids, split, sizes, 0) if by == "works" else pairs_leaky(wids, sizes, 0)
    training = TrainConfig(loss="supcon", synthesize=synthesize, seed=seed)
    save_checkpoint(folder, Siamese(config), config, train=training)
    write_split(folder / "split.json", split, subset=dataset.subset, by=by)
    write_pairs(folder / "pairs.csv", tuple(dataset.performances), pairs)
    return folder
