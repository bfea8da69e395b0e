"""Judge models and baselines as search engines over a collection: the whole way, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch.counting import counted
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.performance import Performance
from covsearch.dataset.sample import sample_root
from covsearch.errors import ArtefactError
from covsearch.evaluate.bootstrap import REPLICATES, Interval, drawn_how
from covsearch.evaluate.cliques import check_protocol
from covsearch.evaluate.protocol import Searched, assumed_rate, read_trained_on, searched_by_all, skipped_note
from covsearch.evaluate.retrieval_baselines import DEFAULT_BASELINES, find_retrieval_baselines
from covsearch.evaluate.retrieval_search import CANDIDATES, model_systems
from covsearch.evaluate.retrieval_systems import baseline_systems
from covsearch.evaluate.system_report import COLUMNS, SystemReport, rank_systems, times
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import Progress, silent
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class Judged:
    """A model that took part.

    Attributes
    ----------
    name, features : str
        Its fingerprint, and what it hears.
    protocol : str
        Why the collection counts as held out for it.
    """

    name: str
    features: str
    protocol: str


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """Models and baselines that ranked the same collection.

    Attributes
    ----------
    models : tuple of Judged
    subset : str
        The collection.
    works, performances, queries : int
        Of the collection; queries are the performances with a cover in it.
    systems : tuple of SystemReport
        The models first, in order, each by its head and then as it searches; the first head is what all others differ
        from.
    seed, replicates : int
        Of the bootstrap over works (and the random baseline).
    notes : tuple of str
        What a reader of the numbers must know.
    """

    models: tuple[Judged, ...]
    subset: str
    works: int
    performances: int
    queries: int
    systems: tuple[SystemReport, ...]
    seed: int
    replicates: int
    notes: tuple[str, ...]

    @property
    def protocol(self) -> str:
        """The protocols of the models, each once."""
        return ", ".join(dict.fromkeys(model.protocol for model in self.models))

    columns = COLUMNS

    @property
    def rows(self) -> tuple[SystemReport, ...]:
        """The rows of the table: one a system."""
        return self.systems

    @property
    def heading(self) -> str:
        """What was searched, in a line."""
        queries = counted(self.queries, "query", "queries")
        searched = f"{queries} in {counted(self.performances, 'performance')} of {counted(self.works, 'work')}"
        return f"{self.subset}, {self.protocol}: {searched}"

    @property
    def caption(self) -> str:
        """What the columns mean, and what each system costs."""
        bootstrap = f"intervals from {self.replicates:,} resamplings of the works"
        return f"ties count against the system; {bootstrap}\nCPU seconds a query + a track: {times(self.systems)}"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single ranks, ready for :func:`json.dumps`."""
        return {
            "subset": self.subset,
            "models": [vars(model) for model in self.models],
            **{name: getattr(self, name) for name in ("works", "performances", "queries")},
            "ties": "against the system",
            "auc_over": "all ordered pairs of the collection, ties half",
            "bootstrap": drawn_how(self.replicates, self.seed),
            "reference": self.systems[0].name,
            "systems": [system.to_dict() for system in self.systems],
            "notes": list(self.notes),
        }


