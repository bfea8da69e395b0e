"""Open a published database: read-only, and for SQLite a file that never changes."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from covsearch.db.models import SCHEMA
from covsearch.errors import ArtefactError

MEND = "run `covsearch build-index`"


class ReadOnlyDatabase:
    """A published database.

    Raises
    ------
    ArtefactError
        When it is no SQLite database, or one with another schema.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        engine = _engine(path)
        weakref.finalize(self, engine.dispose)  # an unclosed connection is a ResourceWarning from Python 3.13 on
        self._sessions = sessionmaker(engine)
        with self.session() as session:
            came = session.connection().exec_driver_sql("PRAGMA user_version").scalar_one()
        if came != SCHEMA:
            raise ArtefactError(f"{path}: has schema {came}, this covsearch reads schema {SCHEMA}: {MEND}")

    def check(self) -> None:
        """Let SQLite look for damage: broken pages, indexes that miss rows, keys that point to nothing.

        Raises
        ------
        ArtefactError
            With the first finding.
        """
        with self.session() as session:
            connection = session.connection()
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if found == "ok" and orphans:
            table, row, other, _ = orphans[0]
            found = f"row {row} of {table} belongs to no row of {other}"
        if found != "ok":
            raise ArtefactError(f"{self.path}: {' '.join(found.split())}; {MEND}")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session; SQLite's failures inside it become :class:`~covsearch.errors.ArtefactError`."""
        try:
            with self._sessions() as session:
                yield session
        except DBAPIError as e:
            raise ArtefactError(f"{self.path}: SQLite cannot read it: {e.orig}; {MEND}") from e


def _engine(path: Path) -> Engine:
    # immutable: no lock and no look at a journal, which is right because nobody ever changes a published file;
    # as_uri escapes the characters that mean something in a URI
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # ATTACH and VACUUM INTO would write other files
        return connection

    # QueuePool keeps one connection, so the file stays readable when later builds have removed its name
    return create_engine("sqlite://", creator=connect, poolclass=QueuePool)
