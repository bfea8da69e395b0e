"""What the report trained, what it says came out, and the trainings that repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from covsearch.config import ModelConfig, TrainConfig
from covsearch.errors import UsageError
from covsearch.training.presets import configure

BRANCHES = ("cnn", "hybrid")
SPLITS = ("pairs", "works")
NAMES = {"cnn": "CNN", "hybrid": "CNN + quantum", "pairs": "split by pairs", "works": "split by works"}
SEEDS = 3
QUICK: Mapping[str, Any] = {
    "epochs": 4,
    "frames": 512,
    "train_pairs": 600,
    "validation_pairs": 200,
    "test_pairs": 200,
}
"""A rehearsal in minutes: fewer and shorter everything."""


@dataclass(frozen=True)
class Reported:
    """Figures of one model as the report gives them.

    Attributes
    ----------
    train, validation, accuracy, auc : float
        Training accuracy, best validation accuracy, test accuracy at 0.5, test AUC.
    """

    train: float
    validation: float
    accuracy: float
    auc: float


REPORTED: Mapping[str, Reported] = {
    "cnn": Reported(0.74, 0.63, 0.62, 0.70),
    "hybrid": Reported(0.74, 0.68, 0.65, 0.71),
}
"""Section 4 of the report, on Da-TACOS's benchmark subset."""


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes
    ----------
    branch : str
        ``cnn`` or ``hybrid`` (q = 7).
    split : str
        ``pairs``, the report's, or ``works``.
    seed : int
    """

    branch: str
    split: str
    seed: int

    @property
    def folder(self) -> str:
        """What its checkpoint's folder is called."""
        return f"{self.branch}-{self.split}-seed{self.seed}"

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{NAMES[self.branch]}, {NAMES[self.split]}, seed {self.seed}"

    def configured(self, *, quick: bool) -> tuple[ModelConfig, TrainConfig]:
        """The report's preset for this run."""
        explicit = {"branch": self.branch, "split": self.split, "seed": self.seed, **(QUICK if quick else {})}
        return configure("report", explicit)


def plan(seeds: int) -> list[Run]:
    """Every training, the first seed's of all models and splits first.

    Raises
    ------
    UsageError
        For less than one seed.
    """
    if seeds < 1:
        raise UsageError(f"at least 1 seed is needed, not {seeds}")
    return [Run(branch, split, seed) for seed in range(seeds) for split in SPLITS for branch in BRANCHES]
