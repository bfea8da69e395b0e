"""Which moments of two performances sound alike: cross-similarity and cross-recurrence of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.features.frames import unit_norm
from covsearch.ranking import kernel


def stretch_similarity(a: NDArray[np.float32], b: NDArray[np.float32], span: int) -> NDArray[np.float32]:
    """How alike stretches of frames are: means of the frames' cosine similarity over `span` neighbours on the diagonal.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (L, F) and (M, F)
    span : int
        1 to the smaller of L and M.

    Returns
    -------
    NDArray[float32], shape (L - span + 1, M - span + 1)
        In [0, 1] for chroma; a frame of silence is like nothing. Entry (i, j) is the mean of (i, j), (i + 1, j + 1),
        ..., `span` in all.
    """
    first, second = unit_norm(np.asarray(a, np.float32)), unit_norm(np.asarray(b, np.float32))
    similarity: NDArray[np.float32] = kernel.stacked_similarity(
        np.ascontiguousarray(first), np.ascontiguousarray(second.T), span
    )
    return similarity


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
    rows, columns = (max(1, round(share * size)) for size in similarity.shape)
    by_row = kernel.nearest_thresholds(similarity, columns)
    by_column = kernel.nearest_thresholds(np.ascontiguousarray(similarity.T), rows)
    matches: NDArray[np.bool_] = kernel.mutual(similarity, by_row, by_column)
    return matches
