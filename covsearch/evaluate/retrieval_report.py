"""Judge a model and the baselines as search engines over a collection: the whole way, in one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.performance import Performance
from covsearch.dataset.sample import sample_root
from covsearch.embed import embed_store
from covsearch.evaluate.bootstrap import LEVEL, REPLICATES, Interval, percentile_interval
from covsearch.evaluate.protocol import assumed_rate, read_origin, searched
from covsearch.evaluate.retrieval import (
    Distances,
    Ranks,
    RetrievalMetrics,
    bootstrap_map,
    rank_covers,
    retrieval_metrics,
)
from covsearch.evaluate.retrieval_baselines import RETRIEVAL_BASELINES, describe_all, find_retrieval_baselines
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.index.head import Head
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import Progress, silent
from covsearch.workspace import Workspace

COLUMNS = ("system", "MAP [95 % CI]", "MR1", "median", "MRR", "P@1", "P@10", "s/query")


@dataclass(frozen=True, eq=False)
class SystemReport:
    """How one system ranks the collection.

    Attributes
    ----------
    name : str
    metrics : RetrievalMetrics
    map_ci : Interval
        95 %, bootstrap over works.
    difference : float or None
        Its MAP minus the model's; None for the model itself.
    difference_ci : Interval or None
        95 %, paired: both on the same works drawn.
    seconds : float
        A query: the distances to the whole collection, on one thread unless numpy is given more; not what
        was computed of every performance beforehand.
    ranks : Ranks
    """

    name: str
    metrics: RetrievalMetrics
    map_ci: Interval
    difference: float | None
    difference_ci: Interval | None
    seconds: float
    ranks: Ranks

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS`."""
        m = self.metrics
        shares = (f"{value:.3f}" for value in (m.mrr, m.p1, m.p10))
        first = (f"{m.mr1:.1f}", f"{m.median_rank:g}")
        return (self.name, f"{m.map:.3f} {self.map_ci:.3f}", *first, *shares, f"{self.seconds:.1e}")

    def as_json(self) -> dict[str, Any]:
        """Everything but the single ranks, ready for :func:`json.dumps`."""
        metrics = asdict(self.metrics)
        recall = {str(k): value for k, value in metrics.pop("recall").items()}
        difference = self.difference_ci and [self.difference_ci.low, self.difference_ci.high]
        return {
            "name": self.name,
            **metrics,
            "recall": recall,
            "map_ci": [self.map_ci.low, self.map_ci.high],
            "difference": self.difference,
            "difference_ci": difference,
            "seconds_per_query": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """A model and baselines that ranked the same collection.

    Attributes
    ----------
    model, features, subset : str
        Fingerprint of the model, what it hears, the collection.
    protocol : str
        Why the collection counts as held out.
    works, performances, queries : int
        Of the collection; queries are the performances with a cover in it.
    systems : tuple of SystemReport
        The model first.
    seed, replicates : int
        Of the bootstrap over works (and the random baseline).
    notes : tuple of str
        What a reader of the numbers must know.
    """

    model: str
    features: str
    subset: str
    protocol: str
    works: int
    performances: int
    queries: int
    systems: tuple[SystemReport, ...]
    seed: int
    replicates: int
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything but the single ranks, ready for :func:`json.dumps`."""
        plain = ("model", "features", "subset", "protocol", "works", "performances", "queries")
        return {
            **{name: getattr(self, name) for name in plain},
            "ties": "against the system",
            "bootstrap": {"over": "works", "level": LEVEL, "replicates": self.replicates, "seed": self.seed},
            "reference": self.model,
            "systems": [system.as_json() for system in self.systems],
            "notes": list(self.notes),
        }


def evaluate_retrieval(
    dataset_dir: Path | None,
    model: Path | None,
    workspace: Workspace,
    *,
    subset: str | None = None,
    part: str | None = None,
    keep: Callable[[Performance], bool] | None = None,
    baselines: Sequence[str] = tuple(RETRIEVAL_BASELINES),
    frame_rate: float | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress = silent,
) -> RetrievalReport:
    """Let a checkpoint and the baselines rank a collection for every performance that has a cover in it.

    Parameters
    ----------
    dataset_dir : Path or None
        A Da-TACOS folder; None is the bundled sample.
    model : Path or None
        A checkpoint folder; None is the bundled weights.
    workspace : Workspace
        Packed frames are kept in its cache.
    subset : str, optional
        Needed when the folder holds several.
    part : str, optional
        ``train``, ``validation`` or ``test`` works of the checkpoint's own collection. By default queries and
        collection are the test works of the collection trained on, and the whole of any other (zero-shot).
    keep : callable, optional
        Only the performances for which it is true take part, as queries and as collection.
    baselines : sequence of str
        Keys of :data:`~covsearch.evaluate.retrieval_baselines.RETRIEVAL_BASELINES`. They hear the first of the
        model's features.
    frame_rate : float, optional
        Frames/s of the files; by default what is known of the subset, else Da-TACOS's 86.13.
    seed : int
        Of the random baseline and the bootstrap.
    replicates : int
        Of the bootstrap over works.
    progress : Progress

    Returns
    -------
    RetrievalReport

    Raises
    ------
    NotFoundError
        When the dataset, the checkpoint, or the record of what it was trained on is not there.
    ArtefactError
        When checkpoint and dataset do not belong together, or one is damaged.
    UsageError
        When nothing in the collection has a cover, or an option cannot be.
    """
    methods = find_retrieval_baselines(baselines)
    checkpoint = load_checkpoint(model or bundled_checkpoint())
    origin = read_origin(checkpoint.folder)
    features = checkpoint.config.features
    dataset = open_dataset(dataset_dir or sample_root(), features.names, subset=subset, frame_rate=frame_rate)
    found = searched(dataset, origin, part, keep)
    store = pack_cached(workspace.cache, found.dataset, features, progress=progress)
    describers = {name: method.describe for name, method in methods.items() if method.describe}
    described = describe_all(dataset, store.pids, features.names[0], describers, progress) if describers else {}
    systems: dict[str, Distances] = {checkpoint.fingerprint: _head_distances(checkpoint, store, progress)}
    for name, method in methods.items():
        systems[name] = method.distances(described.get(name, []), len(store), seed)
    reports = _rank_all(systems, store, seed, replicates, progress)
    return RetrievalReport(
        model=checkpoint.fingerprint,
        features=features.features,
        subset=dataset.subset,
        protocol=found.protocol,
        works=len(set(store.wids)),
        performances=len(store),
        queries=len(reports[0].ranks.query),
        systems=reports,
        seed=seed,
        replicates=replicates,
        notes=(
            *found.notes,
            *_skipped_note(store),
            *assumed_rate(dataset, bool(describers or features.rate)),
            *_verdict(reports),
        ),
    )


def _head_distances(checkpoint: Checkpoint, store: FrameStore, progress: Progress) -> Distances:
    """The learned head's own distances, every query with every performance, in float64."""
    vectors = embed_store(checkpoint, store, progress)
    head = Head(checkpoint.alpha, checkpoint.beta)
    return lambda queries: np.stack([head.distances(vectors[q], vectors) for q in queries.tolist()])


def _rank_all(
    systems: Mapping[str, Distances], store: FrameStore, seed: int, replicates: int, progress: Progress
) -> tuple[SystemReport, ...]:
    """Rank with every system, the first being the one that the others differ from."""
    ranks: dict[str, Ranks] = {}
    seconds: dict[str, float] = {}
    for name, distances in systems.items():
        watch = _Watch(distances)
        ranks[name] = rank_covers(watch, store.wids, stage=f"ranking by {name}", progress=progress)
        seconds[name] = watch.seconds / len(ranks[name].query)
    precision = {name: found.average_precision() for name, found in ranks.items()}
    model = next(iter(systems))
    drawn = bootstrap_map(precision, ranks[model].work, replicates=replicates, seed=seed)
    return tuple(
        SystemReport(
            name=name,
            metrics=retrieval_metrics(ranks[name]),
            map_ci=percentile_interval(drawn[name]),
            difference=None if name == model else float(precision[name].mean() - precision[model].mean()),
            difference_ci=None if name == model else percentile_interval(drawn[name] - drawn[model]),
            seconds=seconds[name],
            ranks=ranks[name],
        )
        for name in systems
    )


class _Watch:
    """:data:`Distances` that add up the seconds they take."""

    def __init__(self, distances: Distances) -> None:
        self._distances = distances
        self.seconds = 0.0

    def __call__(self, queries: NDArray[np.int64]) -> NDArray[np.float64]:
        started = time.perf_counter()
        found = self._distances(queries)
        self.seconds += time.perf_counter() - started
        return found


def _skipped_note(store: FrameStore) -> list[str]:
    if not store.skipped:
        return []
    first = store.skipped[0]
    return [f"{len(store.skipped)} left out, first {first.path}: {first.reason} (see `covsearch dataset info`)"]


def _verdict(reports: Sequence[SystemReport]) -> list[str]:
    """Each baseline that the model does not surely beat, in a sentence."""
    lines = []
    for report in reports[1:]:
        ci = report.difference_ci
        if ci is not None and ci.high >= 0:
            what = "is worse than" if ci.low > 0 else "cannot be told from"
            against = Interval(-ci.high, -ci.low)
            lines.append(f"{reports[0].name} {what} {report.name}: 95 % interval of the MAP difference {against:+.3f}")
    return lines
