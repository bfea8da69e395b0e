"""Recordings: vector and parts of a performance as bytes, found by the digest of their content and never changed."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from covsearch.errors import ArtefactError
from covsearch.features.slow import restored
from covsearch.index.manifest import MEND
from covsearch.index.part import Part
from covsearch.index.parts import PARTS
from covsearch.store.postgres.link import engine_of, raw, refuse_replica, server_errors
from covsearch.store.postgres.pin import STAGING, Pin
from covsearch.store.postgres.tables import DIGEST, make_tables

_BATCH = 500  # recordings of one transaction: what was staged by a writer that died is not sent again
_KEPT = 128 * 2**20  # bytes of blobs that a reader keeps
COLUMNS = ("vector", *PARTS)


def digest_of(values: Sequence[bytes | None]) -> bytes:
    """SHA-256 of a recording's columns, in the order of :data:`COLUMNS`; the server computes the same."""
    parts = (b"\0" if value is None else hashlib.sha256(value).digest() for value in values)
    return hashlib.sha256(b"".join(parts)).digest()


def recording(vector: NDArray[np.float32], parts: Mapping[str, Part], row: int) -> list[bytes | None]:
    """One row of what is published, as columns."""
    return [vector.astype("<f4").tobytes(), *(parts[name].blob(row) if name in parts else None for name in PARTS)]


@contextmanager
def staging(url: str) -> Iterator[tuple[Connection, int]]:
    """A connection, and the number of a stage that is held for as long as that is open; makes missing tables."""
    with server_errors(url), engine_of(url).connect() as connection:
        refuse_replica(connection, url)
        make_tables(connection)
        stage = connection.scalar(text("SELECT nextval('stages')"))
        connection.execute(text("SELECT pg_advisory_lock(:kind, :stage)"), {"kind": STAGING, "stage": stage})
        connection.commit()
        yield connection, int(stage)


def stage_recordings(
    connection: Connection, stage: int, made: Sequence[bytes], recorded: Callable[[int], Sequence[bytes | None]]
) -> None:
    """Send the recordings that the server has not; nothing shows them to readers yet.

    Parameters
    ----------
    connection : Connection
    stage : int
    made : sequence of bytes
        Digests of all.
    recorded : callable
        The columns of one, by its place in `made`.
    """
    driver = raw(connection)
    names = ", ".join(COLUMNS)
    values = ", ".join(["%b"] * len(COLUMNS))
    insert = f"INSERT INTO recordings (digest, stage, {names}) VALUES (%b, {stage:d}, {values}) ON CONFLICT DO NOTHING"
    for start in range(0, len(made), _BATCH):
        batch = list(made[start : start + _BATCH])
        known = driver.execute("SELECT digest FROM recordings WHERE digest = ANY(%b)", [batch], binary=True)
        there = {bytes(digest) for (digest,) in known}
        new = [(one, *recorded(row)) for row, one in enumerate(batch, start) if one not in there]
        with driver.cursor() as cursor:
            cursor.executemany(insert.encode(), new)
        driver.commit()


def check_staged(connection: Connection, numbers: Sequence[int], place: str) -> None:
    """Let the server compute digests again from the bytes that it keeps; an ArtefactError where one is another."""
    wrong = f"SELECT count(*) FROM recordings WHERE id = ANY(:some) AND digest <> {DIGEST}"
    if connection.scalar(text(wrong), {"some": list(numbers)}):
        raise ArtefactError(f"{place}: bytes that the server keeps are not those that were sent: nothing was published")


class RemoteBlobs:
    """One part of every performance, fetched where it is looked at; what was fetched last is kept.

    Parameters
    ----------
    pin : Pin
    name : str
        Of :data:`covsearch.index.parts.PARTS`.
    numbers : ndarray of int64, shape (N,)
        Recording of each row.
    """

    def __init__(self, pin: Pin, name: str, numbers: NDArray[np.int64]) -> None:
        self._pin, self._name, self._numbers = pin, name, numbers
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def take(self, rows: Sequence[int]) -> Any:
        """The part of some rows, at least one, in the order of `rows`."""
        wanted = self._numbers[np.asarray(rows, dtype=np.int64)].tolist()
        blobs = self._blobs(wanted)
        try:
            return PARTS[self._name].part.of_blobs([blobs[number] for number in wanted], self._pin.manifest)
        except (ArtefactError, KeyError) as e:
            said = "one is missing" if isinstance(e, KeyError) else str(e)
            raise ArtefactError(f"{self._pin.name}: {self._name} of performances: {said}; {MEND}") from e

    def _blobs(self, numbers: Sequence[int]) -> dict[int, bytes]:
        with self._pin.connection() as connection:
            kept = self._kept
            found = {number: kept[number] for number in numbers if number in kept}
            missing = [number for number in dict.fromkeys(numbers) if number not in found]
            column = self._name
            query = f"SELECT id, {column} FROM recordings WHERE id = ANY(%b) AND {column} IS NOT NULL"
            for start in range(0, len(missing), 4 * _BATCH):
                some = missing[start : start + 4 * _BATCH]
                for number, blob in raw(connection).execute(query.encode(), [some], binary=True):
                    found[number] = kept[number] = blob
                    self._size += len(blob)
            while self._size > _KEPT:
                self._size -= len(kept.popitem(last=False)[1])
        return found


class RemoteChroma(RemoteBlobs):
    """The part ``chroma``."""

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """Frames/s of each performance, (N,)."""
        query = b"SELECT id, substring(chroma FROM 1 FOR 8) FROM recordings WHERE id = ANY(%b)"
        with self._pin.connection() as connection:
            found: dict[int, bytes] = dict(raw(connection).execute(query, [self._numbers.tolist()], binary=True))
        rates = b"".join(found[number] for number in self._numbers.tolist())
        return np.frombuffer(rates, "<f8").astype(np.float64)

    def track(self, row: int) -> NDArray[np.float32]:
        """Chroma of a performance in the key as played, (L, F), values in [0, 1]."""
        return restored(self.take([row]).quantised(0))
