"""Offsets of what performances have several of: rows ``first[i]`` to ``first[i + 1]`` are performance i's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def rise(first: NDArray[np.int64], count: int) -> bool:
    """Whether `first` are int64 offsets (N + 1,) that rise from 0 to `count`, by at least 1 each."""
    if first.dtype != np.int64 or first.ndim != 1 or not len(first):
        return False
    return bool(first[0] == 0 and first[-1] == count and (np.diff(first) > 0).all())


def joined(first: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets of some performances and, after them, of other ones."""
    return np.concatenate([first, other[1:] + first[-1]])


def places(first: NDArray[np.int64], rows: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where all that is of some performances, at least one, is, in the order of `rows`, and the offsets there."""
    spans = [np.arange(first[row], first[row + 1]) for row in rows]
    return np.concatenate(spans), np.cumsum([0, *map(len, spans)], dtype=np.int64)
