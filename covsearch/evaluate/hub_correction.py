"""Any system's distances after hub correction, to see whether that helps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.evaluate.retrieval import BLOCK, Distances
from covsearch.index.hubs import local_scaling, neighbour_scale


def hub_corrected(distances: Distances, size: int, k: int, *, block: int = BLOCK) -> Distances:
    """Distances after local scaling (:func:`covsearch.index.hubs.local_scaling`).

    Every performance's own neighbourhood is measured first, which asks `distances` once for each.

    Parameters
    ----------
    distances : Distances
        Squared distances, or what takes their place. Where some are negative, the least distance between two
        performances is subtracted from all: of the pairs the nearest then counts as the same.
    size : int
        N, of the collection.
    k : int
        Neighbours that make a neighbourhood, 1 to N - 1.
    block : int
        Performances at once.

    Returns
    -------
    Distances

    Raises
    ------
    UsageError
        When a performance has no k-th neighbour.
    """
    rows = np.arange(size, dtype=np.int64)
    scale, least = np.empty(size), 0.0
    for begin in range(0, size, block):
        some = rows[begin : begin + block]
        others = _to_others(distances, some)
        scale[some] = neighbour_scale(others, k)
        least = min(least, float(others.min()))
    scale -= least

    def corrected(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        shifted = np.maximum(distances(queries) - least, 0.0)  # to itself an item may be further below
        return local_scaling(shifted, scale[queries], scale)

    return corrected


def _to_others(distances: Distances, some: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances of the performances `some` (B,) to all but themselves, (B, N - 1)."""
    found = distances(some)
    other = np.ones(found.shape, dtype=np.bool_)
    other[np.arange(len(some)), some] = False
    return found[other].reshape(len(some), -1)
