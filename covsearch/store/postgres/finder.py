"""What finds the nearest vectors of a generation: the part of this room that another engine may take over.

All else, the vectors themselves too, is in PostgreSQL whatever finds them. So an engine can be filled again from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from covsearch.index.flat import FlatIndex, recipe
from covsearch.index.head import Head
from covsearch.store.local.vectors import LocalVectors
from covsearch.store.postgres.pin import Pin
from covsearch.store.postgres.vectors import vectors_of
from covsearch.store.protocols import VectorStore


class Finder(Protocol):
    """What is done when a generation is published, opened, verified and removed."""

    def recipe(self, connection: Connection, dim: int) -> dict[str, Any]:
        """What the manifest of a new generation says of it; inside of the transaction that publishes."""

    def write(self, connection: Connection, said: Mapping[str, Any], recordings: Sequence[bytes], head: Head) -> None:
        """Make all that a search needs, before the generation is current; in that transaction too.

        Parameters
        ----------
        connection : Connection
        said : mapping
            What :meth:`recipe` gave.
        recordings : sequence of bytes
            Digests, by row; the server has the vectors.
        head : Head
        """

    def open(self, pin: Pin, names: tuple[str, ...], numbers: NDArray[np.int64], head: Head) -> VectorStore:
        """The vectors of the generation that is held: its names and the numbers of its recordings, by row."""

    def check(self, pin: Pin, vectors: NDArray[np.float32], head: Head) -> Iterator[str]:
        """What was compared with the vectors (N, D) of a generation; an ArtefactError where something is wrong."""

    def settle(self) -> None:
        """Put right what is not of the current generation and remove what is of none; nothing when others publish."""


class InMemory:
    """The :class:`Finder` that needs no engine: all vectors are read, and searched as those of the local store."""

    def recipe(self, connection: Connection, dim: int) -> dict[str, Any]:
        """Of the flat index that every reader makes."""
        return recipe(dim)

    def write(self, connection: Connection, said: Mapping[str, Any], recordings: Sequence[bytes], head: Head) -> None:
        """Nothing: the vectors are there."""

    def open(self, pin: Pin, names: tuple[str, ...], numbers: NDArray[np.int64], head: Head) -> LocalVectors:
        """All vectors; of a generation that another engine searches too, since they are the same."""
        return LocalVectors(names, FlatIndex(vectors_of(pin, numbers), head))

    def check(self, pin: Pin, vectors: NDArray[np.float32], head: Head) -> Iterator[str]:
        """Nothing: what is read is what is searched."""
        return iter(())

    def settle(self) -> None:
        """Nothing is kept elsewhere."""


IN_MEMORY = InMemory()
