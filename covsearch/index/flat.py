"""Exact search with one FAISS index.

The head's distance is an inner product in D + 1 dimensions, 129 of models of ours: with ``d' = [v, Σ α v²]`` stored and
``q' = [2 α∘u, −1]`` asked, ``Σ α (u − v)² = Σ α u² − ⟨q', d'⟩``, whatever the signs of α. So the largest inner
products are the nearest rows.

FAISS computes in float32, the head in float64. :func:`proven` therefore asks FAISS for more rows than wanted,
ranks those in float64, and proves from the rounding error's bound that no other row belongs among them;
where the proof fails it asks for more. What it returns equals brute force, ties too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.index.head import Head
from covsearch.ranking.nearest import Ranking, checked_query

MARGIN = 32  # rows beyond the wanted ones in the first request; enough unless that many are all but equal


def recipe(dim: int) -> dict[str, Any]:
    """What the manifest says of the FAISS index over vectors of `dim` numbers."""
    return {"faiss": "Flat", "metric": "inner product", "dim": dim + 1}


def product_error(dim: int) -> float:
    """Bound of the rounding error of a float32 inner product, as a share of Σ|q||d|.

    |fl(⟨q,d⟩) − ⟨q,d⟩| ≤ n·ε/(1 − n·ε) · Σ|q||d| for any order of summation (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, eq. 3.5), n = D + 1; a few ε more for the rounding of q' and d' themselves.
    """
    return (dim + 9) * 2.0**-24


@dataclass(frozen=True)
class Bounds:
    """Of N vectors v under a head.

    Attributes
    ----------
    longest : float
        No v is longer.
    heaviest : float
        No Σ |α| v² is larger.
    """

    longest: float
    heaviest: float


Find = Callable[[NDArray[np.float32], int], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""A question (D + 1,) and how many rows -> those of the largest inner products, and these, descending."""


def proven(
    u: NDArray[np.float32],
    k: int,
    head: Head,
    bounds: Bounds,
    count: int,
    find: Find,
    take: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    exclude: int | None = None,
) -> Ranking:
    """The `k` nearest of `count` rows under the head, exactly, by whatever engine that computes in float32.

    Parameters
    ----------
    u : ndarray, shape (D,)
    k : int
    head : Head
    bounds : Bounds
    count : int
        N.
    find : Find
        Of rows as :func:`augmented_rows` makes them; it may give all N, with any products, where more are asked for
        than the engine gives.
    take : callable
        Vectors (n, D) of some rows.
    exclude : int, optional
        A row that is not ranked.
    """
    question = augmented_query(u, head)
    own = float((head.alpha * np.square(u, dtype=np.float64)).sum())
    error = product_error(len(u)) * (float(np.linalg.norm(question[:-1])) * bounds.longest + bounds.heaviest)
    wanted = min(k + MARGIN + 1, count)
    while True:
        rows, products = find(question, wanted)
        others = rows[rows != exclude] if exclude is not None else rows
        ranking = ranked(others, head.distances(u, take(others)), k)
        complete = len(rows) == count
        if complete or (len(ranking.rows) == k and own - products[-1] - error > ranking.distances[-1]):
            return ranking
        wanted = min(4 * wanted, count)


