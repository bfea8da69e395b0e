"""How sure an AUC is: the bootstrap over works.

Pairs of one work are not independent, so resampling pairs would make intervals too narrow. Here whole works
are drawn with replacement, and a pair counts as often as it would occur among the works drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
    """A confidence interval, both ends included; ``f"{interval:.3f}"`` formats both."""

    low: float
    high: float

    def __format__(self, form: str) -> str:
        return f"[{self.low:{form}}, {self.high:{form}}]"


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

    def difference(self, name: str, other: str) -> Interval:
        """Percentile interval of AUC(`name`) - AUC(`other`), paired: both on the same works drawn."""
        return percentile_interval(self.auc[name] - self.auc[other])


def drawn_how(replicates: int, seed: int) -> dict[str, Any]:
    """What a report says of its bootstrap, ready for :func:`json.dumps`."""
    return {"over": "works", "level": LEVEL, "replicates": replicates, "seed": seed}


def percentile_interval(values: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """The middle `level` share of bootstrap `values`, shape (R,), by linear percentiles."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_over_works(
    scores: Mapping[str, ArrayLike],
    label: ArrayLike,
    work_a: ArrayLike,
    work_b: ArrayLike,
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
    work_a, work_b : array_like of str or int, shape (N,)
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
    rankings = {name: _Ranking(*checked(score, label, both_classes=True)) for name, score in scores.items()}
    weights = WorkWeights(np.asarray(label), work_a, work_b)

    def once(rng: np.random.Generator) -> dict[str, float]:
        covers, others = weights.draw_both(rng)
        return {name: ranking.weighted_auc(covers, others) for name, ranking in rankings.items()}

    auc = replicated(once, replicates=replicates, seed=seed, stage="bootstrap over works", progress=progress)
    return BootstrapAuc(auc, weights.works, weights.redrawn)


def replicated(
    once: Callable[[np.random.Generator], Mapping[str, float]],
    *,
    replicates: int,
    seed: int,
    stage: str = "",
    progress: Progress = silent,
) -> dict[str, NDArray[np.float64]]:
    """Draw R times and keep what every system makes of each draw.

    Parameters
    ----------
    once : callable
        A generator -> the value of every system on what it draws: name -> number.
    replicates : int
        R, at least 1.
    seed : int
        Of the one generator behind all draws.
    stage : str
        What `progress` is told, after every replicate.
    progress : Progress

    Returns
    -------
    dict
        Name -> NDArray[float64], shape (R,).

    Raises
    ------
    UsageError
        For less than one replicate.
    """
    if replicates < 1:
        raise UsageError(f"the bootstrap needs at least 1 replicate, not {replicates}")
    rng = np.random.default_rng(seed)
    drawn = []
    for k in range(replicates):
        drawn.append(once(rng))
        progress(stage, k + 1, replicates)
    return {name: np.array([values[name] for values in drawn]) for name in drawn[0]}


