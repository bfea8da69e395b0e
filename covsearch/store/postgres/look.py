"""Short looks at the database, on one connection that is kept: which generation is current, and how large they are."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from covsearch.corrections.log import read_log
from covsearch.errors import NotFoundError
from covsearch.index.parts import PARTS
from covsearch.store.postgres.link import engine_of, has_ended, refuse_replica, server_errors
from covsearch.store.postgres.pin import close, name_of, newest
from covsearch.store.postgres.tables import make_tables


class Look:
    """A connection to `url` that is opened when it is needed, and again when the server has ended it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._held: list[Connection] = []
        weakref.finalize(self, close, self._held)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._lock, server_errors(self._url):
            if self._held and has_ended(self._held[0]):
                close(self._held)
            if not self._held:
                self._held.append(engine_of(self._url).connect())
            try:
                with self._held[0].begin():
                    yield self._held[0]
            except BaseException:
                close(self._held)
                raise

    def newest(self) -> tuple[int, str]:
        """Number of the current generation, and SHA-256 of its manifest; a NotFoundError where there is none."""
        with self._connection() as connection:
            return newest(connection, self._url)

    def corrections(self) -> str:
        """The document of corrections, empty where there are no tables yet."""
        try:
            with self._connection() as connection:
                found = str(connection.scalar(text("SELECT document FROM corrections")))
        except NotFoundError:
            return ""
        return read_log(found).text

    def amend(self, change: Callable[[str], str]) -> None:
        """Replace the document by what `change` makes of it."""
        with self._connection() as connection:
            refuse_replica(connection, self._url)
            make_tables(connection)
            before = str(connection.scalar(text("SELECT document FROM corrections FOR UPDATE")))
            query = text("UPDATE corrections SET document = :after")
            connection.execute(query, {"after": change(read_log(before).text)})

    def sizes(self) -> dict[str, int]:
        """Bytes of every generation by its name, the oldest first."""
        columns = ("r.vector", *(f"r.{name}" for name in PARTS), "v.words", "v.title", "v.artist")
        size = " + ".join(f"coalesce(octet_length({column}), 0)" for column in columns)
        query = (
            f"SELECT g.id, coalesce(sum({size}), 0) FROM generations g "
            "LEFT JOIN performance_versions v ON v.born <= g.id AND g.id < v.died "
            "LEFT JOIN recordings r ON r.id = v.recording GROUP BY g.id ORDER BY g.id"
        )
        with self._connection() as connection:
            return {name_of(generation): int(size) for generation, size in connection.execute(text(query))}
