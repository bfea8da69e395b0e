"""Which moments of two performances sound alike: cross-similarity and cross-recurrence of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.features.frames import unit_norm


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine similarity of every frame of one performance with every frame of another.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (L, F) and (M, F)

    Returns
    -------
    NDArray[float32], shape (L, M)
        In [0, 1] for chroma; 0 where either is silent.
    """
    return unit_norm(a) @ unit_norm(b).T


def along_diagonals(similarity: NDArray[np.float32], span: int) -> NDArray[np.float32]:
    """Means over `span` neighbours on the diagonal: how alike stretches of frames are instead of single ones.

    Parameters
    ----------
    similarity : NDArray[float32], shape (L, M)
    span : int
        1 to the shorter side.

    Returns
    -------
    NDArray[float32], shape (L - span + 1, M - span + 1)
        Entry (i, j) is the mean of (i, j), (i + 1, j + 1), ..., `span` in all.
    """
    rows, columns = (size - span + 1 for size in similarity.shape)
    total = np.zeros((rows, columns), dtype=np.float32)
    for k in range(span):
        total += similarity[k : k + rows, k : k + columns]
    total /= span
    return total


def fit(similarity: NDArray[np.float32]) -> float:
    """How well every moment of either finds its like in the other: mean of row and column maxima of (L, M)."""
    return float(similarity.max(axis=1).mean() + similarity.max(axis=0).mean()) / 2


def mutual_neighbours(similarity: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """Cross-recurrence: the pairs of which each is among the nearest of the other.

    Parameters
    ----------
    similarity : NDArray[float32], shape (L, M)
    share : float
        Which share of the other side counts as the nearest, in (0, 1).

    Returns
    -------
    NDArray[bool], shape (L, M)
        No row has more than ``round(share M)`` true (but at least 1 is allowed), no column more than
        ``round(share L)``; where more are equally near than that, none of these is.

    References
    ----------
    Serrà, Serra, Andrzejak, "Cross recurrence quantification for cover song identification", New Journal of Physics 11
    (2009), section 2.4.
    """
    return _nearest(similarity, share) & _nearest(np.ascontiguousarray(similarity.T), share).T


def _nearest(similarity: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """Which entries of each row are greater than all but `share` of it."""
    size = similarity.shape[1]
    beyond = size - 1 - max(1, round(share * size))  # place, ascending, of the first that is too far
    if beyond < 0:
        return np.ones(similarity.shape, dtype=np.bool_)
    return similarity > np.partition(similarity, beyond, axis=1)[:, beyond, None]
