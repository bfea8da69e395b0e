"""A model as systems: its head, and the stages that answer a query, over a collection in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import comma_list
from covsearch.errors import UsageError
from covsearch.evaluate.alignment import on_disk
from covsearch.evaluate.ranks import Distances
from covsearch.evaluate.retrieval_systems import System, disturbed, embedded, head_distances, head_system
from covsearch.features.store import FrameStore
from covsearch.index.calibration import Calibration, read_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.models import Checkpoint
from covsearch.progress import Progress, silent
from covsearch.ranking.scores import warm
from covsearch.stages import SPAN, STAGES, Question, Ranked, Scope, align_all, default_stage
from covsearch.store import in_memory
from covsearch.store.protocols import ChromaBlobs

CANDIDATES, ALL, NONE = ALIGNED = ("candidates", "all", "none")
"""What a calibrated model's search aligns when it is judged: what a query does, all pairs, or nothing."""
TIMED_QUERIES = 8
_TOP = 10  # matches of a query that is only timed


def model_systems(
    checkpoint: Checkpoint,
    store: FrameStore,
    pids: Sequence[str],
    frame_rate: float,
    *,
    align: str = CANDIDATES,
    seed: int = 0,
    progress: Progress = silent,
) -> list[System]:
    """A model by the learned head's own distances and, of a calibrated one, as it searches.

    Parameters
    ----------
    checkpoint : Checkpoint
    store : FrameStore
        Packed with the checkpoint's features; holds at least `pids`.
    pids : sequence of str
        The collection.
    frame_rate : float
        Of its files, frames/s.
    align : str
        One of :data:`ALIGNED`.
    seed : int
        Of larger collections that are timed.
    progress : Progress

    Raises
    ------
    UsageError
        For another `align`.
    ArtefactError
        When the calibration is damaged, or another model's.
    """
    if align not in ALIGNED:
        raise UsageError(f"align must be one of {comma_list(ALIGNED)}, not {align!r}")
    kept = embedded(checkpoint, store, pids, progress)
    head, name = Head(checkpoint.alpha, checkpoint.beta), checkpoint.fingerprint
    systems = [head_system(name, head, kept, seed)]
    calibration = read_calibration(checkpoint.folder, name)
    if calibration and align != NONE:
        collection = in_memory(pids, np.stack(kept.rows), head)
        searched = Scope(collection, slow_chroma_of(store, pids, frame_rate), None, calibration)
        systems.append(SEARCHES[align](name, searched, kept.seconds, seed, progress))
    return systems


def slow_chroma_of(store: FrameStore, pids: Sequence[str], frame_rate: float) -> Chroma:
    """What an index would keep of some performances of a packed store, in the order of `pids`."""
    row = {pid: k for k, pid in enumerate(store.pids)}
    return Chroma.of_store(store, frame_rate).take([row[pid] for pid in pids])