def evaluate_retrieval(
    dataset_dir: Path | None,
    models: Sequence[Path],
    workspace: Workspace,
    *,
    subset: str | None = None,
    part: str | None = None,
    keep: Callable[[Performance], bool] | None = None,
    align: str = CANDIDATES,
    protocol: str | None = None,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    frame_rate: float | None = None,
    scale: int | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress = silent,
) -> RetrievalReport:
    """Let checkpoints and baselines rank a collection for every performance that has a cover in it.

    Parameters
    ----------
    dataset_dir : Path or None
        A Da-TACOS folder; None is the bundled sample.
    models : sequence of Path
        Checkpoint folders; none is the bundled weights. All rank the same performances: those that every one of
        them may be judged on, with every feature that one of them hears.
    workspace : Workspace
        Packed frames are kept in its cache.
    subset : str, optional
        Needed when the folder holds several.
    part : str, optional
        ``train``, ``validation`` or ``test`` works of the checkpoints' own collection. By default queries and
        collection are the test works of the collection trained on, and the whole of any other (zero-shot).
    keep : callable, optional
        Only the performances for which it is true take part, as queries and as collection.
    align : str
        What a calibrated model's search aligns, in a row of its own beside that of its head: ``candidates``, as
        ``covsearch query`` does, ``all`` pairs, or ``none`` for the head alone.
    protocol : str, optional
        A key of :data:`~covsearch.evaluate.cliques.PROTOCOLS` that the works must be, before any file is read and
        after it.
    baselines : sequence of str
        Keys of :data:`~covsearch.evaluate.retrieval_baselines.RETRIEVAL_BASELINES`; by default those that need no
        extra. They hear the first of the first model's features.
    frame_rate : float, optional
        Frames/s of the files; by default what is known of the subset, else Da-TACOS's 86.13.
    scale : int, optional
        Also time a query in a collection of so many performances.
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
        When the dataset, a checkpoint, or the record of what it was trained on is not there.
    ArtefactError
        When checkpoints and dataset do not belong together, or one is damaged.
    UsageError
        When nothing in the collection has a cover, works are not the protocol's, or an option cannot be.
    """
    methods = find_retrieval_baselines(baselines)
    checkpoints = _load(models or [bundled_checkpoint()])
    features = dict.fromkeys(name for one in checkpoints for name in one.config.features.names)
    dataset = open_dataset(dataset_dir or sample_root(), tuple(features), subset=subset, frame_rate=frame_rate)
    found, dataset = searched_by_all(dataset, [read_trained_on(one.folder) for one in checkpoints], part, keep)
    _check(protocol, dataset.wids_of(tuple(dataset.performances)))
    stores = [pack_cached(workspace.cache, dataset, one.config.features, progress=progress) for one in checkpoints]
    pids = _in_all(stores)
    wids = dataset.wids_of(pids)
    _check(protocol, wids)
    systems = [
        system
        for one, store in zip(checkpoints, stores, strict=True)
        for system in model_systems(one, store, pids, dataset.frame_rate, align=align, seed=seed, progress=progress)
    ]
    systems += baseline_systems(tuple(methods), dataset, pids, next(iter(features)), seed=seed, progress=progress)
    reports = rank_systems(systems, wids, seed=seed, replicates=replicates, scale=scale, progress=progress)
    rate_matters = any(m.describe for m in methods.values()) or any(one.config.features.rate for one in checkpoints)
    return RetrievalReport(
        models=tuple(
            Judged(one.fingerprint, one.config.features.features, its.protocol)
            for one, its in zip(checkpoints, found, strict=True)
        ),
        subset=dataset.subset,
        works=len(set(wids)),
        performances=len(pids),
        queries=len(reports[0].ranks.query),
        systems=reports,
        seed=seed,
        replicates=replicates,
        notes=(
            *([f"protocol {protocol}: works and performances are this benchmark's"] if protocol else []),
            *_protocol_notes(checkpoints, found),
            *skipped_note(stores),
            *assumed_rate(dataset, rate_matters),
            *_verdict(reports),
        ),
    )


def _load(folders: Sequence[Path]) -> list[Checkpoint]:
    """The checkpoints in `folders`, the same weights once."""
    return list({one.fingerprint: one for one in map(load_checkpoint, folders)}.values())


def _check(protocol: str | None, wids: Sequence[str]) -> None:
    if protocol is not None:
        check_protocol(protocol, wids)


def _in_all(stores: Sequence[FrameStore]) -> tuple[str, ...]:
    """The performances that could be read for every model, in the order of the collection."""
    common = set.intersection(*(set(store.pids) for store in stores))
    if not common:
        raise ArtefactError("no performance could be read with all the features that the models hear")
    return tuple(pid for pid in stores[0].pids if pid in common)


def _protocol_notes(checkpoints: Sequence[Checkpoint], found: Sequence[Searched]) -> list[str]:
    """The notes of each model's protocol, with its name where there are several."""
    if len(found) == 1:
        return list(found[0].notes)
    named = [f"{one.fingerprint}: {note}" for one, its in zip(checkpoints, found, strict=True) for note in its.notes]
    sizes = {len(its.dataset.performances) for its in found}
    shared = "queries and collection are what every model may be judged on"
    return [*named, shared] if len(sizes) > 1 else named


def _verdict(reports: Sequence[SystemReport]) -> list[str]:
    """Each other system that the first does not surely beat, in a sentence."""
    lines = []
    for report in reports[1:]:
        ci = report.difference_ci
        if ci is not None and ci.high >= 0:
            what = "is worse than" if ci.low > 0 else "cannot be told from"
            against = Interval(-ci.high, -ci.low)
            lines.append(f"{reports[0].name} {what} {report.name}: 95 % interval of the MAP difference {against:+z.3f}")
    return lines
