"""A finished training, judged on its test pairs from its checkpoint alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.pairs import Pairs, read_pairs
from covsearch.errors import ArtefactError, UsageError
from covsearch.evaluate.calibration import CalibrationScore, fit_calibration, judge_calibration
from covsearch.evaluate.metrics import accuracy, auc
from covsearch.features.store import FrameStore
from covsearch.guard.files import text_artefact
from covsearch.index.head import Head
from covsearch.models import load_checkpoint
from covsearch.reproduce.plan import Run
from covsearch.training.card import PAIRS
from covsearch.training.loop import METRICS, goodness, pair_scores

_MAX_METRICS = 2**20


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What one training came to.

    Attributes
    ----------
    run : Run
    parameters : int
    history : tuple of mapping
        Metrics of every epoch, as ``metrics.jsonl`` has them.
    best_epoch : int
        1-based; the epoch whose weights were kept: of the best validation accuracy, then of the least loss.
    pairs : mapping
        Part -> how many pairs.
    score, label, work_a, work_b : NDArray, shape (N,)
        Logits of the test pairs, their labels (0 = cover) and the works of both sides.
    calibration : CalibrationScore or None
        Fitted on the validation pairs, judged on the test pairs; None where they allow none.
    uncalibrated : str
        Why not.
    """

    run: Run
    parameters: int
    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    pairs: Mapping[str, int]
    score: NDArray[np.float32]
    label: NDArray[np.int64]
    work_a: NDArray[np.int64]
    work_b: NDArray[np.int64]
    calibration: CalibrationScore | None
    uncalibrated: str = ""

    @property
    def probability(self) -> NDArray[np.float64]:
        """The report's p of every test pair: near 0 = cover."""
        return Head.probability(self.score.astype(np.float64))

    @property
    def accuracy(self) -> float:
        """On the test pairs at threshold 0.5."""
        return accuracy(self.probability, self.label)

    @property
    def auc(self) -> float:
        """On the test pairs."""
        return auc(self.score, self.label)

    @property
    def best(self) -> Mapping[str, float]:
        """Metrics of the epoch that was kept."""
        return self.history[self.best_epoch - 1]

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        return {
            "model": self.run.branch,
            "split": self.run.split,
            "seed": self.run.seed,
            "parameters": self.parameters,
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            "pairs": dict(self.pairs),
            "train_accuracy": self.best["train_accuracy"],
            "validation_accuracy": self.best["validation_accuracy"],
            "test_accuracy": self.accuracy,
            "test_auc": self.auc,
            "calibration": self.calibration and self.calibration.to_dict(),
            "uncalibrated": self.uncalibrated or None,
            "seconds": round(sum(epoch["seconds"] for epoch in self.history), 1),
        }


def judge_run(run: Run, folder: Path, store: FrameStore) -> JudgedRun:
    """Score the validation and test pairs that a checkpoint's folder names.

    Parameters
    ----------
    run : Run
    folder : Path
        The checkpoint.
    store : FrameStore
        Of the collection that it was trained on.

    Raises
    ------
    ArtefactError
        When a file of the checkpoint is missing or damaged, or does not fit the collection.
    """
    checkpoint = load_checkpoint(folder)
    history = _history(folder / METRICS)
    pairs = {part: read_pairs(folder / PAIRS, store.pids, part) for part in ("train", "validation", "test")}
    works = np.unique(store.wids, return_inverse=True)[1]
    scores = {part: pair_scores(checkpoint.model, store, pairs[part]) for part in ("validation", "test")}
    test = pairs["test"]
    sides = works[test.a], works[test.b]
    calibration, reason = _calibrated(scores, pairs, sides, run.seed)
    return JudgedRun(
        run,
        sum(p.numel() for p in checkpoint.model.parameters()),
        history,
        1 + max(range(len(history)), key=lambda epoch: goodness(history[epoch])),
        {part: len(some) for part, some in pairs.items()},
        scores["test"],
        test.label,
        *sides,
        calibration,
        reason,
    )


def _history(path: Path) -> tuple[Mapping[str, float], ...]:
    lines = text_artefact(path, _MAX_METRICS).splitlines()
    try:
        history = tuple(json.loads(line) for line in lines)
        if not history or not all(isinstance(epoch["validation_accuracy"], float) for epoch in history):
            raise ValueError("it says nothing of the validation accuracy")
    except (ValueError, KeyError, TypeError) as e:
        raise ArtefactError(f"{path}: expected a line of JSON for every epoch: {e}; delete the folder") from e
    return history


def _calibrated(
    scores: Mapping[str, NDArray[np.float32]],
    pairs: Mapping[str, Pairs],
    sides: tuple[NDArray[np.int64], NDArray[np.int64]],
    seed: int,
) -> tuple[CalibrationScore | None, str]:
    try:
        fitted = fit_calibration(scores["validation"], pairs["validation"].label)
        return judge_calibration(scores["test"], pairs["test"].label, *sides, fitted, seed=seed), ""
    except (ArtefactError, UsageError) as e:
        return None, str(e)
