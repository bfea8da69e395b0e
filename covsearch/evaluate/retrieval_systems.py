"""Everything that can rank a collection, models and baselines alike: its distances, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.datacos import Dataset
from covsearch.embedding import embed_cached, embed_store
from covsearch.evaluate.alignment import align_pairs
from covsearch.evaluate.ranks import BLOCK, Distances
from covsearch.evaluate.retrieval_baselines import (
    AlignedBaseline,
    Compare,
    Description,
    Kept,
    VectorBaseline,
    describe_all,
    find_retrieval_baselines,
)
from covsearch.features.store import FrameStore
from covsearch.index.head import Head
from covsearch.models import Checkpoint
from covsearch.progress import Progress, silent

TIMED_QUERIES = 4 * BLOCK
TIMED_TRACKS = 32  # of a collection, spread evenly, are embedded for the time that it takes


@dataclass(frozen=True, eq=False)
class System:
    """One way to rank a collection.

    Attributes
    ----------
    name : str
    distances : Distances
    track_seconds : float
        CPU seconds a performance, from frames in memory to what is kept of it; reading and packing files, which
        is done once for all methods, is not in it.
    query_seconds_at : callable
        A number of performances -> CPU seconds a query in a collection of that size.
    measured : bool
        Whether :attr:`query_seconds_at` measures; else it multiplies what a pair took.
    """

    name: str
    distances: Distances
    track_seconds: float
    query_seconds_at: Callable[[int], float]
    measured: bool


def embedded(checkpoint: Checkpoint, store: FrameStore, pids: Sequence[str], progress: Progress = silent) -> Kept:
    """What a model keeps of a collection: the vectors, those that ``build-index`` made where it did.

    Parameters
    ----------
    checkpoint : Checkpoint
    store : FrameStore
        Packed with the checkpoint's features; holds at least `pids`.
    pids : sequence of str
        The collection.
    progress : Progress
    """
    vectors = embed_cached(checkpoint, store, progress)  # (M, 128)
    some = replace(store, entries=store.entries[:: -(-len(store) // TIMED_TRACKS)])
    started = time.process_time()
    embed_store(checkpoint, some)
    seconds = (time.process_time() - started) / len(some)
    row = {pid: k for k, pid in enumerate(store.pids)}
    return Kept([vectors[row[pid]] for pid in pids], seconds)


def head_system(name: str, head: Head, kept: Kept, seed: int = 0) -> System:
    """A model by the learned head's own distances, in float64."""
    return vector_system(
        name, kept, lambda rows, size, seed: head_distances(head, np.stack(rows)), len(kept.rows), seed
    )


def head_distances(head: Head, vectors: NDArray[np.float32]) -> Distances:
    """Every query with every one of the vectors (N, 128)."""
    return lambda queries: np.stack([head.distances(vectors[q], vectors) for q in queries.tolist()])


def baseline_systems(
    names: Sequence[str],
    dataset: Dataset,
    pids: Sequence[str],
    feature: str,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> list[System]:
    """Methods without training; every file is read once, and every pair aligned once, for all of them.

    Parameters
    ----------
    names : sequence of str
        Keys of :data:`~covsearch.evaluate.retrieval_baselines.RETRIEVAL_BASELINES`; the order of the result.
    dataset : Dataset
    pids : sequence of str
        The collection.
    feature : str
        What they hear.
    seed : int
        Of the random baseline.
    progress : Progress

    Raises
    ------
    UsageError
        For an unknown name.
    FeatureFileError
        For a file that is refused.
    """
    methods = find_retrieval_baselines(names)
    describe = {name: method.describe for name, method in methods.items() if method.describe}
    kept = describe_all(dataset, pids, feature, describe, progress) if describe else {}
    systems = {
        name: vector_system(name, kept.get(name, Kept([], 0.0)), method.compare, len(pids), seed)
        for name, method in methods.items()
        if isinstance(method, VectorBaseline)
    }
    systems |= {
        name: _aligned_system(name, kept[name], progress)
        for name, method in methods.items()
        if isinstance(method, AlignedBaseline)
    }
    return [systems[name] for name in methods]


def vector_system(name: str, kept: Kept, compare: Compare, size: int, seed: int = 0) -> System:
    """A method that compares rows; a larger collection is made of copies of them, each disturbed by 1 %."""

    def seconds_at(larger: int) -> float:
        return query_seconds(compare(disturbed(kept.rows, larger, seed), larger, seed), larger)

    return System(name, compare(kept.rows, size, seed), kept.seconds, seconds_at, measured=True)


def disturbed(rows: Sequence[Description], size: int, seed: int) -> list[Description]:
    """`size` rows, each of them one of `rows` times 1 ± 0.01 noise; none of none."""
    rng = np.random.default_rng([seed, 3])  # 1 is the random baseline's, 2 that of drawn pairs
    drawn = rng.integers(len(rows), size=size).tolist() if rows else []
    return [(rows[k] * rng.normal(1, 0.01, rows[k].shape)).astype(rows[k].dtype) for k in drawn]


def query_seconds(distances: Distances, size: int) -> float:
    """CPU seconds a query, in the blocks that ranking asks for, measured on up to :data:`TIMED_QUERIES` queries."""
    queries = np.arange(min(TIMED_QUERIES, size))
    started = time.process_time()
    for k in range(0, len(queries), BLOCK):
        distances(queries[k : k + BLOCK])
    return (time.process_time() - started) / len(queries)


def _aligned_system(name: str, kept: Kept, progress: Progress) -> System:
    found = align_pairs(kept.rows, progress=progress)
    return System(name, found, kept.seconds, lambda size: found.seconds_per_pair * size, measured=False)
