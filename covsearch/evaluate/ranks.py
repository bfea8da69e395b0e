"""How well a collection is ranked: where the covers of every query stand, and what follows from it.

Every performance with at least one other version in the collection is a query; works with one performance are
distractors and never queries. The query itself is left out by its position, whatever its distance.

Ties are broken against the system: a cover stands behind every non-cover at the same distance. So a system that gives
everything the same distance gets the worst ranks there are, not those that the order of the files would give it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.errors import UsageError
from covsearch.progress import Progress, silent

Distances = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Positions of B queries -> distances (B, N) to the whole collection; any scale and sign, low = cover."""

BLOCK = 64  # queries at once: at 15,000 performances 8 MB of float64
RECALL_AT = (1, 5, 10, 50, 100)


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where the covers of Q queries stand in a collection of N performances.

    Attributes
    ----------
    query : NDArray[int64], shape (Q,)
        Positions in the collection.
    work : NDArray[int64], shape (Q,)
        A number for the work of each query.
    covers : NDArray[int64], shape (Q,)
        R, how many covers each query has; at least 1.
    rank : NDArray[int64], shape (ΣR,)
        From 1, ascending within a query: the covers of one query after those of the other.
    distance : NDArray[float64], shape (ΣR,)
        At which each of these covers was found.
    collection : int
        N, the query included.
    nearest_other : NDArray[float64], shape (Q,)
        Distance of each query's nearest non-cover; infinite where there is none.
    """

    query: NDArray[np.int64]
    work: NDArray[np.int64]
    covers: NDArray[np.int64]
    rank: NDArray[np.int64]
    distance: NDArray[np.float64]
    collection: int
    nearest_other: NDArray[np.float64]

    @property
    def start(self) -> NDArray[np.int64]:
        """Where each query's covers begin in :attr:`rank`, (Q,)."""
        start: NDArray[np.int64] = np.cumsum(self.covers) - self.covers
        return start

    @property
    def first(self) -> NDArray[np.int64]:
        """Rank of each query's first cover, (Q,)."""
        return self.rank[self.start]

    def average_precision(self) -> NDArray[np.float64]:
        """AP of each query, (Q,) in (0, 1]: the precision at each cover's rank, divided by all covers."""
        nth = np.arange(len(self.rank)) - np.repeat(self.start, self.covers) + 1  # 1 .. R of each query
        sums: NDArray[np.float64] = np.add.reduceat(nth / self.rank, self.start)
        return sums / self.covers

    def normalised_rank(self) -> NDArray[np.float64]:
        """How far each query's covers stand from the top, (Q,) in [0, 1): 0 is best, chance is about one half.

        With n = N - 1 performances to rank and R covers at the ranks r_i it is (Σ r_i - R (R + 1) / 2) / (n R).

        References
        ----------
        Müller, Müller, Squire, Marchand-Maillet, Pun, "Performance evaluation in content-based image retrieval:
        overview and proposals", Pattern Recognition Letters 22 (2001), the normalised average rank.
        """
        sums: NDArray[np.int64] = np.add.reduceat(self.rank, self.start)
        return (sums / self.covers - (self.covers + 1) / 2) / (self.collection - 1)

    def found(self, k: int) -> NDArray[np.int64]:
        """How many of each query's covers are among the first `k`, (Q,)."""
        found: NDArray[np.int64] = np.add.reduceat((self.rank <= k).astype(np.int64), self.start)
        return found

    def take(self, which: NDArray[np.int64]) -> Ranks:
        """The ranks of the queries at the places `which`, (q,), in that order."""
        rows = np.concatenate([np.arange(self.start[k], self.start[k] + self.covers[k]) for k in which.tolist()])
        return Ranks(
            self.query[which],
            self.work[which],
            self.covers[which],
            self.rank[rows],
            self.distance[rows],
            self.collection,
            self.nearest_other[which],
        )

    def recall_curve(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every rank k at which recall@k rises, ascending, and the mean recall there; both (K,), ending at 1."""
        share = np.repeat(1 / (self.covers * len(self.covers)), self.covers)
        k, where = np.unique(self.rank, return_inverse=True)
        return k, np.minimum(np.cumsum(np.bincount(where, weights=share)), 1.0)


def rank_covers(
    distances: Distances,
    work: ArrayLike,
    *,
    queries: NDArray[np.int64] | None = None,
    block: int = BLOCK,
    stage: str = "ranking",
    progress: Progress = silent,
) -> Ranks:
    """Find the ranks of every query's covers, in O(N log R) a query and `block` x N memory.

    Parameters
    ----------
    distances : Distances
        Asked for `block` queries at a time.
    work : array_like of str or int, shape (N,)
        The work of each performance.
    queries : NDArray[int64], optional
        Positions of those that ask, ascending; by default all. Of these, the ones with a cover are queries.
    block : int
    stage : str
        What `progress` is told, after every block.
    progress : Progress

    Returns
    -------
    Ranks
        Queries in the order of the collection.

    Raises
    ------
    UsageError
        When none has a cover, or distances have another shape or are not finite.
    """
    codes = np.unique(np.asarray(work), return_inverse=True)[1].astype(np.int64)
    size = np.bincount(codes)[codes]
    queries = np.flatnonzero(size > 1) if queries is None else queries[size[queries] > 1]
    if not len(queries):
        raise UsageError(f"none of {len(codes)} performances has a cover in this collection: there is no query")
    found = []
    for k in range(0, len(queries), block):
        some = queries[k : k + block]
        rows = checked(distances(some), (len(some), len(codes)))
        found += [_ranks_of_one(row, codes == codes[q], q) for q, row in zip(some.tolist(), rows, strict=True)]
        progress(stage, k + len(some), len(queries))
    ranks, covers, others = zip(*found, strict=True)
    return Ranks(
        queries,
        codes[queries],
        size[queries] - 1,
        np.concatenate(ranks),
        np.concatenate(covers),
        len(codes),
        np.array(others),
    )


def checked(block: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """`block` when it has this shape and is finite throughout.

    Raises
    ------
    UsageError
        When it is not.
    """
    if block.shape != shape:
        raise UsageError(f"distances of {shape[0]} queries to {shape[1]} performances expected, got {block.shape}")
    if not np.isfinite(block).all():
        raise UsageError("distances must be finite, but some are NaN or infinite")
    return block


def _ranks_of_one(
    distance: NDArray[np.float64], same: NDArray[np.bool_], query: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Ranks and distances, both (R,), of the covers of `query`, and the distance of its nearest non-cover.

    From the distances (N,) to the collection and which performances are of its work (N,).
    """
    others = distance[~same]
    same = same.copy()
    same[query] = False
    covers = np.sort(distance[same])  # (R,)
    # a non-cover goes before the first cover that is not nearer, and so before all that follow
    before = np.bincount(np.searchsorted(covers, others, side="left"), minlength=len(covers) + 1)
    ranks: NDArray[np.int64] = np.cumsum(before[:-1]) + np.arange(1, len(covers) + 1)
    return ranks, covers, float(others.min(initial=np.inf))


@dataclass(frozen=True)
class RetrievalMetrics:
    """What is said of a ranking; means and medians over queries.

    Attributes
    ----------
    map : float
        Mean average precision; AP is divided by all covers of a query.
    mr1, median_rank : float
        Mean and median rank of the first cover, from 1.
    mrr : float
        Mean of 1 / rank of the first cover.
    nar : float
        Mean normalised average rank, see :meth:`Ranks.normalised_rank`.
    p1, p10 : float
        Share of covers among the first 1 and 10; a query with R < 10 covers has at most R / 10.
    recall : mapping of int to float
        k -> share of a query's covers among the first k.
    """

    map: float
    mr1: float
    median_rank: float
    mrr: float
    nar: float
    p1: float
    p10: float
    recall: Mapping[int, float]


def retrieval_metrics(ranks: Ranks) -> RetrievalMetrics:
    """All figures of one ranking.

    References
    ----------
    MIREX audio cover song identification (MAP, MR1); Manning, Raghavan, Schütze, "Introduction to Information
    Retrieval" (2008), section 8.4.
    """
    return RetrievalMetrics(
        map=float(ranks.average_precision().mean()),
        mr1=float(ranks.first.mean()),
        median_rank=float(np.median(ranks.first)),
        mrr=float((1 / ranks.first).mean()),
        nar=float(ranks.normalised_rank().mean()),
        p1=float((ranks.first == 1).mean()),
        p10=float(ranks.found(10).mean() / 10),
        recall={k: float((ranks.found(k) / ranks.covers).mean()) for k in RECALL_AT},
    )