def bootstrap_means(
    values: Mapping[str, NDArray[np.float64]], work: NDArray[np.int64], *, replicates: int, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Means over queries when works are drawn with replacement; every system sees the same works drawn.

    As many works as have queries are drawn; a query counts as often as its work. The collection that is ranked
    stays as it is.

    Parameters
    ----------
    values : mapping
        Name of a system -> a number of each of the same Q queries.
    work : NDArray[int64], shape (Q,)
        The work of each query.
    replicates : int
        R, at least 1.
    seed : int

    Returns
    -------
    dict
        Name -> NDArray[float64], shape (R,).

    Raises
    ------
    UsageError
        For less than one replicate.

    References
    ----------
    Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 8.
    """
    codes = np.unique(work, return_inverse=True)[1]
    queries = np.bincount(codes)  # (W,)
    sums = {name: np.bincount(codes, weights=some) for name, some in values.items()}

    def once(rng: np.random.Generator) -> dict[str, float]:
        count = _drawn(rng, len(queries))
        return {name: float(count @ total / (count @ queries)) for name, total in sums.items()}

    return replicated(once, replicates=replicates, seed=seed)


def bootstrap_medians(
    values: NDArray[np.float64], work: NDArray[np.int64], *, replicates: int, seed: int = 0
) -> NDArray[np.float64]:
    """Medians over queries, (R,), when works are drawn as :func:`bootstrap_means` draws them.

    Parameters
    ----------
    values : NDArray[float64], shape (Q,)
    work : NDArray[int64], shape (Q,)
        The work of each query.
    replicates : int
        R, at least 1.
    seed : int
    """
    order = np.argsort(values, kind="stable")
    ascending, codes = values[order], np.unique(work, return_inverse=True)[1][order]

    def once(rng: np.random.Generator) -> dict[str, float]:
        upto = np.cumsum(_drawn(rng, int(codes.max()) + 1)[codes])  # queries drawn among the lowest so many
        low, high = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
        return {"median": float((ascending[low] + ascending[high]) / 2)}

    return replicated(once, replicates=replicates, seed=seed)["median"]


def _drawn(rng: np.random.Generator, works: int) -> NDArray[np.int64]:
    """How often each work is drawn when as many are drawn as there are, (W,)."""
    return np.bincount(rng.integers(works, size=works), minlength=works)


class WorkWeights:
    """Which works each pair belongs to, and how often it occurs when works are drawn.

    Parameters
    ----------
    label : NDArray[int64], shape (N,)
    work_a, work_b : array_like of str or int, shape (N,)

    Attributes
    ----------
    works : int
        How many there are.
    redrawn : int
        Draws thrown away so far because they held no cover or no non-cover.

    Raises
    ------
    UsageError
        When the labels contradict the works.
    """

    def __init__(self, label: NDArray[np.int64], work_a: ArrayLike, work_b: ArrayLike) -> None:
        sides = np.asarray(work_a), np.asarray(work_b)
        if not len(label) == len(sides[0]) == len(sides[1]):
            raise UsageError(f"{len(label)} labels need as many works, got {len(sides[0])} and {len(sides[1])}")
        names, codes = np.unique(np.concatenate(sides), return_inverse=True)
        a, b = codes[: len(label)], codes[len(label) :]
        cover = label == COVER
        wrong = np.flatnonzero((a == b) != cover)
        if len(wrong):
            k = int(wrong[0])
            raise UsageError(f"pair {k} of works {names[a[k]]} and {names[b[k]]} has label {label[k]}: 0 is cover")
        self.works = len(names)
        self.redrawn = 0
        self._cover, self._other_a, self._other_b = a[cover], a[~cover], b[~cover]

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw as many works as there are; weights of the covers (N0,) and of the non-covers (N1,)."""
        count = _drawn(rng, self.works).astype(np.float64)
        return count[self._cover], count[self._other_a] * count[self._other_b]

    def draw_both(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As :meth:`draw`, until there are covers and non-covers among the works drawn."""
        covers, others = self.draw(rng)
        while not covers.any() or not others.any():
            self.redrawn += 1
            covers, others = self.draw(rng)
        return covers, others


class _Ranking:
    """Where one system puts each non-cover among the sorted covers: found once, reused in every replicate."""

    def __init__(self, score: NDArray[np.float64], label: NDArray[np.int64]) -> None:
        covers, others = score[label == COVER], score[label != COVER]
        self._order = np.argsort(covers, kind="stable")  # (N0,)
        self._above = np.searchsorted(covers[self._order], others, side="left")  # (N1,) covers strictly below
        not_below = np.searchsorted(covers[self._order], others, side="right")  # (N1,)
        self._tied = np.flatnonzero(self._above != not_below)
        self._tied_to = not_below[self._tied]

    def weighted_auc(self, covers: NDArray[np.float64], others: NDArray[np.float64]) -> float:
        """AUC with these weights of covers (N0,) and of non-covers (N1,), both in the pairs' own order.

        Equals ``roc_auc_score(label, score, sample_weight=...)``; the Mann-Whitney form needs no sort, and
        with whole-number weights its sums are exact.
        """
        below = np.concatenate([[0.0], np.cumsum(covers[self._order])])  # (N0 + 1,) weight of the k lowest covers
        beaten = others @ below[self._above]
        level = others[self._tied] @ (below[self._tied_to] - below[self._above[self._tied]])
        return float((beaten + level / 2) / (below[-1] * others.sum()))
