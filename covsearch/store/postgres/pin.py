"""A generation that is being read: it stays until nobody holds it any more, whatever is published meanwhile.

Whoever reads holds a shared advisory lock with the generation's number, on a connection of its own. Tidying removes a
generation only when it gets that lock alone. The server releases it when the connection ends, however that ends.

The primary sees no lock of a replica. So there a generation may go while it is read: two publications after its own.
Every transaction on a replica looks first whether the generation is there. Its row is removed, and replayed, before all
else of it, so a transaction that sees the row sees all.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from covsearch.guard.urls import without_password
from covsearch.index.manifest import Manifest, parse_manifest
from covsearch.store.postgres.link import OvertakenError, engine_of, has_ended, nothing_there, server_errors
from covsearch.store.postgres.tables import PINNED, check_version

READING, STAGING = 711_001, 711_002
"""First numbers of advisory locks; the second is that of a generation, or of a stage."""
_NEWEST = text(
    "SELECT g.id, g.manifest, g.sha256, c.version FROM current c LEFT JOIN generations g ON g.id = c.generation"
)
_THIS = text(
    "SELECT manifest, sha256, (SELECT store FROM current) AS store, pg_is_in_recovery() AS replica "
    "FROM generations WHERE id = :id"
)
_STILL = text("SELECT sha256 FROM generations WHERE id = :id")


def name_of(generation: int) -> str:
    """``gen-0001``."""
    return f"gen-{generation:04d}"


class Pin:
    """One generation, and a connection that holds it; several threads may use it, one after the other.

    Parameters
    ----------
    url : str
    generation : int, optional
        By default the current one.

    Raises
    ------
    NotFoundError
        When nothing was published yet.
    ArtefactError
        When the tables are another covsearch's.
    OvertakenError
        When the generation was removed.

    Attributes
    ----------
    generation : int
    manifest : Manifest
    sha256 : str
        Of the manifest.
    store : str
        Another one for every database.
    """

    def __init__(self, url: str, generation: int | None = None) -> None:
        self.url = url
        self._lock = threading.RLock()
        self._held: list[Connection] = []
        weakref.finalize(self, close, self._held)
        with server_errors(url):
            while not self._hold(self._connect(), generation):
                if generation is not None:
                    raise _gone(url, generation)

    @property
    def name(self) -> str:
        """``gen-0001``."""
        return name_of(self.generation)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of one transaction, REPEATABLE READ and READ ONLY, in which views show this generation."""
        with self.connection() as connection, Session(connection) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The same as a connection; an OvertakenError where the generation is gone."""
        with self._lock, server_errors(self.url):
            if self._held and self._held[0].in_transaction():
                yield self._held[0]
                return
            connection = self._alive()
            with connection.begin():
                if self._replica and connection.scalar(_STILL, {"id": self.generation}) != self.sha256:
                    raise _gone(self.url, self.generation)
                yield connection

    def _alive(self) -> Connection:
        """The connection; a new one where the server has ended it, if the generation is still there."""
        if not self._held or has_ended(self._held[0]):
            generation, sha256 = self.generation, self.sha256
            if not self._hold(self._connect(), generation) or self.sha256 != sha256:
                raise _gone(self.url, generation)
        return self._held[0]

    def _connect(self) -> Connection:
        close(self._held)
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._held.append(engine_of(self.url).connect().execution_options(**options))
        return self._held[0]

    def _hold(self, connection: Connection, generation: int | None) -> bool:
        """Take the lock, and look afterwards whether the generation was there to be held."""
        with connection.begin():
            if generation is None:
                newest = connection.execute(_NEWEST).one()
                if newest.id is None:
                    raise nothing_there(self.url)
                check_version(newest.version)
                generation = newest.id
            hold(connection, generation)
            values = {"name": PINNED, "value": str(generation)}
            connection.execute(text("SELECT set_config(:name, :value, false)"), values)
        with connection.begin():
            row = connection.execute(_THIS, {"id": generation}).one_or_none()
        if row is None:
            return False
        self.generation, self.sha256, self.store, self._replica = generation, row.sha256, row.store, row.replica
        self.manifest: Manifest = parse_manifest(row.manifest)
        return True


def _gone(url: str, generation: int) -> OvertakenError:
    return OvertakenError(f"{without_password(url)}: {name_of(generation)} was removed meanwhile: ask again")


def hold(connection: Connection, generation: int) -> None:
    """Hold a generation for as long as the connection is open."""
    lock = text("SELECT pg_advisory_lock_shared(:kind, :id)")
    connection.execute(lock, {"kind": READING, "id": generation})


def newest(connection: Connection, url: str) -> tuple[int, str]:
    """Number of the current generation, and SHA-256 of its manifest; a NotFoundError where there is none."""
    row = connection.execute(_NEWEST).one()
    if row.id is None:
        raise nothing_there(url)
    check_version(row.version)
    return row.id, row.sha256


def close(held: list[Connection]) -> None:
    """Let go of the connection, if there is one."""
    while held:
        held.pop().close()
