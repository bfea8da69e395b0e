"""How well anybody's distances rank versions: one system, or several compared.

Works with one performance are never queries; they are what queries are searched among. The query is left out of its own
ranking. Ties count against the system: a cover stands behind every non-cover at the same distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import (
    REPLICATES,
    Interval,
    bootstrap_means,
    bootstrap_medians,
    drawn_how,
    percentile_interval,
)
from covsearch.evaluate.cliques import band, check_protocol
from covsearch.evaluate.detection import ALARMS, Answers, Rate, share_of, threshold_at
from covsearch.evaluate.distances import AnyDistances, as_distances
from covsearch.evaluate.pair_interval import pair_auc_with_interval
from covsearch.evaluate.ranks import RECALL_AT, Ranks, rank_covers, retrieval_metrics
from covsearch.evaluate.significance import DRAWS, holm, randomisation_p
from covsearch.progress import Progress, silent

PRECISION_AT = (1, 5, 10)
TIES = "against the system"
QUERIES = "every performance whose work has another one"


@dataclass(frozen=True, eq=False)
class Subgroup:
    """A part of the queries, still searched among all performances.

    Attributes
    ----------
    name : str
        ``3-5`` performances a work, or a source.
    queries, works : int
    figures : mapping of str to Rate
        As :attr:`RetrievalScore.figures`, of these queries.
    """

    name: str
    queries: int
    works: int
    figures: Mapping[str, Rate]

    def row(self) -> tuple[str, ...]:
        """Queries, MAP with its interval, MR1 and P@1, as text."""
        mr1, p1 = self.figures["mr1"].value, self.figures["precision@1"].value
        return f"{self.queries:,}", f"{self.figures['map']:.3f}", f"{mr1:.1f}", f"{p1:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        told = {name: rate.to_dict() for name, rate in self.figures.items()}
        return {"name": self.name, "queries": self.queries, "works": self.works, "figures": told}


@dataclass(frozen=True, eq=False)
class RetrievalScore:
    """How well one system ranks versions; ``scored["map"].value`` is a figure, ``scored["map"].ci`` its interval.

    Attributes
    ----------
    performances, works, queries : int
        Of the collection; queries are the performances with a cover in it.
    figures : mapping of str to Rate
        ``map``, ``mr1``, ``median_rank``, ``mrr``, ``nar``, ``precision@k``, ``recall@k``, and where there are
        non-covers ``auc``, ``detected@0.01`` and ``detected@0.05``; each with its 95 % interval by bootstrap over
        works.
    by_size, by_source : tuple of Subgroup
        The queries by performances of their work, and by what `sources` says of them.
    ranks : Ranks
        Where every cover of every query stands.
    replicates, seed : int
        Of the bootstrap.
    """

    performances: int
    works: int
    queries: int
    figures: Mapping[str, Rate]
    by_size: tuple[Subgroup, ...]
    by_source: tuple[Subgroup, ...]
    ranks: Ranks
    replicates: int
    seed: int

    def __getitem__(self, name: str) -> Rate:
        """A figure by its name."""
        if name not in self.figures:
            raise UsageError(f"there is no figure {name!r}; there are {', '.join(self.figures)}")
        return self.figures[name]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single ranks, ready for :func:`json.dumps`."""
        return {
            **{name: getattr(self, name) for name in ("performances", "works", "queries")},
            "queries_are": QUERIES,
            "ties": TIES,
            "bootstrap": drawn_how(self.replicates, self.seed),
            "figures": {name: rate.to_dict() for name, rate in self.figures.items()},
            "by_size": [group.to_dict() for group in self.by_size],
            "by_source": [group.to_dict() for group in self.by_source],
        }


