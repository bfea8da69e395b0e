"""A collection in Milvus: the vectors of one generation, by row, as an inner product orders them like the head."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, CovsearchError
from covsearch.store.milvus.link import LONG, WAIT, DataType, client_of, milvus_errors

MOST = 16_384
"""Rows that one search gives at most; Milvus sets it."""
INDEX, METRIC = "FLAT", "IP"
"""Every vector is compared, so the nearest are proven to be them."""
_ROW, _VECTOR = "row", "vector"


@dataclass(frozen=True)
class KeptVectors:
    """The collection `name` of the Milvus at `address`."""

    address: str
    name: str

    def make(self, dim: int, batches: Iterable[tuple[int, NDArray[np.float32]]]) -> None:
        """Make it, of vectors of `dim` numbers: batches of rows that begin at a number.

        Raises
        ------
        CovsearchError
            When Milvus fails, or has another number of rows at the end.
        """
        with milvus_errors(self.address):
            client = client_of(self.address)
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field(_ROW, DataType.INT64, is_primary=True)
            schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=dim)
            client.create_collection(self.name, schema=schema, consistency_level="Strong", timeout=WAIT)
            index = client.prepare_index_params()
            index.add_index(_VECTOR, index_type=INDEX, metric_type=METRIC)
            client.create_index(self.name, index, sync=False, timeout=WAIT)
            count = 0
            for first, vectors in batches:
                rows = [{_ROW: row, _VECTOR: vector} for row, vector in enumerate(vectors, first)]
                client.insert(self.name, rows, timeout=LONG)
                count += len(rows)
            client.flush(self.name, timeout=LONG)
        self.load()
        if (came := self.count()) != count:
            raise CovsearchError(f"{self.address}: {count} vectors were sent, Milvus has {came}: nothing was published")

    def load(self) -> None:
        """Let Milvus have it in memory, if it has not: only then it can be searched.

        Raises
        ------
        ArtefactError
            When it is not there.
        """
        with milvus_errors(self.address):
            client = client_of(self.address)
            if not client.has_collection(self.name, timeout=WAIT):
                raise ArtefactError(f"{self.address}: the collection {self.name} of the index is gone")
            client.load_collection(self.name, timeout=LONG)

    def count(self) -> int:
        """How many rows there are."""
        with milvus_errors(self.address):
            found = client_of(self.address).query(self.name, filter="", output_fields=["count(*)"], timeout=WAIT)
        return int(found[0]["count(*)"])

    def search(self, question: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the `wanted` largest inner products, and these, descending."""
        with milvus_errors(self.address):
            found: Any = client_of(self.address).search(
                self.name,
                data=[question],
                anns_field=_VECTOR,
                limit=wanted,
                search_params={"metric_type": METRIC},
                output_fields=[_ROW],
                timeout=WAIT,
            )[0]
        rows = np.array([hit[_ROW] for hit in found], dtype=np.int64)
        return rows, np.array([hit["distance"] for hit in found], dtype=np.float32)

    def vectors(self, first: int, count: int) -> NDArray[np.float32]:
        """Vectors of up to `count` rows from `first` on, in order; those that are not there are left out."""
        between = f"{_ROW} >= {first} and {_ROW} < {first + count}"
        fields = [_ROW, _VECTOR]
        with milvus_errors(self.address):
            found = client_of(self.address).query(self.name, filter=between, output_fields=fields, timeout=LONG)
        return np.array([one[_VECTOR] for one in sorted(found, key=lambda one: one[_ROW])], dtype=np.float32)
