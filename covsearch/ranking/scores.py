"""How well one performance aligns with many: Qmax of each pair, in the key that fits best, and nothing else of it.

:mod:`covsearch.ranking.alignment` shows where two performances run together; this says only how far, many times faster.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import comma_list
from covsearch.dataset.chroma import BINS
from covsearch.errors import UsageError
from covsearch.features.frames import means_of
from covsearch.features.slow import restored
from covsearch.ranking import score_kernel
from covsearch.ranking.alignment import CLOSE, ESSENTIA, NEAREST, GapCosts, align
from covsearch.ranking.score_kernel import Frames
from covsearch.ranking.similarity import whole_units

MOST_FRAMES = 4_096  # of either track; a pair with more is compared in coarser frames. A matrix then has 34 MB at most


@dataclass(frozen=True, eq=False)
class QmaxScores:
    """How well a query aligns with each of n candidates.

    Attributes
    ----------
    scores : NDArray[float64], shape (n,)
        Qmax: matches on the best path less what its gaps cost; 0 where nothing can be said.
    semitones : NDArray[int64], shape (n,)
        How much higher the candidate sounds, -5 to 6; 0 where nothing can be said.
    """

    scores: NDArray[np.float64]
    semitones: NDArray[np.int64]


def qmax_scores(
    query: Frames,
    candidates: Sequence[Frames],
    *,
    span: int,
    block: int = 1,
    nearest: float = NEAREST,
    costs: GapCosts = ESSENTIA,
    close: float = CLOSE,
    threads: int | None = None,
) -> QmaxScores:
    """Align a query with every candidate.

    The key is the one in which the means of unit frames fit best. Where the second best key is close to it, both are
    aligned and the higher score counts. A score is the same for both orders of a pair and in
    every key of either, whatever the threads, the order and the number of candidates.

    A track shorter than `span` and silence score 0. Where a track of a pair has more than 4,096 frames, both are
    compared in means of as few frames as bring it below.

    Parameters
    ----------
    query : NDArray[float32 or uint8], shape (L, F)
        F a multiple of 12: blocks of 12 pitch classes, transposed alike. Bytes are 255 times chroma, as an index has
        it, and score as the chroma itself.
    candidates : sequence of NDArray[float32 or uint8], shapes (M_i, F)
        At the frame rate of the query.
    span : int
        Frames compared at once, at least 1: 9 at 2.69 frames/s, 5 at 1.35, 3 at 0.90.
    block : int
        Frames of every track that are averaged first, at least 1; `span` and 4,096 count these means.
    nearest : float
        Which share of the other performance may match a moment, in (0, 1).
    costs : GapCosts
    close : float
        How far the second best key may fall short: a share of what the best fit is above the mean of all 12.
    threads : int, optional
        By default one a core that this process may use. A thread holds one similarity matrix, 2 bytes an entry.

    Raises
    ------
    UsageError
        When the frames do not fit together or `span` or `block` is less than 1.

    References
    ----------
    Serrà, Serra, Andrzejak, "Cross recurrence quantification for cover song identification", New Journal of Physics 11
    (2009): Qmax. Serrà, Gómez, Herrera, "Transposing chroma representations to a common key" (2008): the key.
    """
    _check([query, *candidates], span, block)
    further = [-(-max(len(query), len(one)) // (MOST_FRAMES * block)) for one in candidates]
    prepared = {times: _Query(query, block, times, span) for times in set(further)}

    def score(k: int) -> tuple[float, int]:
        return prepared[further[k]].score(candidates[k], nearest, costs, close)

    workers = min(threads or cores(), len(candidates))
    if workers <= 1:
        found = [score(k) for k in range(len(candidates))]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(score, range(len(candidates))))
    keys = np.array([key for _, key in found], dtype=np.int64)
    return QmaxScores(
        np.array([value for value, _ in found], dtype=np.float64), np.where(keys > BINS // 2, keys - BINS, keys)
    )


def warm() -> None:
    """Compile every loop of :func:`qmax_scores` and :func:`align`, some seconds, unless numba's cache has them."""
    frames = np.eye(BINS, dtype=np.float32)
    qmax_scores(frames, [frames, frames.astype(np.uint8)], span=1, threads=1)
    align(frames, frames, 1)


class _Query:
    """What of a query is the same for every candidate; all in means of `block` frames, and these of `further`."""

    def __init__(self, frames: Frames, block: int, further: int, span: int) -> None:
        self.block, self.further, self.span = block, max(1, further), int(span)
        self.length = score_kernel.length_of_unit(self.span, frames.shape[1])
        units = self.units(frames)
        self.columns, self.sums = np.ascontiguousarray(units.T), score_kernel.pitch_sums(units)

    def units(self, frames: Frames) -> NDArray[np.float32]:
        if self.further == 1 or self.block == 1:
            return whole_units(frames, self.span, self.block * self.further)
        floats = restored(cast("NDArray[np.uint8]", frames)) if frames.dtype == np.uint8 else frames
        return whole_units(means_of(cast("NDArray[np.float32]", floats), self.block), self.span, self.further)

    def score(self, candidate: Frames, nearest: float, costs: GapCosts, close: float) -> tuple[float, int]:
        rows = self.units(candidate)
        if min(len(rows), self.columns.shape[1]) < self.span:
            return 0.0, 0
        value, key = score_kernel.best_of_keys(
            self.columns,
            self.sums,
            rows,
            float(close),
            self.span,
            self.length,
            float(nearest),
            float(costs.onset),
            float(costs.extension),
        )
        return (value, key) if value > 0 else (0.0, 0)


def _check(tracks: Sequence[Frames], span: int, block: int) -> None:
    for name, value in (("span", span), ("block", block)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1 frame, not {value}")
    shapes = {track.shape[1:] for track in tracks}
    widths = shapes.pop()
    if shapes or len(widths) != 1 or not widths[0] or widths[0] % BINS:
        raise UsageError(
            f"frames of the query and of every candidate must be (frames, pitches), with one number of pitches that is "
            f"a multiple of {BINS}, not {comma_list(sorted({track.shape for track in tracks}))}"
        )


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