class FlatIndex:
    """A collection's vectors under one head.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, D)
    head : Head
    index : faiss.IndexFlatIP, optional
        As :meth:`serialize` stored it; made from the other two when missing.

    Raises
    ------
    ArtefactError
        When `index` is not a flat inner-product index of n rows in D + 1 dimensions.
    """

    exact = True

    def __init__(self, vectors: NDArray[np.float32], head: Head, index: Any = None) -> None:
        self.vectors = vectors
        self.head = head
        self._index = _checked(index, vectors.shape) if index is not None else _indexed(vectors, head)
        self._error = product_error(vectors.shape[1])
        squares = np.einsum("ij,ij->i", vectors, vectors)
        longest = float(np.sqrt(squares.max(initial=0.0)))
        self._bounds = Bounds(longest, float((vectors * vectors @ np.abs(head.alpha)).max(initial=0.0)))

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return recipe(self.vectors.shape[1])

    def serialize(self) -> bytes:
        """The FAISS index as ``faiss.read_index`` reads it from a file."""
        return bytes(faiss.serialize_index(self._index))

    def check_rows(self) -> None:
        """Check that the FAISS index holds the vectors, and what the head makes of them.

        Raises
        ------
        ArtefactError
            With the first row that is another one.
        """
        expected = augmented_rows(self.vectors, self.head)  # (n, D + 1)
        stored = np.empty_like(expected)  # given, as without it FAISS answers in tensors once its torch helpers are in
        self._index.reconstruct_n(0, len(self), stored)
        # the last number is a sum, which another processor may round otherwise
        allowed = self._error * (self.vectors * self.vectors @ np.abs(self.head.alpha))
        same = np.abs(stored[:, -1] - expected[:, -1]) <= allowed  # NaN compares false
        same &= (stored[:, :-1] == self.vectors).all(axis=1)
        if not same.all():
            raise ArtefactError(f"row {int(same.argmin())} is not [v, Σ α v²] of that row's vector under the head")

    def rank(self, u: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` nearest rows under the head, exactly.

        Parameters
        ----------
        u : ndarray, shape (D,)
        k : int
            At least 1; more than there are rows gives all.
        exclude : int, optional
            A row that is not ranked: the query's own.
        """
        u = checked_query(u, k, self.vectors.shape[1])
        take = self.vectors.__getitem__
        return proven(u, k, self.head, self._bounds, len(self), self._search, take, exclude)

    def _search(self, question: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and inner products of the `wanted` largest, descending."""
        if wanted == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        with one_thread():
            products, rows = self._index.search(question[None], wanted)
        if (rows < 0).any():
            raise ArtefactError("FAISS found no inner products: the query times the head's weights is not finite")
        return rows[0], products[0]


def augmented_query(u: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """``[2 α∘u, −1]``, (D + 1,): its inner product with a row of :func:`augmented_rows` orders as the head does.

    Raises
    ------
    ArtefactError
        When it is not finite.
    """
    with np.errstate(over="ignore"):
        question = np.concatenate([2 * head.alpha * u, [-1.0]]).astype(np.float32)
    if not np.isfinite(question).all():
        raise ArtefactError("the query times the head's weights is not finite in float32; train the model again")
    return question


def ranked(rows: NDArray[np.int64], distances: NDArray[np.float64], k: int) -> Ranking:
    """The `k` nearest of some rows, equal distances in row order."""
    order = np.lexsort((rows, distances))[:k]
    return Ranking(rows[order], distances[order])


@contextmanager
def one_thread() -> Iterator[None]:
    """One FAISS thread: for one query, waiting for a second one costs more than it computes.

    OpenMP keeps the number once a thread, so what is put back is the caller's own, whatever other threads do.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def augmented_rows(vectors: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """``[v, Σ α v²]`` of every row, (n, D + 1)."""
    weighted = (np.square(vectors, dtype=np.float64) * head.alpha).sum(axis=1)
    with np.errstate(over="ignore"):
        rows = np.concatenate([vectors, weighted[:, None].astype(np.float32)], axis=1)
    if not np.isfinite(rows).all():
        raise ArtefactError("vectors times the head's weights are not finite in float32; train the model again")
    return rows


def _indexed(vectors: NDArray[np.float32], head: Head) -> Any:
    """A new index of :func:`augmented_rows`."""
    index = faiss.IndexFlatIP(vectors.shape[1] + 1)
    index.add(augmented_rows(vectors, head))
    return index


def _checked(index: Any, shape: tuple[int, ...]) -> Any:
    """FAISS itself checks dimensions by ``assert`` only, which ``python -O`` removes."""
    if not isinstance(index, faiss.IndexFlat) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise ArtefactError(f"expected a flat inner-product index, got {type(index).__name__}")
    count, dim = shape
    if (index.d, index.ntotal) != (dim + 1, count):
        expected = f"{count} rows of {dim + 1} dimensions"
        raise ArtefactError(f"expected {expected}, the FAISS index has {index.ntotal} rows of {index.d}")
    return index
