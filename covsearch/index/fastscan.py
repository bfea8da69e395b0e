"""Search of many vectors: FAISS FastScan finds candidates by codes of 4 bits, the head ranks these in float64.

The head's inner product in D + 1 dimensions (:mod:`covsearch.index.flat`) is cut into pairs of numbers, and each pair
is replaced by the nearest of 16 pairs, learned once. A row of 128 numbers is a code of 33 bytes, which FAISS compares
in registers. The vectors stay on the disk, mapped, and only those of candidates are read.

What comes back has the head's own distances in float64 and is in their order. Nothing proves that a nearer row was not
left out: how often one is, ``benchmarks/many_vectors.py`` measures.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.index.flat import augmented_query, augmented_rows, one_thread, ranked
from covsearch.index.head import Head
from covsearch.ranking.nearest import Ranking, checked_query

FACTOR, LEAST = 10, 1000
"""A search for k rows looks at ``FACTOR · k + LEAST`` candidates: recall@100 is .997 in a million."""
SAMPLE = 8_192
"""Rows that the pairs are learned from, and that the error is measured on; eight times as many find no more."""
DRIFT = 1.1
"""Codes are learned again when the mean error of the rows is more than this times what it was then: at 1.07 nothing is
lost by it, at 1.3 a thousandth of recall@100, at 3 a hundredth."""
BITS, _CENTRES = 4, 16
_BLOCK = 65_536  # rows in float64 at once
_ROUNDING = 1e-4  # by which another processor may find another pair the nearest, as a share of the error


def recipe(dim: int) -> dict[str, Any]:
    """What the manifest says of every such index over vectors of `dim` numbers, whatever it learned."""
    padded = _padded(dim)
    return {"faiss": f"PQ{padded // 2}x{BITS}fs", "metric": "inner product", "dim": padded}


class FastScanIndex:
    """A collection's vectors under one head, found by codes; it is no :class:`~covsearch.index.flat.FlatIndex`.

    Parameters
    ----------
    vectors : NDArray[float32], shape (n, D)
        May be mapped from the disk; they are read when they are candidates.
    head : Head
    index : faiss.IndexPQFastScan
        As :func:`build_fastscan` made it.
    error : float
        Mean squared error of the codes of the rows that they were learned from.

    Raises
    ------
    ArtefactError
        When `index` is of another kind, or not of n rows.
    """

    exact = False

    def __init__(self, vectors: NDArray[np.float32], head: Head, index: Any, error: float) -> None:
        self.vectors = vectors
        self.head = head
        self.error = error
        self._index = _checked(index, vectors.shape)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {**recipe(self.vectors.shape[1]), "error": self.error}

    def serialize(self) -> bytes:
        """The FAISS index as ``faiss.read_index`` reads it from a file."""
        return bytes(faiss.serialize_index(self._index))

    def rank(self, u: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` nearest of the candidates under the head; of all rows where the candidates would be all.

        Parameters
        ----------
        u : ndarray, shape (D,)
        k : int
            At least 1; more than there are rows gives all.
        exclude : int, optional
            A row that is not ranked: the query's own.

        Raises
        ------
        ArtefactError
            When a vector that is looked at is not finite.
        """
        u = checked_query(u, k, self.vectors.shape[1])
        wanted = FACTOR * k + LEAST
        rows = np.arange(len(self)) if wanted >= len(self) else self._candidates(u, wanted)
        rows = rows[rows != exclude] if exclude is not None else rows
        distances = np.concatenate([np.empty(0), *(self._distances(u, some) for some in _blocks(rows))])
        return ranked(rows, distances, k)

    def _candidates(self, u: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
        """Rows of the `wanted` largest inner products by their codes, ascending."""
        question = _pad(augmented_query(u, self.head)[None])
        with one_thread():
            _, rows = self._index.search(question, wanted)
        return np.sort(rows[0][rows[0] >= 0])  # as they lie on the disk

    def _distances(self, u: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        distances = self.head.distances(u, self.vectors[rows])
        if not np.isfinite(distances).all():
            raise ArtefactError(f"the vector of row {int(rows[~np.isfinite(distances)][0])} is not finite")
        return distances

    def check_rows(self) -> None:
        """Check that every code is of its row's vector: as near to it as any code can be.

        Raises
        ------
        ArtefactError
            With the first row of which that is not so.
        """
        fresh = _emptied(self._index)
        for first in range(0, len(self), _BLOCK):
            rows = _augmented_rows(self.vectors[first : first + _BLOCK], self.head)
            fresh.reset()
            fresh.add(rows)
            best = _errors(rows, _decoded(fresh, 0, len(rows)))
            came = _errors(rows, _decoded(self._index, first, len(rows)))
            wrong = ~(came <= best + _ROUNDING * (best + self.error) + 1e-12)  # NaN compares false
            if wrong.any():
                raise ArtefactError(f"row {first + int(wrong.argmax())} has a code that is not of its vector")


def build_fastscan(vectors: NDArray[np.float32], head: Head, before: FastScanIndex | None = None) -> FastScanIndex:
    """Codes of all `vectors`, learned from a sample of them; as `before` learned them, while these still fit.

    The same vectors give the same codes, on any number of threads.

    Parameters
    ----------
    vectors : NDArray[float32], shape (n, D)
    head : Head
    before : FastScanIndex, optional
        Of other rows of the same model.
    """
    count, dim = vectors.shape
    chosen = np.sort(np.random.default_rng(0).choice(count, min(count, SAMPLE), replace=False))
    sample = _augmented_rows(vectors[chosen], head)
    index, error = None, 0.0
    if before is not None and before.vectors.shape[1] == dim and np.array_equal(before.head.alpha, head.alpha):
        index, error = _emptied(before._index), before.error
        index = index if _error(index, sample) <= DRIFT * error else None
    if index is None:
        index = _learned(sample)
        error = _error(index, sample)
    for first in range(0, count, _BLOCK):
        index.add(_augmented_rows(vectors[first : first + _BLOCK], head))
    return FastScanIndex(vectors, head, index, error)


def _learned(sample: NDArray[np.float32]) -> Any:
    """An empty index whose pairs are learned from the rows `sample`; FAISS's clustering has a seed of its own."""
    width = sample.shape[1]
    index = faiss.IndexPQFastScan(width, width // 2, BITS, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # of fewer than 39 it complains on stderr
    index.pq.cp.max_points_per_centroid = SAMPLE // _CENTRES
    with one_thread():  # sums in one order
        index.train(np.resize(sample, (max(len(sample), _CENTRES), width)))  # it needs as many rows as centres
    return index


def _emptied(index: Any) -> Any:
    """An index without rows that makes codes as `index` does."""
    copy = faiss.IndexPQFastScan(index.d, index.M, BITS, faiss.METRIC_INNER_PRODUCT)
    faiss.copy_array_to_vector(faiss.vector_to_array(index.pq.centroids), copy.pq.centroids)
    copy.is_trained = True
    return copy


def _error(index: Any, rows: NDArray[np.float32]) -> float:
    """Mean squared error of the codes that `index`, which is empty, makes of rows; it is empty afterwards."""
    index.add(rows)
    error = float(_errors(rows, _decoded(index, 0, len(rows))).mean())
    index.reset()
    return error


def _decoded(index: Any, first: int, count: int) -> NDArray[np.float32]:
    """What the codes of some rows stand for."""
    rows = np.empty((count, index.d), dtype=np.float32)  # given, as without it FAISS may answer in tensors
    index.reconstruct_n(first, count, rows)
    return rows


def _errors(rows: NDArray[np.float32], decoded: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.square(rows.astype(np.float64) - decoded).sum(axis=1))


def _augmented_rows(vectors: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    return _pad(augmented_rows(vectors, head))


def _pad(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """With a zero behind where that makes the width even."""
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))))


def _padded(dim: int) -> int:
    return dim + 1 + (dim + 1) % 2


def _blocks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK)]


def _checked(index: Any, shape: tuple[int, ...]) -> Any:
    """FAISS itself checks dimensions by ``assert`` only, which ``python -O`` removes."""
    if not isinstance(index, faiss.IndexPQFastScan) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise ArtefactError(f"expected a FastScan index of inner products, got {type(index).__name__}")
    count, dim = shape
    width = _padded(dim)
    if (index.d, index.M, index.nbits, index.ntotal) != (width, width // 2, BITS, count):
        came = f"{index.ntotal} rows of {index.M} × {index.nbits} bits in {index.d} dimensions"
        expected = f"{count} rows of {width // 2} × {BITS} bits in {width} dimensions"
        raise ArtefactError(f"expected {expected}, the FAISS index has {came}")
    return index
