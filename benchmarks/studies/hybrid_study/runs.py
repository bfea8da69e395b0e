"""One training of one model with one seed, judged on its test pairs and on real covers it has not heard."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from benchmarks.studies.ablation import mean_average_precision
from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.datacos import Dataset
from covsearch.dataset.pairs import COVER, Pairs
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.progress import Progress, silent
from covsearch.training.loop import TrainReport, pair_scores, train
from covsearch.training.presets import configure
from covsearch.training.run import pairs_by_part

CNN = "cnn"
VARIANTS: dict[str, dict[str, Any]] = {
    CNN: {"branch": "cnn"},
    "hybrid, q = 7": {"branch": "hybrid", "qubits": 7},
    "hybrid, q = 6": {"branch": "hybrid", "qubits": 6},
    "hybrid, residual": {"branch": "hybrid", "qubits": 7, "readout": "residual"},
    "bottleneck": {"branch": "bottleneck", "qubits": 7},
}
"""The report's two models first; ``bottleneck`` is the classical control, tanh in place of the circuit."""
_SPEED_BATCH, _SPEED_TURNS = 32, 8


@dataclass(frozen=True)
class Material:
    """What every model of one collection is trained and judged on.

    Attributes
    ----------
    dataset : Dataset
    real : Dataset or None
        Judged on only; None where it is not at hand.
    frames : int
        A track is brought to at most so many.
    cache : Path
    """

    dataset: Dataset
    real: Dataset | None
    frames: int
    cache: Path


def configured(variant: str, seed: int, material: Material, epochs: int | None) -> tuple[ModelConfig, TrainConfig]:
    """The report's preset with one variant's branch."""
    explicit = {**VARIANTS[variant], "frames": material.frames, "seed": seed, "epochs": epochs}
    return configure("report", explicit)


def run(
    variant: str, seed: int, material: Material, *, epochs: int | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Train and judge; what is returned is JSON-ready.

    Parameters
    ----------
    variant : str
        A key of :data:`VARIANTS`.
    seed : int
        Of split, pairs and training: all variants of one seed hear and are asked the same pairs.
    material : Material
    epochs : int, optional
        Instead of the report's 20.
    progress : Progress
    """
    config, training = configured(variant, seed, material, epochs)
    store = pack_cached(material.cache, material.dataset, config.features, progress=progress)
    _, pairs = pairs_by_part(material.dataset, store, training)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = train(store, pairs, config, training, Path(folder), progress)
    return {
        "variant": variant,
        "seed": seed,
        "pairs": {part: len(some) for part, some in pairs.items()},
        "parameters": sum(p.numel() for p in report.model.parameters()),
        "train_cpu_seconds": round(time.process_time() - started, 1),
        "embed_cpu_ms": round(embedding_ms(report.model, config.features), 3),
        "history": [
            {
                "epoch": row.epoch,
                "loss": round(row.validation_loss, 5),
                "accuracy": round(row.validation_accuracy, 5),
                "train_loss": round(row.train_loss, 5),
            }
            for row in report.history
        ],
        "best_epoch": report.best_epoch,
        "test": judged(report, store, pairs),
        "real": real_figures(report.model, material, config),
    }


def judged(report: TrainReport, store: FrameStore, pairs: Mapping[str, Pairs]) -> dict[str, Any]:
    """AUC and accuracies on test pairs, with scores, labels and works for whoever compares two models on them.

    The calibrated threshold is the one that is right most often on validation pairs.
    """
    threshold = best_threshold(pair_scores(report.model, store, pairs["validation"]), pairs["validation"].label)
    test = pairs["test"]
    scores = pair_scores(report.model, store, test)
    return {
        "auc": float(roc_auc_score(test.label, scores)),
        "accuracy": accuracy(scores, test.label, 0.0),
        "threshold": threshold,
        "accuracy_calibrated": accuracy(scores, test.label, threshold),
        "scores": [round(s, 6) for s in scores.tolist()],
        "label": test.label.tolist(),
        "work_a": [store.wids[i] for i in test.a.tolist()],
        "work_b": [store.wids[i] for i in test.b.tolist()],
    }


def best_threshold(scores: NDArray[Any], label: NDArray[np.int64]) -> float:
    """The score above which calling pairs non-covers is right most often; the middle one of equally good ones."""
    fpr, tpr, thresholds = roc_curve(label, scores, drop_intermediate=False)  # label 1, non-cover, is positive
    covers = float(np.mean(label == COVER))
    right = tpr * (1 - covers) + (1 - fpr) * covers
    best = np.flatnonzero(right >= right.max() - 1e-12)
    at = int(best[len(best) // 2])
    if not np.isfinite(thresholds[at]):
        return float(np.max(scores)) + 1.0
    below = scores[scores < thresholds[at]]
    return float(thresholds[at] if not len(below) else (thresholds[at] + below.max()) / 2)


def accuracy(scores: NDArray[Any], label: NDArray[np.int64], threshold: float) -> float:
    """Share of pairs on the right side of a threshold on scores; 0 is p = 0.5."""
    return float(np.mean((scores < threshold) == (label == COVER)))


def real_figures(model: Siamese, material: Material, config: ModelConfig) -> dict[str, float] | None:
    """AUC over all pairs of the real recordings, and MAP; None without them."""
    if material.real is None:
        return None
    store = pack_cached(material.cache, material.real, config.features)
    a, b = np.triu_indices(len(store), 1)
    works = np.unique(store.wids, return_inverse=True)[1]
    pairs = Pairs(a, b, np.where(works[a] == works[b], COVER, 1 - COVER))
    scores = pair_scores(model, store, pairs)
    return {
        "auc": float(roc_auc_score(pairs.label, scores)),
        "map": mean_average_precision(scores, pairs, store.wids),
    }


def embedding_ms(model: Siamese, features: FeatureConfig) -> float:
    """CPU milliseconds to embed one track of as many frames as `features` allow, in batches of 32."""
    x = torch.rand(_SPEED_BATCH, features.frames, features.width, generator=torch.Generator().manual_seed(0))
    lengths = torch.full((_SPEED_BATCH,), features.frames)
    turns = []
    with torch.inference_mode():
        for _ in range(_SPEED_TURNS):
            started = time.process_time()
            model.embed(x, lengths)
            turns.append(time.process_time() - started)
    return float(np.median(turns)) / _SPEED_BATCH * 1e3
