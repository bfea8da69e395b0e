"""Exact ranking by brute force: what every faster search must equal, and is tested against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.index.head import Head


def rank_all(u: NDArray[np.float32], vectors: NDArray[np.float32], head: Head) -> NDArray[np.int64]:
    """All rows of `vectors` from the nearest to the farthest under `head`, in float64.

    Parameters
    ----------
    u : ndarray, shape (128,)
    vectors : ndarray, shape (n, 128)
    head : Head

    Returns
    -------
    ndarray of int64, shape (n,)
        Row numbers; equal distances in row order, which in a generation is the natural order of the PIDs.
    """
    distances = head.distances(u, vectors)
    return np.lexsort((np.arange(len(vectors)), distances)).astype(np.int64)
