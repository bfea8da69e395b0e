"""The back end for many readers and writers: PostgreSQL keeps everything, and publishes by switching one row.

A generation is what a publication made, as in the local store. Writers that change what is there (add, remove, update)
work side by side, and each publishes on top of what is newest by then; a build refuses to begin while others write.
A replica can be read: it has the newest generation that it has replayed.
Vectors are searched in memory, by the same code as those of the local store, so the answers are the same; or by another
engine (:mod:`covsearch.store.milvus`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from covsearch.errors import CovsearchError
from covsearch.guard.urls import without_password
from covsearch.progress import Progress
from covsearch.store.checked import Verified
from covsearch.store.postgres.catalogue import PostgresCatalogue
from covsearch.store.postgres.finder import IN_MEMORY, Finder
from covsearch.store.postgres.link import OvertakenError, engine_of, refuse_replica, server_errors
from covsearch.store.postgres.look import Look
from covsearch.store.postgres.pin import Pin, name_of
from covsearch.store.postgres.publish import publish_to_database
from covsearch.store.postgres.state import PostgresState, open_state
from covsearch.store.postgres.tidy import tidy
from covsearch.store.protocols import Contents, Opened, State
from covsearch.workspace import Workspace

T = TypeVar("T")
_WRITING = "hashtext('covsearch writing')"


class PostgresStore:
    """The :class:`covsearch.store.protocols.Publisher` of the database that a workspace names.

    Parameters
    ----------
    workspace : Workspace
        With a URL of PostgreSQL as its `store`.
    finder : Finder
        What finds vectors.
    """

    def __init__(self, workspace: Workspace, finder: Finder = IN_MEMORY) -> None:
        assert workspace.store is not None
        self._url, self._finder = workspace.store, finder
        self._look = Look(self._url)

    @property
    def place(self) -> str:
        """The URL, without its password."""
        return without_password(self._url)

    def current(self) -> str:
        """Name of the current generation and checksum of its manifest."""
        generation, sha256 = self._look.newest()
        return f"{name_of(generation)} {sha256}"

    def read(self, work: Callable[[Opened], T], parts: Iterable[str] | None = ()) -> T:
        """What `work` makes of the current generation, which stays for as long as it is open.

        A replica cannot hold it: there `work` is done again where it replays meanwhile that the generation was removed.
        """
        while True:
            pin = Pin(self._url)
            try:
                return work(open_state(pin, parts, self._finder))
            except OvertakenError:
                if self._look.newest() == (pin.generation, pin.sha256):  # another one, that `work` had kept
                    raise

    def catalogue(self) -> PostgresCatalogue:
        """The current generation's metadata."""
        return PostgresCatalogue(Pin(self._url))

    @contextmanager
    def writing(self, *, beside: bool = False) -> Iterator[None]:
        """Hold an advisory lock: alone, or, where `beside` is true, beside others that only change what is there."""
        shared = "_shared" if beside else ""
        with server_errors(self._url), engine_of(self._url).connect() as connection:
            refuse_replica(connection, self._url)
            if not connection.scalar(text(f"SELECT pg_try_advisory_lock{shared}({_WRITING})")):
                raise CovsearchError(f"another build is running in {self.place}: wait until it has ended")
            connection.commit()
            try:
                yield
            finally:  # the server would notice the end of the connection a little later than the next writer comes
                if not connection.closed and not connection.invalidated:
                    with suppress(SQLAlchemyError):
                        connection.scalar(text(f"SELECT pg_advisory_unlock{shared}({_WRITING})"))
                        connection.commit()

    def open_checked(self) -> Opened:
        """The current generation with all its parts, after the server compared every recording with its digest.

        Whoever writes needs all vectors, so they are read, whatever else finds them.
        """
        from covsearch.store.postgres.verify import check_recordings

        pin = Pin(self._url)
        check_recordings(pin)
        return open_state(pin, None)

    def publish(self, contents: Contents, base: State | None = None) -> PostgresState:
        """Make a new generation and switch to it; where others did since `base`, on top of theirs."""
        pinned = base.pin if isinstance(base, PostgresState) else None
        pin = publish_to_database(self._url, contents, pinned, self._finder)
        self.tidy()
        return PostgresState(pin)

    def corrections(self) -> str:
        """The document of corrections; empty before the first publication."""
        return self._look.corrections()

    def amend(self, change: Callable[[str], str]) -> None:
        """Replace the document of corrections; who comes at the same time waits."""
        self._look.amend(change)

    def sizes(self) -> Mapping[str, int]:
        """Bytes of the rows of every generation; what two of them have is counted for both."""
        return self._look.sizes()

    def verify(self, progress: Progress) -> tuple[Verified, ...]:
        """Every generation, the current one first, compared with its digests."""
        from covsearch.store.postgres.verify import verify_database

        return verify_database(self._url, progress, self._finder)

    def tidy(self) -> None:
        """Remove old generations that nobody reads, and what dead writers left."""
        tidy(self._url)
        self._finder.settle()