@dataclass(frozen=True)
class MapDifference:
    """The MAP of one system less that of another.

    Attributes
    ----------
    first, second : str
    value : float
        MAP of `first` - MAP of `second`.
    ci : Interval
        95 %, paired: both on the same works drawn.
    p : float
        Of a paired randomisation test over works, two-sided.
    p_holm : float
        The same after Holm's correction for all pairs of systems that are compared.
    """

    first: str
    second: str
    value: float
    ci: Interval
    p: float
    p_holm: float

    def row(self) -> tuple[str, ...]:
        """Both systems, the difference with its interval, and both p, as text."""
        return self.first, self.second, f"{self.value:+.3f} {self.ci:+.3f}", f"{self.p:.4f}", f"{self.p_holm:.4f}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        return {**vars(self), "ci": [self.ci.low, self.ci.high]}


def retrieval(
    distances: AnyDistances,
    works: ArrayLike,
    *,
    sources: Sequence[str] | None = None,
    protocol: str | None = None,
    similarity: bool = False,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress = silent,
) -> RetrievalScore:
    """Judge distances between N performances as a search for versions.

    Parameters
    ----------
    distances : array_like, shape (N, N), iterator, or function
        Row = query, low = cover; any scale; need not be symmetric. See
        :func:`~covsearch.evaluate.distances.as_distances`; :func:`~covsearch.evaluate.distances.cosine` and
        :func:`~covsearch.evaluate.distances.euclidean` make it of vectors.
    works : array_like of str or int, shape (N,)
        The work of each performance.
    sources : sequence of str, shape (N,), optional
        Where each performance comes from; queries are told by it too.
    protocol : str, optional
        A key of :data:`~covsearch.evaluate.cliques.PROTOCOLS` that the works must be.
    similarity : bool
        High = cover, instead of low = cover.
    replicates, seed : int
        Of the bootstrap over works.
    progress : Progress

    Returns
    -------
    RetrievalScore

    Raises
    ------
    UsageError
        When no work has two performances, distances have another shape, or works are not the protocol's.
    ArtefactError
        When distances are not finite.

    Examples
    --------
    Four performances of two works; the second query finds its cover second:

    >>> distances = [[0, 1, 2, 3], [2, 0, 1, 3], [4, 4, 0, 1], [4, 4, 1, 0]]
    >>> found = retrieval(distances, ["a", "a", "b", "b"])
    >>> found["map"].value, found["mr1"].value
    (0.875, 1.25)
    """
    work = np.asarray(works)
    if work.ndim != 1:
        raise UsageError(f"expected one work for each performance, (N,), got {work.shape}")
    if sources is not None and len(sources) != len(work):
        raise UsageError(f"expected as many sources as works, {len(work):,}, got {len(sources):,}")
    if protocol is not None:
        check_protocol(protocol, work)
    rows = as_distances(distances, len(work), similarity=similarity)
    ranks = rank_covers(rows, work, progress=progress)
    drawn = {"replicates": replicates, "seed": seed}
    figures = _figures(ranks, **drawn) | _detection(ranks, **drawn)
    auc = pair_auc_with_interval(rows, work, ranks.distance, **drawn, progress=progress)
    sizes = [band(covers + 1) for covers in ranks.covers.tolist()]
    ascending = list(dict.fromkeys(band(covers + 1) for covers in np.unique(ranks.covers).tolist()))
    given = None if sources is None else [str(sources[query]) for query in ranks.query.tolist()]
    return RetrievalScore(
        performances=len(work),
        works=len(np.unique(work)),
        queries=len(ranks.query),
        figures=figures if auc is None else figures | {"auc": auc},
        by_size=_groups(ranks, sizes, ascending, **drawn),
        by_source=() if given is None else _groups(ranks, given, sorted(set(given)), **drawn),
        ranks=ranks,
        **drawn,
    )


