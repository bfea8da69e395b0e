"""The vectors of a generation, found by Milvus and ranked by the head in float64."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.index.collection import UNIT
from covsearch.index.flat import Bounds, proven
from covsearch.index.head import Head
from covsearch.ranking.nearest import Ranking, checked_query
from covsearch.store.milvus.kept import MOST, KeptVectors
from covsearch.store.postgres.pin import Pin
from covsearch.store.postgres.vectors import fetched


class MilvusVectors:
    """The :class:`covsearch.store.protocols.VectorStore` of a generation.

    Milvus says which rows are near, by float32; their own vectors are fetched from PostgreSQL, so distances are those
    of every store. Nothing else is in memory but names.

    Parameters
    ----------
    pin : Pin
    names : tuple of str
    numbers : NDArray[int64], shape (N,)
        Recording of each row.
    head : Head
    kept : KeptVectors
        The collection of the generation.
    """

    exact = True

    def __init__(
        self, pin: Pin, names: tuple[str, ...], numbers: NDArray[np.int64], head: Head, kept: KeptVectors
    ) -> None:
        self.names, self.head = names, head
        self._pin, self._numbers, self._kept = pin, numbers, kept
        heaviest = float(np.abs(head.alpha).max()) * (1 + UNIT) ** 2
        self._bounds = Bounds(1 + UNIT, heaviest)  # what is published is of unit length

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each name."""
        return {name: row for row, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Vectors of some rows, (len(rows), D), from PostgreSQL."""
        numbers, places = np.unique(self._numbers[np.asarray(rows, dtype=np.int64)], return_inverse=True)
        return fetched(self._pin, numbers)[places]

    def search(self, vector: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` nearest rows; see :func:`covsearch.index.flat.proven`."""
        u = checked_query(vector, k, self.head.dim)
        return proven(u, k, self.head, self._bounds, len(self), self._find, self.take, exclude)

    def _find(self, question: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the largest inner products; all rows, unasked, where all are wanted or more than Milvus gives."""
        if wanted > MOST or wanted == len(self):
            return np.arange(len(self), dtype=np.int64), np.empty(0, np.float32)
        rows, products = self._kept.search(question, wanted)
        if len(rows) != wanted or len(np.unique(rows)) != wanted or not 0 <= rows.min() <= rows.max() < len(self):
            raise ArtefactError(
                f"{self._pin.name}: expected {wanted} rows of Milvus, {self._kept.name} gave {len(rows)} or others: "
                "run `covsearch verify`"
            )
        return rows, products
