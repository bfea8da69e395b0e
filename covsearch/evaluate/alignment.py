"""Qmax and Dmax: the longest run of matching music in two performances, found by alignment, through essentia.

Every pair is transposed to one key (optimal transposition index), each frame is stacked with those that follow it, two
stacks match when each is among the nearest of the other, and a local alignment counts the longest run of matches,
gaps allowed. Nothing can be kept of one performance alone: a collection costs its pairs, not its performances.

essentia (AGPL-3.0) comes with the extra ``audio`` and is imported only when something is aligned.

References
----------
Serrà, Serra, Andrzejak, "Cross recurrence quantification for cover song identification", New Journal of Physics 11
(2009): Qmax, and the parameters used here; only the gap costs are essentia's defaults. Chen, Li, Xiao, "Fusing
similarity functions for cover song identification", Multimedia Tools and Applications (2017): Dmax. Serrà, Gómez,
Herrera, "Transposing chroma representations to a common key" (2008): the transposition.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import MissingExtraError
from covsearch.features.frames import block_means, repeated
from covsearch.progress import Progress, silent
from covsearch.ranking.alignment import ESSENTIA

QMAX, DMAX = "Qmax", "Dmax"
RECURRENCES = {QMAX: "serra09", DMAX: "chen17"}  # what essentia calls them
STACK = 9  # frames of one stack, 3.3 s (Serrà's m at τ = 1)
NEAREST = 0.095  # share of the other performance's stacks that are near enough to match (Serrà's κ)
LEAST_FRAMES = STACK + 4  # L frames make L - 9 stacks, and Dmax steps over three
MOST_FRAMES = 3_000  # 18 minutes; a matrix of two such performances is 36 MB
_LEAST_SCORE = 0.5  # for no match at all, which would be infinitely far: half of what one match scores
_TILE = 8  # performances on a side: 64 pairs at once, some seconds of work
_SMALL = 1e7  # stacks x stacks below which starting processes takes longer than aligning, about 5 s


@dataclass(frozen=True, eq=False)
class Alignments:
    """The scores of all pairs; as a function, the :data:`~covsearch.evaluate.retrieval.Distances` they make.

    Attributes
    ----------
    score : NDArray[float32], shape (N, N)
        Symmetric, at least 0, high = cover; nothing is said on the diagonal.
    stacks : NDArray[int64], shape (N,)
        Length of each performance in stacks.
    seconds_per_pair : float
        CPU seconds on one core.
    """

    score: NDArray[np.float32]
    stacks: NDArray[np.int64]
    seconds_per_pair: float

    def __call__(self, queries: NDArray[np.int64]) -> NDArray[np.float64]:
        """√(length of the candidate) / score, (B, N): a long performance matches something more easily."""
        score = np.maximum(self.score[queries], _LEAST_SCORE).astype(np.float64)
        distances: NDArray[np.float64] = np.sqrt(self.stacks) / score
        return distances


def need_essentia() -> None:
    """Find out whether essentia is there, without importing it.

    Raises
    ------
    MissingExtraError
        When it is not.
    """
    if importlib.util.find_spec("essentia") is None:
        raise MissingExtraError(f"aligning by {' or '.join(RECURRENCES)}", "audio")


def alignable(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of a performance is aligned: all of it, a very short one repeated, a very long one in coarser frames.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, 12)

    Returns
    -------
    NDArray[float32], shape (M, 12)
        With ``LEAST_FRAMES <= M <= MOST_FRAMES``.
    """
    return block_means(repeated(frames, LEAST_FRAMES), MOST_FRAMES)


