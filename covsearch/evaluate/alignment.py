"""Qmax: the longest run of matching music in two performances, found by alignment.

Every pair is brought to one key, each frame is compared together with those that follow it, two such stacks match when
each is among the nearest of the other, and a local alignment counts the longest run of matches, gaps allowed
(:mod:`covsearch.ranking.scores`). Nothing can be kept of one performance alone: a collection costs its pairs, not its
performances.

References
----------
Serrà, Serra, Andrzejak, "Cross recurrence quantification for cover song identification", New Journal of Physics 11
(2009): Qmax, and the parameters used here; only the gap costs are essentia's defaults.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from covsearch.features.frames import block_means, repeated
from covsearch.progress import Progress, silent
from covsearch.ranking.scores import qmax_scores, warm

QMAX = "Qmax"
STACK = 9  # frames of one stack, 3.3 s (Serrà's m at τ = 1)
LEAST_FRAMES = STACK + 4  # five stacks: one alone matches anything
MOST_FRAMES = 3_000  # 18 minutes; a matrix of two such performances is 18 MB
Number = TypeVar("Number", bound=np.generic)
_LEAST_SCORE = 0.5  # for no match at all, which would be infinitely far: half of what one match scores


@dataclass(frozen=True, eq=False)
class Alignments:
    """The scores of all pairs; as a function, the :data:`~covsearch.evaluate.ranks.Distances` they make.

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


def align_pairs(
    frames: Sequence[NDArray[np.float32]], *, threads: int | None = None, progress: Progress = silent
) -> Alignments:
    """Align every pair once: scores are the same both ways.

    Parameters
    ----------
    frames : sequence of NDArray[float32], shapes (M_i, 12)
        As :func:`alignable` makes them.
    threads : int, optional
        By default one a core.
    progress : Progress

    Returns
    -------
    Alignments
        The scores in a temporary file: a few rows of them are in memory.
    """
    size, total = len(frames), len(frames) * (len(frames) - 1) // 2
    score, done = on_disk(size, np.float32), 0
    warm()  # compiling is not a pair's time
    started = time.process_time()
    for k in range(size - 1):
        found = qmax_scores(frames[k], frames[k + 1 :], span=STACK, threads=threads).scores
        score[k, k + 1 :] = score[k + 1 :, k] = found
        done += size - 1 - k
        progress("aligning", done, total)
    seconds = (time.process_time() - started) / max(1, total)
    return Alignments(score, np.array([len(one) - STACK + 1 for one in frames]), seconds)


def on_disk(size: int, kind: type[Number]) -> NDArray[Number]:
    """Zeros (size, size) that the operating system may put away; gone with the array."""
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=kind, mode="w+", shape=(size, size))
