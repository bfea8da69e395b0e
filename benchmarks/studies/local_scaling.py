"""Hub correction: distances seen from both sides, so that a few performances are not everybody's neighbours.

In many dimensions some items lie near a great many others by their place alone; in a ranking they stand before the
true covers. Local scaling measures a distance by how far the neighbours of either side are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.errors import UsageError
from covsearch.evaluate.retrieval import BLOCK, Distances

_LEAST = 1e-12  # of a scale: float32 unit vectors that are nearer cannot be told from equal ones


def neighbour_scale(distances: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """How far the k-th neighbour of each of B items is.

    Parameters
    ----------
    distances : NDArray[float64], shape (B, N)
        To the others: without its distance to itself.
    k : int
        From 1 to N.

    Returns
    -------
    NDArray[float64], shape (B,)

    Raises
    ------
    UsageError
        When there is no k-th neighbour.
    """
    if not 1 <= k <= distances.shape[1]:
        raise UsageError(f"neighbour {k} of {distances.shape[1]} cannot be: choose one from 1 to their number")
    scale: NDArray[np.float64] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return scale


def local_scaling(
    distances: NDArray[np.float64], query: ArrayLike, collection: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances measured by the neighbourhoods of both sides: ``d / sqrt(query * collection)``.

    The published form is ``1 - exp(-x)`` of this, which puts everything in the same order but rounds what is far to 1,
    where nothing can be told apart.

    Parameters
    ----------
    distances : NDArray[float64], shape (..., N)
        *Squared* distances of a query, or of many, to the collection, as the learned head gives them; at least 0.
    query : array_like of float, shape (...)
        Squared distance of each query's k-th neighbour.
    collection : NDArray[float64], shape (N,)
        The same of every item of the collection.

    Returns
    -------
    NDArray[float64], shape (..., N)
        At least 0.

    Raises
    ------
    UsageError
        When a distance or a scale is negative, as a head with negative weights gives them.

    References
    ----------
    Zelnik-Manor, Perona, "Self-tuning spectral clustering", NIPS 2004; Schnitzer, Flexer, Schedl, Widmer, "Local and
    global scaling reduce hubs in space", JMLR 13 (2012), eq. 2.
    """
    asked = np.asarray(query, dtype=np.float64)[..., None]
    least = min(float(np.min(values)) for values in (distances, asked, collection))
    if least < 0:
        raise UsageError(f"local scaling needs distances of at least 0, the least is {least:.6g}")
    scale = np.sqrt(np.maximum(asked, _LEAST) * np.maximum(collection, _LEAST))
    scaled: NDArray[np.float64] = distances / scale
    return scaled


def hub_corrected(distances: Distances, size: int, k: int, *, block: int = BLOCK) -> Distances:
    """Distances after local scaling (:func:`local_scaling`).

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