def matches(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Which stacks of two performances match, in the key in which their mean chroma fits best.

    Two stacks match when each is among the nearest 9.5 % of the other.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (M, 12) and (K, 12)
        As :func:`alignable` makes them.

    Returns
    -------
    NDArray[float32], shape (M - STACK, K - STACK)
        0 or 1.
    """
    matching: NDArray[np.float32] = _matcher()(a, b)
    return matching


def run_length(matching: NDArray[np.float32], name: str) -> float:
    """Qmax or Dmax: the most that a path through matches can score, 1 for each, less what its gaps cost.

    Parameters
    ----------
    matching : NDArray[float32], shape (X, Y)
        0 or 1.
    name : str
        A key of :data:`RECURRENCES`.
    """
    return float(_recurrence(name)(matching)[1])


def align_pairs(
    frames: Sequence[NDArray[np.float32]],
    names: Sequence[str],
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[str, Alignments]:
    """Align every pair once: matches, and so scores, are the same both ways.

    Parameters
    ----------
    frames : sequence of NDArray[float32], shapes (M_i, 12)
        As :func:`alignable` makes them.
    names : sequence of str
        ``Qmax``, ``Dmax`` or both, which then share the matches.
    workers : int, optional
        Processes; essentia holds the interpreter's lock. By default one a core, none when there is little to do.
    progress : Progress

    Returns
    -------
    dict
        Name -> :class:`Alignments`, their scores in a temporary file: a few tiles of them are in memory.

    Raises
    ------
    MissingExtraError
        Without essentia.
    """
    need_essentia()
    size, total = len(frames), len(frames) * (len(frames) - 1) // 2
    scores = {name: _on_disk(size) for name in names}
    seconds, done = np.zeros(len(names)), 0
    for tile in _results(frames, tuple(names), workers):
        for name, found in zip(names, tile.scores, strict=True):
            scores[name][tile.a, tile.b] = scores[name][tile.b, tile.a] = found
        seconds += tile.seconds
        done += len(tile.a)
        progress("aligning", done, total)
    stacks = np.array([len(one) - STACK for one in frames])
    return {
        name: Alignments(scores[name], stacks, float(spent) / max(1, total))
        for name, spent in zip(names, seconds, strict=True)
    }


def _on_disk(size: int) -> NDArray[np.float32]:
    """Zeros (size, size) that the kernel may put away; gone with the array."""
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(size, size))


@dataclass(frozen=True, eq=False)
class _Tile:
    """Some pairs (a, b) of positions, and the frames of every position in them."""

    names: tuple[str, ...]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    frames: dict[int, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class _Scored:
    """Scores (K, P) of the P pairs of a tile by K methods, and the CPU seconds (K,) each would take alone."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    scores: NDArray[np.float32]
    seconds: NDArray[np.float64]


def _tiles(frames: Sequence[NDArray[np.float32]], names: tuple[str, ...]) -> Iterator[_Tile]:
    starts = range(0, len(frames), _TILE)
    for i, j in combinations_with_replacement(starts, 2):
        rows, columns = (np.arange(k, min(k + _TILE, len(frames))) for k in (i, j))
        a, b = (side.ravel() for side in np.meshgrid(rows, columns, indexing="ij"))
        once = a < b
        if once.any():
            yield _Tile(names, a[once], b[once], {k: frames[k] for k in {*rows.tolist(), *columns.tolist()}})


def _results(frames: Sequence[NDArray[np.float32]], names: tuple[str, ...], workers: int | None) -> Iterator[_Scored]:
    """Tiles as they are done, in order, by processes when there is enough to do."""
    if workers is None:
        workers = 1 if sum(map(len, frames)) ** 2 / 2 < _SMALL else os.cpu_count() or 1
    tiles = _tiles(frames, names)
    if workers <= 1:
        yield from map(_align_tile, tiles)
        return
    # spawn: forking a process that has started torch's threads can deadlock
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        pending: list[Future[_Scored]] = [pool.submit(_align_tile, tile) for tile in islice(tiles, 2 * workers)]
        try:
            while pending:  # a bounded window: frames of waiting tiles never pile up
                yield pending.pop(0).result()
                pending += [pool.submit(_align_tile, tile) for tile in islice(tiles, 1)]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _align_tile(tile: _Tile) -> _Scored:
    scores = np.empty((len(tile.names), len(tile.a)), dtype=np.float32)
    seconds = np.zeros(len(tile.names))
    _matcher(), [_recurrence(name) for name in tile.names]  # importing essentia is not a pair's time
    for p, (a, b) in enumerate(zip(tile.a.tolist(), tile.b.tolist(), strict=True)):
        started = time.thread_time()
        matching = matches(tile.frames[a], tile.frames[b])
        seconds += time.thread_time() - started
        for k, name in enumerate(tile.names):
            started = time.thread_time()
            scores[k, p] = run_length(matching, name)
            seconds[k] += time.thread_time() - started
    return _Scored(tile.a, tile.b, scores, seconds)


@cache
def _matcher() -> Any:
    return _essentia().ChromaCrossSimilarity(
        frameStackSize=STACK, frameStackStride=1, binarizePercentile=NEAREST, oti=True, noti=12
    )


@cache
def _recurrence(name: str) -> Any:
    return _essentia().CoverSongSimilarity(
        alignmentType=RECURRENCES[name],
        disOnset=ESSENTIA.onset,
        disExtension=ESSENTIA.extension,
        distanceType="symmetric",
    )


@cache
def _essentia() -> Any:
    """``essentia.standard``, without the line it prints about classifiers that nobody asked for."""
    import essentia

    told, essentia.log.infoActive = essentia.log.infoActive, False
    try:
        import essentia.standard
    finally:
        essentia.log.infoActive = told
    return essentia.standard
