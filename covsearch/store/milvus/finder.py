"""Milvus beside PostgreSQL: what is done when a generation is published, opened, verified and removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from covsearch.errors import ArtefactError, CovsearchError
from covsearch.index.flat import augmented_rows
from covsearch.index.head import Head
from covsearch.index.manifest import MEND, parse_manifest
from covsearch.store.milvus.kept import INDEX, METRIC, KeptVectors
from covsearch.store.milvus.link import WAIT, client_of, milvus_address, milvus_errors
from covsearch.store.milvus.vectors import MilvusVectors
from covsearch.store.postgres.link import engine_of, raw, server_errors
from covsearch.store.postgres.pin import Pin

_BATCH = 2_000  # vectors that are sent together, 1 MB
_POINTER = text("SELECT generation, store FROM current FOR UPDATE SKIP LOCKED")


class MilvusFinder:
    """The :class:`covsearch.store.postgres.finder.Finder` of the Milvus that a store's URL names."""

    def __init__(self, url: str) -> None:
        self._url, self._address = url, milvus_address(url)

    def recipe(self, connection: Connection, dim: int) -> dict[str, Any]:
        """With the name of a new collection: one that nobody had before, so no writer meets what another one left."""
        alias = alias_of(str(connection.scalar(text("SELECT store FROM current"))))
        name = f"{alias}_{secrets.token_hex(8)}"
        return {"milvus": INDEX, "metric": METRIC, "dim": dim + 1, "collection": name}

    def write(self, connection: Connection, said: Mapping[str, Any], recordings: Sequence[bytes], head: Head) -> None:
        """Fill the new collection from the vectors that PostgreSQL has."""
        self._kept(said["collection"]).make(said["dim"], _batches(connection, recordings, head))

    def open(self, pin: Pin, names: tuple[str, ...], numbers: NDArray[np.int64], head: Head) -> MilvusVectors:
        """The collection of the generation that is held, and no other; a stale alias is put right in passing."""
        kept = self._of(pin)
        try:
            kept.load()
            if self._pointed(alias_of(pin.store)) != kept.name:
                self.settle()
        except ArtefactError as e:
            raise ArtefactError(f"{pin.name}: {e}; {MEND}") from e
        return MilvusVectors(pin, names, numbers, head, kept)

    def check(self, pin: Pin, vectors: NDArray[np.float32], head: Head) -> Iterator[str]:
        """Whether Milvus has every row, to the bit."""
        kept, expected = self._of(pin), augmented_rows(vectors, head)
        kept.load()
        if (came := kept.count()) != len(expected):
            raise ArtefactError(f"Milvus: expected {len(expected)} vectors in {kept.name}, it has {came}; {MEND}")
        for first in range(0, len(expected), _BATCH):
            rows = expected[first : first + _BATCH]
            if not np.array_equal(kept.vectors(first, _BATCH), rows):
                raise ArtefactError(f"Milvus: a vector in {kept.name} was changed since it was published; {MEND}")
        yield f"Milvus has the same vectors ({kept.name})"

    def settle(self) -> None:
        """Point the alias to the current generation's collection, and drop those that no generation has.

        The pointer is locked meanwhile, so nobody publishes; where somebody does, that one settles later. A failure is
        left to the next one.
        """
        with suppress(CovsearchError), server_errors(self._url), engine_of(self._url).begin() as connection:
            pointer = connection.execute(_POINTER).one_or_none()
            if pointer is None or pointer.generation is None:
                return
            manifests = connection.execute(text("SELECT id, manifest FROM generations")).all()
            recipes = {number: parse_manifest(manifest).recipe for number, manifest in manifests}
            kept = {number: said["collection"] for number, said in recipes.items() if "collection" in said}
            with milvus_errors(self._address):
                self._settle(alias_of(pointer.store), kept.get(pointer.generation), set(kept.values()))

    def _settle(self, alias: str, current: str | None, used: set[str]) -> None:
        client = client_of(self._address)
        if current is not None and self._pointed(alias) != current:
            there = client.has_collection(alias, timeout=WAIT)
            point = client.alter_alias if there else client.create_alias
            point(current, alias, timeout=WAIT)
        for name in client.list_collections(timeout=WAIT):
            if name.startswith(f"{alias}_") and name not in used:
                client.drop_collection(name, timeout=WAIT)

    def _pointed(self, alias: str) -> str | None:
        """The collection that an alias points to; None where there is no such alias."""
        client = client_of(self._address)
        with milvus_errors(self._address):
            if not client.has_collection(alias, timeout=WAIT):
                return None
            return str(client.describe_alias(alias, timeout=WAIT)["collection_name"])

    def _of(self, pin: Pin) -> KeptVectors:
        said = pin.manifest.recipe
        if "collection" not in said:
            raise ArtefactError(
                f"{pin.name} was published without Milvus: publish it with this store, by `covsearch copy --from` the "
                "same database without Milvus, or by `covsearch build-index`"
            )
        return self._kept(said["collection"])

    def _kept(self, name: str) -> KeptVectors:
        return KeptVectors(self._address, name)


def alias_of(store: str) -> str:
    """The alias of a database, and what its collections' names begin with; `store` is another one in each."""
    return f"covsearch_{store}"


def _batches(
    connection: Connection, recordings: Sequence[bytes], head: Head
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Rows as Milvus keeps them, from the vectors that the server has of recordings."""
    query = b"SELECT digest, vector FROM recordings WHERE digest = ANY(%b)"
    for first in range(0, len(recordings), _BATCH):
        some = list(recordings[first : first + _BATCH])
        found = {bytes(d): vector for d, vector in raw(connection).execute(query, [some], binary=True)}
        vectors = np.frombuffer(b"".join(found[digest] for digest in some), "<f4").reshape(len(some), head.dim)
        yield first, augmented_rows(vectors.astype(np.float32), head)