def differences(scored: Mapping[str, RetrievalScore], *, draws: int = DRAWS) -> tuple[MapDifference, ...]:
    """Every pair of systems that ranked the same performances, by MAP.

    Parameters
    ----------
    scored : mapping
        Name of a system -> what :func:`retrieval` found, all for the same works in the same order.
    draws : int
        Of the randomisation test.

    Returns
    -------
    tuple of MapDifference
        One for each pair; none for one system.

    Raises
    ------
    UsageError
        When the systems ranked different works.

    Examples
    --------
    >>> works = ["a", "a", "b", "b", "c"]
    >>> good, bad = np.ones((5, 5)), np.ones((5, 5))
    >>> good[[0, 1, 2, 3], [1, 0, 3, 2]] = 0
    >>> (difference,) = differences({"good": retrieval(good, works), "bad": retrieval(bad, works)})
    >>> difference.value
    0.75
    """
    all_ranks = [one.ranks for one in scored.values()]
    if any(not np.array_equal(ranks.work, all_ranks[0].work) for ranks in all_ranks):
        raise UsageError("systems can be compared only where all ranked the same works in the same order")
    if len(scored) < 2:
        return ()
    first = next(iter(scored.values()))
    precision = {name: one.ranks.average_precision() for name, one in scored.items()}
    work = first.ranks.work
    drawn = bootstrap_means(precision, work, replicates=first.replicates, seed=first.seed)
    found = [
        MapDifference(
            a,
            b,
            float((precision[a] - precision[b]).mean()),
            percentile_interval(drawn[a] - drawn[b]),
            randomisation_p(precision[a] - precision[b], work, draws=draws, seed=first.seed),
            1.0,
        )
        for a, b in combinations(scored, 2)
    ]
    return tuple(replace(one, p_holm=p) for one, p in zip(found, holm([one.p for one in found]), strict=True))


def _figures(ranks: Ranks, *, replicates: int, seed: int) -> dict[str, Rate]:
    """What is said of the queries of `ranks`, but for what needs the other distances."""
    told, first = retrieval_metrics(ranks), ranks.first.astype(np.float64)
    each = {
        "map": ranks.average_precision(),
        "mr1": first,
        "mrr": 1 / first,
        "nar": ranks.normalised_rank(),
        **{f"precision@{k}": ranks.found(k) / k for k in PRECISION_AT},
        **{f"recall@{k}": ranks.found(k) / ranks.covers for k in RECALL_AT},
    }
    drawn = bootstrap_means(each, ranks.work, replicates=replicates, seed=seed)
    figures = {name: Rate(float(each[name].mean()), percentile_interval(drawn[name])) for name in each}
    median = percentile_interval(bootstrap_medians(first, ranks.work, replicates=replicates, seed=seed))
    return {"map": figures.pop("map"), "median_rank": Rate(told.median_rank, median), **figures}


def _detection(ranks: Ranks, *, replicates: int, seed: int) -> dict[str, Rate]:
    """Shares of queries whose best match is a cover nearer than a threshold; none where all are covers."""
    if not np.isfinite(ranks.nearest_other).all():
        return {}
    best, uncalled = np.minimum(ranks.distance[ranks.start], ranks.nearest_other), np.zeros(len(ranks.work), np.bool_)
    present = Answers(-best, uncalled, ranks.first == 1, ranks.work)
    absent = Answers(-ranks.nearest_other, uncalled, uncalled, ranks.work)
    passed = {share: present.right & (present.probability > threshold_at(absent, share)) for share in ALARMS}
    drawn = {"replicates": replicates, "seed": seed}
    return {f"detected@{share:g}": share_of(which, ranks.work, **drawn) for share, which in passed.items()}


def _groups(
    ranks: Ranks, names: Sequence[str], order: Sequence[str], *, replicates: int, seed: int
) -> tuple[Subgroup, ...]:
    """The queries by name, the parts in the order of `order`."""
    groups: dict[str, list[int]] = {name: [] for name in order}
    for place, name in enumerate(names):
        groups[name].append(place)
    parts = {name: ranks.take(np.array(places, dtype=np.int64)) for name, places in groups.items()}
    return tuple(
        Subgroup(name, len(part.query), len(np.unique(part.work)), _figures(part, replicates=replicates, seed=seed))
        for name, part in parts.items()
    )
