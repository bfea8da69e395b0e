"""A generation's vectors as a :class:`covsearch.store.protocols.VectorStore`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from covsearch.index.collection import Collection
from covsearch.index.head import Head
from covsearch.ranking.nearest import Ranking


class LocalVectors(Collection):
    """In memory, or of many performances on the disk, searched with FAISS (:mod:`covsearch.index.searched`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """In natural order."""
        return self.pids

    @property
    def head(self) -> Head:
        """Of the generation."""
        return self.flat.head

    @property
    def exact(self) -> bool:
        """Of a flat index."""
        return self.flat.exact

    def __len__(self) -> int:
        return len(self.pids)

    def take(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Copies of some rows, (len(rows), 128)."""
        return self.flat.vectors[np.asarray(rows, dtype=np.int64)]

    def search(self, vector: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` nearest rows; see :class:`covsearch.index.flat.FlatIndex` and :mod:`covsearch.index.fastscan`."""
        return self.flat.rank(vector, k, exclude=exclude)
