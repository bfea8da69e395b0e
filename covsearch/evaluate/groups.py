"""How well groups are the works: pairwise precision and recall with intervals from the bootstrap over works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import REPLICATES, Interval, percentile_interval, replicated


@dataclass(frozen=True)
class GroupScores:
    """Pairs of performances in one group beside pairs of one work.

    Attributes
    ----------
    right, wrong, missed : int
        Pairs in one group of one work, in one group of two works, and of one work in two groups.
    precision : float or None
        Share of the pairs in groups that are right; None where there are none.
    recall : float
        Share of the pairs of one work that are in one group.
    precision_ci : Interval or None
        None where some resampling of the works has no pair in a group.
    recall_ci : Interval
        Both of 95 %.
    """

    right: int
    wrong: int
    missed: int
    precision: float | None
    recall: float
    precision_ci: Interval | None
    recall_ci: Interval

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        return asdict(self)


def score_groups(group: ArrayLike, work: ArrayLike, *, replicates: int = REPLICATES, seed: int = 0) -> GroupScores:
    """Judge groups by known works.

    A work drawn c times brings c copies of its pairs; works drawn c and d times bring c·d copies of each wrong pair
    between them, as in :mod:`covsearch.evaluate.bootstrap`.

    Parameters
    ----------
    group, work : array_like, shape (N,)
        Of each performance; equal ones are together.
    replicates : int
        Of the bootstrap over works, at least 1.
    seed : int

    Raises
    ------
    UsageError
        When they differ in length, or no work has two performances.
    """
    found, known = (np.unique(np.asarray(values), return_inverse=True)[1] for values in (group, work))
    if len(found) != len(known):
        raise UsageError(f"expected a group and a work of each performance, got {len(found)} and {len(known)}")
    sizes = np.bincount(known).astype(np.float64)
    listed = sizes * (sizes - 1) / 2
    if not listed.any():
        raise UsageError("expected a work with two performances: there are no pairs to find")
    right, (one, other, wrong) = _pairs(found, known, len(sizes))

    def values(drawn: NDArray[np.float64]) -> dict[str, float]:
        hits = float(drawn @ right)
        false = float((drawn[one] * drawn[other]) @ wrong)
        share = float(drawn @ listed)
        told = hits + false
        return {"precision": hits / told if told else np.nan, "recall": hits / share if share else np.nan}

    def once(rng: np.random.Generator) -> Mapping[str, float]:
        while True:
            found = values(np.bincount(rng.integers(len(sizes), size=len(sizes)), minlength=len(sizes)).astype(float))
            if not np.isnan(found["recall"]):
                return found

    point, drawn = values(np.ones(len(sizes))), replicated(once, replicates=replicates, seed=seed)
    unknown = bool(np.isnan(drawn["precision"]).any())
    return GroupScores(
        right=int(right.sum()),
        wrong=int(wrong.sum()),
        missed=int(listed.sum() - right.sum()),
        precision=None if np.isnan(point["precision"]) else point["precision"],
        recall=point["recall"],
        precision_ci=None if unknown else percentile_interval(drawn["precision"]),
        recall_ci=percentile_interval(drawn["recall"]),
    )


def _pairs(
    group: NDArray[np.int64], work: NDArray[np.int64], works: int
) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Right pairs of each work (W,); and works of which wrong pairs are, with the number of these."""
    right, one, other, wrong = np.zeros(works), [], [], []
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        there, counts = np.unique(work[rows], return_counts=True)
        right[there] += counts * (counts - 1) / 2
        a, b = np.triu_indices(len(there), 1)
        one.append(there[a])
        other.append(there[b])
        wrong.append((counts[a] * counts[b]).astype(np.float64))
    return right, (np.concatenate(one), np.concatenate(other), np.concatenate(wrong))
