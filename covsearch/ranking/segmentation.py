"""One reading of a long recording: which of the candidates that overlap in time are taken, and where nothing is.

Every candidate is worth something a second. A stretch of the recording belongs to one candidate or to none, and each
new stretch costs a penalty. The best reading of the whole recording is found exactly, by dynamic programming over time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covsearch.errors import UsageError

NOTHING = -1


@dataclass(frozen=True)
class ReadPart:
    """A stretch that belongs to one candidate.

    Attributes
    ----------
    candidate : int
        Its place among the candidates.
    start, end : float
        Inside the candidate's own; less where a neighbour took the rest.
    """

    candidate: int
    start: float
    end: float


def best_reading(start: ArrayLike, end: ArrayLike, worth: ArrayLike, penalty: float) -> list[ReadPart]:
    """The parts whose sum of worth, less the penalty of each, is the greatest.

    A candidate that is cut short keeps the share of its worth that its part is of its length. Where nothing is taken
    nothing is won or lost.

    Parameters
    ----------
    start, end : array_like, shape (n,)
        Of the candidates, in any unit of time; each ends after it starts.
    worth : array_like, shape (n,)
        Of a whole candidate; one of 0 or less is never taken.
    penalty : float
        At least 0.

    Returns
    -------
    list of ReadPart
        In the order of time, none over another. Of equally good readings, one with fewer parts.

    Raises
    ------
    UsageError
        When the arrays do not fit, a number is not finite, a candidate does not end after it starts, or `penalty` is
        negative.
    """
    starts, ends, worths = (np.asarray(values, dtype=np.float64) for values in (start, end, worth))
    _check(starts, ends, worths, penalty)
    times = np.unique(np.concatenate([starts, ends]))
    first, last = np.searchsorted(times, starts), np.searchsorted(times, ends)
    density = worths / (ends - starts)
    active: list[list[int]] = [[] for _ in times[1:]]
    for c in np.flatnonzero(worths > 0).tolist():
        for k in range(int(first[c]), int(last[c])):
            active[k].append(c)
    # best[c]: the greatest sum so far of the readings that end in c
    best: dict[int, float] = {NOTHING: 0.0}
    came: list[dict[int, int]] = []
    for k, candidates in enumerate(active):
        span = float(times[k + 1] - times[k])
        leader = max(best, key=lambda c: (best[c], c == NOTHING))
        reached, origin = {NOTHING: best[leader]}, {NOTHING: leader}
        for c in candidates:
            stay = best.get(c, -np.inf)
            origin[c] = c if stay >= best[leader] - penalty else leader
            reached[c] = max(stay, best[leader] - penalty) + density[c] * span
        best = reached
        came.append(origin)
    return _followed(best, came, times.tolist())


def _followed(best: dict[int, float], came: list[dict[int, int]], times: list[float]) -> list[ReadPart]:
    """The best reading, followed back from its end."""
    now = max(best, key=lambda c: (best[c], c == NOTHING))
    parts: list[ReadPart] = []
    end = len(came)
    for k in range(len(came) - 1, -1, -1):
        before = came[k][now]
        if before != now or k == 0:
            if now != NOTHING:
                parts.append(ReadPart(now, times[k], times[end]))
            end, now = k, before
    return parts[::-1]


def _check(
    starts: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    ends: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    worths: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    penalty: float,
) -> None:
    if starts.ndim != 1 or not starts.shape == ends.shape == worths.shape:
        shapes = f"{starts.shape}, {ends.shape} and {worths.shape}"
        raise UsageError(f"expected start, end and worth of every candidate, not shapes {shapes}")
    if not (np.isfinite(starts).all() and np.isfinite(ends).all() and np.isfinite(worths).all()):
        raise UsageError("start, end and worth of every candidate must be finite")
    if not (starts < ends).all():
        raise UsageError("every candidate must end after it starts")
    if not 0 <= penalty < np.inf:
        raise UsageError(f"the penalty must be at least 0, not {penalty}")
