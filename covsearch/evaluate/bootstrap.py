"""How sure an AUC is: the bootstrap over works.

Pairs of one work are not independent, so resampling pairs would make intervals too narrow. Here whole works
are drawn with replacement, and a pair counts as often as it would occur among the works drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.dataset.pairs import COVER
from covsearch.errors import UsageError
from covsearch.evaluate.metrics import checked
from covsearch.progress import Progress, silent

REPLICATES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class BootstrapAuc:
    """AUC of every system in every replicate; all systems see the same works drawn.

    Attributes
    ----------
    auc : dict
        Name of the system -> NDArray[float64], shape (R,).
    works : int
        How many works were resampled.
    redrawn : int
        Draws thrown away because they held no cover or no non-cover.
    """

    auc: dict[str, NDArray[np.float64]]
    works: int
    redrawn: int

    def interval(self, name: str, level: float = LEVEL) -> Interval:
        """Percentile interval of one system's AUC."""
        return percentile_interval(self.auc[name], level)

    def difference(self, name: str, other: str, level: float = LEVEL) -> Interval:
        """Percentile interval of AUC(`name`) - AUC(`other`), paired: both on the same works drawn."""
        return percentile_interval(self.auc[name] - self.auc[other], level)


def percentile_interval(values: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """The middle `level` share of bootstrap `values`, shape (R,), by linear percentiles."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_over_works(
    scores: Mapping[str, ArrayLike],
    label: ArrayLike,
    work_a: Sequence[str],
    work_b: Sequence[str],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress = silent,
) -> BootstrapAuc:
    """Resample works with replacement and compute every system's AUC anew.

    A work drawn c times brings c copies of its cover pairs; works drawn c and d times bring c·d copies of
    each non-cover pair between them. No recording is ever paired with its own copy.

    Parameters
    ----------
    scores : mapping
        Name of a system -> scores of the same N pairs, high = non-cover.
    label : array_like, shape (N,)
        0 = cover, 1 = non-cover.
    work_a, work_b : sequence of str, length N
        The works of both sides of each pair; equal exactly in covers.
    replicates : int
        R, at least 1.
    seed : int
        Decides which works are drawn, whatever systems are asked for.
    progress : Progress
        Told after every replicate.

    Returns
    -------
    BootstrapAuc

    Raises
    ------
    UsageError
        For what :func:`covsearch.evaluate.metrics.auc` refuses, or labels that contradict the works.

    References
    ----------
    Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 8 and 13.
    """
    if replicates < 1:
        raise UsageError(f"the bootstrap needs at least 1 replicate, not {replicates}")
    rankings = {name: _Ranking(*checked(score, label, both_classes=True)) for name, score in scores.items()}
    weights = _Weights(np.asarray(label), work_a, work_b)
    rng = np.random.default_rng(seed)
    auc = {name: np.empty(replicates) for name in rankings}
    redrawn = 0
    for k in range(replicates):
        covers, others = weights.draw(rng)
        while not covers.any() or not others.any():
            redrawn += 1
            covers, others = weights.draw(rng)
        for name, ranking in rankings.items():
            auc[name][k] = ranking.weighted_auc(covers, others)
        progress("bootstrap over works", k + 1, replicates)
    return BootstrapAuc(auc, weights.works, redrawn)


class _Weights:
    """Which works each pair belongs to, and how often it occurs when works are drawn."""

    def __init__(self, label: NDArray[np.int64], work_a: Sequence[str], work_b: Sequence[str]) -> None:
        if not len(label) == len(work_a) == len(work_b):
            raise UsageError(f"{len(label)} labels need as many works, got {len(work_a)} and {len(work_b)}")
        names, codes = np.unique(np.concatenate([np.asarray(work_a), np.asarray(work_b)]), return_inverse=True)
        a, b = codes[: len(label)], codes[len(label) :]
        cover = label == COVER
        wrong = np.flatnonzero((a == b) != cover)
        if len(wrong):
            k = int(wrong[0])
            raise UsageError(f"pair {k} of works {work_a[k]} and {work_b[k]} has label {label[k]}: 0 is cover")
        self.works = len(names)
        self._cover, self._other_a, self._other_b = a[cover], a[~cover], b[~cover]

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw as many works as there are; weights of the covers (N0,) and of the non-covers (N1,)."""
        count = np.bincount(rng.integers(self.works, size=self.works), minlength=self.works)
        return count[self._cover], count[self._other_a] * count[self._other_b]


class _Ranking:
    """One system's order of covers among sorted non-covers, found once and reused in every replicate."""

    def __init__(self, score: NDArray[np.float64], label: NDArray[np.int64]) -> None:
        others = score[label != COVER]
        self.order = np.argsort(others, kind="stable")  # (N1,)
        ascending = others[self.order]
        self.below = np.searchsorted(ascending, score[label == COVER], side="left")  # (N0,)
        self.not_above = np.searchsorted(ascending, score[label == COVER], side="right")  # (N0,)

    def weighted_auc(self, covers: NDArray[np.int64], others: NDArray[np.int64]) -> float:
        """AUC with these weights of covers (N0,) and of non-covers (N1,), both in the pairs' own order.

        Equals ``roc_auc_score(label, score, sample_weight=...)``; the Mann-Whitney form needs no sort, and
        with whole-number weights its sums are exact.
        """
        total = np.concatenate([[0], np.cumsum(others[self.order])])  # (N1 + 1,)
        beaten_twice = 2 * total[-1] - total[self.below] - total[self.not_above]  # ties count half
        return float(np.sum(covers * beaten_twice) / (2 * covers.sum() * total[-1]))
