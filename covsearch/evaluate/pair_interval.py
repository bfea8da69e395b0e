"""The interval of an AUC over all pairs, from a part of the pairs that a bootstrap can hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.pairs import COVER, NON_COVER, cover_pairs, non_cover_pairs
from covsearch.evaluate.bootstrap import Interval, bootstrap_over_works
from covsearch.evaluate.detection import Rate
from covsearch.evaluate.metrics import auc
from covsearch.evaluate.pair_auc import pair_auc
from covsearch.evaluate.ranks import Distances
from covsearch.progress import Progress, silent

AUC_PAIRS = 100_000
"""Pairs of different works, without an order, that the interval is told from at most; covers are all taken."""


def pair_auc_with_interval(
    distances: Distances,
    work: NDArray[np.generic],
    covers: NDArray[np.float64],
    *,
    replicates: int,
    seed: int = 0,
    most: int = AUC_PAIRS,
    progress: Progress = silent,
) -> Rate | None:
    """:func:`~covsearch.evaluate.pair_auc.pair_auc` of all pairs, with a 95 % interval by bootstrap over works.

    The value is exact. The interval is that of all cover pairs and at most `most` drawn non-cover pairs, both ways
    round; moved so that it stands around the exact value as it stands around that of the drawn pairs.

    Parameters
    ----------
    distances, covers, progress
        As of :func:`~covsearch.evaluate.pair_auc.pair_auc`.
    work : NDArray, shape (N,)
        Of texts or integers.
    replicates, seed, most : int

    Returns
    -------
    Rate or None
        None where there are no non-covers.
    """
    codes = np.unique(work, return_inverse=True)[1]
    both, label = _drawn_pairs([str(code) for code in codes.tolist()], most, seed)
    found = np.empty(len(both))
    by_first = np.argsort(both[:, 0], kind="stable")
    firsts = both[by_first, 0]

    def watched(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        rows = distances(queries)
        here = by_first[np.searchsorted(firsts, queries[0]) : np.searchsorted(firsts, queries[-1], side="right")]
        found[here] = rows[both[here, 0] - queries[0], both[here, 1]]
        return rows

    value = pair_auc(watched, work, covers, progress=progress)
    if value is None:
        return None
    sides, scores = codes[both], {"all": found}
    drawn = bootstrap_over_works(
        scores, label, sides[:, 0], sides[:, 1], replicates=replicates, seed=seed, progress=progress
    )
    ci, shift = drawn.interval("all"), value - auc(found, label)
    return Rate(value, Interval(max(0.0, ci.low + shift), min(1.0, ci.high + shift)))


def _drawn_pairs(works: list[str], most: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of positions both ways round, (P, 2), and their labels, (P,)."""
    covers, population = cover_pairs(works), len(works) * (len(works) - 1) // 2
    count = min(most, population - len(covers))
    others = non_cover_pairs(works, count, np.random.default_rng([seed, 2]))
    once = np.concatenate([covers, others])
    label = np.repeat(np.array([COVER, NON_COVER], dtype=np.int64), [len(covers), len(others)])
    return np.concatenate([once, once[:, ::-1]]), np.concatenate([label, label])
