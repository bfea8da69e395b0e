"""How well each of several systems ranks the same collection, and what a query costs: the rows of a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.evaluate.bootstrap import Interval, bootstrap_means, percentile_interval
from covsearch.evaluate.pair_auc import pair_auc
from covsearch.evaluate.ranks import (
    Distances,
    Ranks,
    RetrievalMetrics,
    rank_covers,
    retrieval_metrics,
)
from covsearch.evaluate.retrieval_systems import System
from covsearch.progress import Progress, silent

COLUMNS = ("system", "MAP [95 % CI]", "AUC", "MR1", "median", "MRR", "P@1", "P@10")


@dataclass(frozen=True)
class Seconds:
    """CPU seconds, over all threads, of one system.

    Attributes
    ----------
    track : float
        A performance: from frames in memory to what is kept of it.
    query : float
        The distances of one query to the collection, asked for in blocks.
    at : int or None
        The size of a larger collection that a query was also timed in.
    query_at : float or None
        A query there.
    measured : bool
        Whether `query_at` was measured there, on disturbed copies, or multiplied from what a pair took.
    """

    track: float
    query: float
    at: int | None = None
    query_at: float | None = None
    measured: bool = True


@dataclass(frozen=True, eq=False)
class SystemReport:
    """How one system ranks the collection.

    Attributes
    ----------
    name : str
    metrics : RetrievalMetrics
    auc : float or None
        Over all pairs of the collection, see :func:`covsearch.evaluate.pair_auc.pair_auc`.
    map_ci : Interval
        95 %, bootstrap over works.
    difference : float or None
        Its MAP minus the first system's; None for the first itself.
    difference_ci : Interval or None
        95 %, paired: both on the same works drawn.
    seconds : Seconds
    ranks : Ranks
    """

    name: str
    metrics: RetrievalMetrics
    auc: float | None
    map_ci: Interval
    difference: float | None
    difference_ci: Interval | None
    seconds: Seconds
    ranks: Ranks

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS`."""
        m = self.metrics
        auc = "" if self.auc is None else f"{self.auc:.3f}"
        shares = (f"{value:.3f}" for value in (m.mrr, m.p1, m.p10))
        first = (f"{m.mr1:.1f}", f"{m.median_rank:g}")
        return (self.name, f"{m.map:.3f} {self.map_ci:.3f}", auc, *first, *shares)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single ranks, ready for :func:`json.dumps`."""
        metrics = asdict(self.metrics)
        recall = {str(k): value for k, value in metrics.pop("recall").items()}
        difference = self.difference_ci and [self.difference_ci.low, self.difference_ci.high]
        return {
            "name": self.name,
            **metrics,
            "recall": recall,
            "map_ci": [self.map_ci.low, self.map_ci.high],
            "auc": self.auc,
            "difference": self.difference,
            "difference_ci": difference,
            "cpu_seconds": asdict(self.seconds),
        }


def times(reports: Sequence[SystemReport]) -> str:
    """What each system costs, in a line: seconds a query + seconds a performance, kept beforehand."""
    return ", ".join(f"{one.name} {one.seconds.query:.1e} + {one.seconds.track:.1e}" for one in reports)


def rank_systems(
    systems: Sequence[System],
    wids: Sequence[str],
    *,
    seed: int,
    replicates: int,
    scale: int | None = None,
    progress: Progress = silent,
) -> tuple[SystemReport, ...]:
    """Rank with every system, the first being the one that the others differ from.

    Parameters
    ----------
    systems : sequence of System
        At least one, over the same N performances.
    wids : sequence of str
        The work of each performance.
    seed, replicates : int
        Of the bootstrap over works.
    scale : int, optional
        Also time a query in a collection of so many performances.
    progress : Progress

    Raises
    ------
    UsageError
        When nothing in the collection has a cover, or there is no replicate.
    """
    ranked = [_rank(system, wids, scale, progress) for system in systems]
    precision = {one.name: one.ranks.average_precision() for one in ranked}
    drawn = bootstrap_means(precision, ranked[0].ranks.work, replicates=replicates, seed=seed)
    first = ranked[0].name
    return tuple(
        SystemReport(
            name=one.name,
            metrics=retrieval_metrics(one.ranks),
            auc=one.auc,
            map_ci=percentile_interval(drawn[one.name]),
            difference=None if one.name == first else float((precision[one.name] - precision[first]).mean()),
            difference_ci=None if one.name == first else percentile_interval(drawn[one.name] - drawn[first]),
            seconds=one.seconds,
            ranks=one.ranks,
        )
        for one in ranked
    )


@dataclass(frozen=True, eq=False)
class _Ranked:
    """What is known of a system by itself."""

    name: str
    ranks: Ranks
    auc: float | None
    seconds: Seconds


def _rank(system: System, wids: Sequence[str], scale: int | None, progress: Progress) -> _Ranked:
    watch = _Watch(system.distances)
    ranks = rank_covers(watch, wids, stage=f"ranking by {system.name}", progress=progress)
    auc = pair_auc(system.distances, wids, ranks.distance, stage=f"all pairs by {system.name}", progress=progress)
    query = watch.seconds / len(ranks.query) if system.measured else system.query_seconds_at(len(wids))
    at = None if scale is None else system.query_seconds_at(scale)
    return _Ranked(system.name, ranks, auc, Seconds(system.track_seconds, query, scale, at, system.measured))


class _Watch:
    """:data:`Distances` that add up the CPU seconds they take."""

    def __init__(self, distances: Distances) -> None:
        self._distances = distances
        self.seconds = 0.0

    def __call__(self, queries: NDArray[np.int64]) -> NDArray[np.float64]:
        started = time.process_time()
        found = self._distances(queries)
        self.seconds += time.process_time() - started
        return found
