"""The best local path through matches, compiled: where two recordings begin and cease to run together."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from covsearch.ranking.alignment import PUBLISHED, GapCosts, local_alignment


def local_path(matches: NDArray[np.bool_], costs: GapCosts = PUBLISHED) -> tuple[NDArray[np.int64], float]:
    """The best alignment and its score: what :func:`covsearch.ranking.alignment.trace` finds, for any costs.

    Parameters
    ----------
    matches : NDArray[bool], shape (L, M)
        As for :func:`~covsearch.ranking.alignment.local_alignment`.
    costs : GapCosts

    Returns
    -------
    NDArray[int64], shape (K, 2)
        Pairs of frames in the order of time, from its first match to its last; K is 0 where nothing matches.
    float
        Qmax.
    """
    score = local_alignment(matches, costs)
    path: NDArray[np.int64] = _followed(score, matches, np.float32(costs.onset), np.float32(costs.extension))
    return path, float(score.max(initial=0))


@njit(cache=True, nogil=True)
def _followed(
    score: NDArray[np.float32], matches: NDArray[np.bool_], onset: np.float32, extension: np.float32
) -> NDArray[np.int64]:
    """From the first of the highest scores back to where its alignment begins."""
    rows, columns = score.shape
    path = np.empty((rows + columns, 2), np.int64)
    if score.size == 0:
        return path[:0]
    where = int(score.argmax())
    i, j = where // columns, where % columns
    length = 0
    while i >= 0 and j >= 0 and score[i, j] > 0:
        path[length, 0], path[length, 1] = i, j
        length += 1
        best, to_i, to_j = np.float32(0), -1, -1
        for step in range(3):  # as fast, half as fast, twice as fast
            p, q = i - (2 if step == 1 else 1), j - (2 if step == 2 else 1)
            if p < 0 or q < 0:
                continue
            cost = np.float32(0)
            if not matches[i, j]:
                cost = onset if matches[p, q] else extension
            if score[p, q] - cost > best:
                best, to_i, to_j = score[p, q] - cost, p, q
        i, j = to_i, to_j
    return path[:length][::-1].copy()
