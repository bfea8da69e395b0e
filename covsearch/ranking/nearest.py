"""What a search of vectors finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, UsageError


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows from the nearest to the farthest.

    Attributes
    ----------
    rows : ndarray of int64, shape (k,)
    distances : ndarray of float64, shape (k,)
        The head's distances without bias, ascending; equal ones in row order.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]


def checked_query(u: NDArray[np.float32], k: int, dim: int) -> NDArray[np.float32]:
    """`u` as float32, if it is (`dim`,) and finite, and at least 1 match is asked for."""
    if k < 1:
        raise UsageError(f"at least 1 match must be asked for, not {k}")
    u = np.asarray(u, dtype=np.float32)
    if u.shape != (dim,) or not np.isfinite(u).all():
        raise ArtefactError(f"a query vector must be {dim} finite numbers, got shape {u.shape}")
    return u