class CascadeDistances:
    """:data:`~covsearch.evaluate.ranks.Distances` that rank as ``covsearch query`` does.

    A distance is the negative log likelihood ratio that the search tells. Where it tells several matches the same one,
    the later are farther by the least there is: ranks are exactly the search's. Matches that are alike to the head
    too keep one distance, so that ties count against the system. Every performance is searched for once.

    Parameters
    ----------
    searched : Scope
        With a calibration and the chroma of all performances.
    """

    def __init__(self, searched: Scope) -> None:
        self._searched, size = searched, len(searched.collection)
        self._found, self._known = on_disk(size, np.float64), np.zeros(size, dtype=np.bool_)

    def __call__(self, queries: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances (B, N) of queries to the whole collection; of a query to itself 0."""
        for row in queries[~self._known[queries]].tolist():
            self._found[row] = cascade_row(self._searched, row)
            self._known[row] = True
        return np.array(self._found[queries], dtype=np.float64)


def cascade_row(searched: Scope, row: int, stage: str | None = None) -> NDArray[np.float64]:
    """Distances (N,) of one performance to the whole collection; see :class:`CascadeDistances`."""
    found = np.zeros(len(searched.collection))
    ranked = ask(searched, row, len(found), stage)
    ratio = cast("NDArray[np.float64]", ranked.ratio)  # of every search that aligns
    found[ranked.ranking.rows] = told_distances(ratio, ranked.ranking.distances)
    return found


def ask(searched: Scope, row: int, top: int, stage: str | None = None) -> Ranked:
    """What a query finds for one performance of the collection, by default with the stage that a query takes."""
    question = Question(searched.collection.take([row])[0], _chroma(searched).track(row), row=row)
    return STAGES[stage or default_stage(searched.calibration)](searched, question, top, None)


def _chroma(searched: Scope) -> ChromaBlobs:
    assert searched.chroma is not None  # of a model of ours
    return searched.chroma


def told_distances(ratio: NDArray[np.float64], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances (k,) of matches in their order: see :class:`CascadeDistances`.

    Parameters
    ----------
    ratio : NDArray[float64], shape (k,)
        Log likelihood ratios; none is above the one before it.
    distances : NDArray[float64], shape (k,)
        The head's.
    """
    found: NDArray[np.float64] = -ratio
    alike = (np.diff(ratio) == 0) & (np.diff(distances) == 0)
    for place, tied in enumerate(alike.tolist(), start=1):
        before = found[place - 1]
        found[place] = before if tied else max(found[place], np.nextafter(before, np.inf))
    return found


def cascade_system(name: str, searched: Scope, track_seconds: float, seed: int, progress: Progress) -> System:
    """The default query: the head's nearest are aligned, the best of these finely, and judged."""
    warm()  # compiling is not a query's time

    def seconds_at(size: int) -> float:
        larger = _larger(searched, size, seed)
        queries = range(min(TIMED_QUERIES, size))
        started = time.process_time()
        for row in queries:
            ask(larger, row, _TOP)
        return (time.process_time() - started) / len(queries)

    return System(f"{name}, aligned", CascadeDistances(searched), track_seconds, seconds_at, measured=True)


def fused_system(name: str, searched: Scope, track_seconds: float, seed: int, progress: Progress) -> System:
    """Every pair aligned finely, and what this and the head say together: a search without candidates."""
    warm()
    size, started = len(searched.collection), time.process_time()
    aligned = align_all([_chroma(searched).track(row) for row in range(size)], 1, SPAN, progress)  # (N, N)
    pair = (time.process_time() - started) / max(1, size * (size - 1) // 2)
    distances = fused_distances(searched, aligned)
    return System(f"{name}, all aligned", distances, track_seconds, lambda larger: pair * larger, measured=False)


def fused_distances(searched: Scope, aligned: NDArray[np.float64]) -> Distances:
    """Negative log likelihood ratios of head and fine alignment.

    Parameters
    ----------
    searched : Scope
        With a calibration.
    aligned : NDArray[float64], shape (N, N)
        Of all pairs, as :func:`covsearch.stages.align_all` gives them.
    """
    collection, calibration = searched.collection, cast("Calibration", searched.calibration)
    by_head = head_distances(collection.head, collection.take(range(len(collection))))
    return lambda queries: -calibration.fine.ratio(by_head(queries) + collection.head.beta, aligned[queries])


SEARCHES: Mapping[str, Callable[[str, Scope, float, int, Progress], System]] = {
    CANDIDATES: cascade_system,
    ALL: fused_system,
}
"""Name, collection, seconds a track of its vectors, seed, progress -> the system."""


def _larger(searched: Scope, size: int, seed: int) -> Scope:
    """A collection of `size` performances: disturbed vectors and the chroma of some that are there."""
    own = searched.collection
    vectors = np.stack(disturbed(list(own.take(range(len(own)))), size, seed))
    rows = np.random.default_rng([seed, 4]).integers(len(own), size=size).tolist()
    collection = in_memory(list(map(str, range(size))), vectors, own.head)
    return Scope(collection, _chroma(searched).take(rows), None, searched.calibration)
