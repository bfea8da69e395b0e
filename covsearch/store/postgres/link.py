"""Connections to a PostgreSQL server, and its failures in the words of covsearch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from selectors import EVENT_READ, DefaultSelector

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from covsearch.errors import (
    ArtefactError,
    CovsearchError,
    MissingExtraError,
    NoIndexError,
    ReadOnlyError,
    UnavailableError,
    UsageError,
)
from covsearch.guard.urls import without_password, without_passwords

try:
    import psycopg
    from psycopg import errors
except ImportError as e:
    raise MissingExtraError("an index in PostgreSQL", "postgres") from e

SCHEMA = "covsearch"
"""Of the database: all tables are in it."""
_WAIT = 10  # seconds for a server that does not answer
_MEND = "run `covsearch verify`"


class TidiedAwayError(CovsearchError):
    """Something that was there when a writer looked, and is not any more when it is used."""


class OvertakenError(UnavailableError):
    """A generation that was opened is not there any more, since nobody holds it: one can be held on a primary only."""


@cache
def engine_of(url: str) -> Engine:
    """The one engine of a process for `url`; it keeps no connections."""

    def connect() -> psycopg.Connection:
        with server_errors(url):
            made = psycopg.connect(server_url(url), connect_timeout=_WAIT, application_name="covsearch")
            made.execute(f"SET search_path TO {SCHEMA}")
            made.commit()
            return made

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def server_url(url: str) -> str:
    """`url` as PostgreSQL's own library reads it, without what names another engine beside it.

    That is what stands before ``+`` in the scheme, and the value of the same name behind ``?``.
    """
    engine, plus, own = url.partition("+postgres")
    if not plus or not engine.isalpha():
        return url
    head, mark, query = f"postgres{own}".partition("?")
    kept = [word for word in query.split("&") if not word.startswith(f"{engine}=")]
    return f"{head}{mark}{'&'.join(kept)}" if any(kept) else head


def raw(connection: Connection) -> psycopg.Connection:
    """The driver's own connection, for what is many bytes."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def has_ended(connection: Connection) -> bool:
    """Whether a connection with no transaction is of no use any more; asks the system, not the server.

    The server says nothing on its own until it ends a connection.
    """
    if connection.closed or connection.invalidated or raw(connection).closed:
        return True
    with DefaultSelector() as waiting:
        waiting.register(raw(connection).fileno(), EVENT_READ)
        return bool(waiting.select(0))


def refuse_replica(connection: Connection, url: str) -> None:
    """A ReadOnlyError that names the primary, where the server is a replica, on which nobody can write.

    A replica tells its primary's address to those who may see the server's statistics (``pg_read_all_stats``).
    """
    if not connection.scalar(text("SELECT pg_is_in_recovery()")):
        return
    known = connection.execute(text("SELECT sender_host, sender_port FROM pg_stat_wal_receiver")).one_or_none()
    primary = f" at {known.sender_host}:{known.sender_port}" if known and known.sender_host else ""
    raise ReadOnlyError(f"{without_password(url)} is a replica, which can only be read: write to its primary{primary}")


@contextmanager
def server_errors(url: str) -> Iterator[None]:
    """Failures of the server or the driver, in one line without a password.

    Raises
    ------
    UsageError
        When `url` cannot be read.
    NoIndexError
        When the server has no such database, or that has no index.
    ArtefactError
        When a value cannot be stored, or what is stored is damaged.
    UnavailableError
        For no server, a wrong password, a lost connection, a full disk.
    CovsearchError
        For all else.
    """
    try:
        yield
    except (psycopg.Error, DBAPIError) as e:
        cause = e.orig if isinstance(e, DBAPIError) else e
        raise _failure(url, cause if isinstance(cause, psycopg.Error) else psycopg.Error(str(e))) from None


def _failure(url: str, cause: psycopg.Error) -> CovsearchError:
    place = without_password(url)
    if isinstance(cause, psycopg.ProgrammingError) and cause.sqlstate is None:  # its message shows the URL
        return UsageError(f"{place}: expected a URL such as postgresql://USER@HOST/DATABASE")
    said = " ".join(without_passwords(str(cause), url).split())
    if isinstance(cause, (errors.UndefinedTable, errors.InvalidSchemaName)):
        return nothing_there(url)
    if isinstance(cause, (errors.DataCorrupted, errors.IndexCorrupted)):
        return ArtefactError(f"{place}: PostgreSQL cannot read what it stored: {said}; {_MEND}")
    if isinstance(cause, errors.SerializationFailure):  # a replica that had to go on with what its primary sent
        mend = "run the command again, or set hot_standby_feedback = on at the replica"
        return UnavailableError(f"{place}: PostgreSQL ended a read: {said}; {mend}")
    if isinstance(cause, errors.ForeignKeyViolation):
        return TidiedAwayError(f"{place}: what was to be used again was removed: run the command again")
    if isinstance(cause, psycopg.DataError):
        return ArtefactError(f"metadata cannot be stored: {said}; correct it in the collection's metadata")
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
        return _unreachable(place, said)
    kind = UnavailableError if isinstance(cause, psycopg.OperationalError) else CovsearchError
    return kind(f"{place}: PostgreSQL says: {said}")


def nothing_there(url: str) -> NoIndexError:
    """That no index was ever built in a database."""
    place = without_password(url)
    return NoIndexError(f"no index in {place}: run `covsearch build-index --store {place}` first")


def _unreachable(place: str, said: str) -> CovsearchError:
    said = said.rpartition("FATAL: ")[2].removeprefix("connection failed: ").strip()
    if 'database "' in said and "does not exist" in said:
        return NoIndexError(f"{place}: {said}: make it with `createdb`, or name another one")
    if "password" in said:
        return UnavailableError(f"{place}: {said}: give the right one in the URL, in PGPASSWORD or in ~/.pgpass")
    return UnavailableError(f"{place}: no connection to the server: {said}")
