"""The back end of one machine: generations of files, FAISS for the vectors, SQLite for the metadata.

What is heavy (FAISS, SQL) is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from covsearch.errors import ArtefactError, CovsearchError
from covsearch.index.generation import (
    NAME,
    Generation,
    follow_current,
    open_generation,
    read_current,
    read_generation,
)
from covsearch.index.manifest import MEND
from covsearch.index.parts import NEEDED, read_parts
from covsearch.index.publish import builder_lock, remove_orphans
from covsearch.index.verified import check_content
from covsearch.store.local.corrections import amend_corrections, read_corrections
from covsearch.store.protocols import Opened
from covsearch.workspace import Workspace, bytes_below

if TYPE_CHECKING:
    from covsearch.db.catalogue import SqliteCatalogue
    from covsearch.store.protocols import Contents

T = TypeVar("T")


class LocalStore:
    """The :class:`covsearch.store.protocols.Publisher` of a workspace's own files."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def current(self) -> str:
        """Name of the current generation and checksum of its manifest."""
        return " ".join(follow_current(self.workspace))

    def read(self, work: Callable[[Opened], T], parts: Iterable[str] | None = ()) -> T:
        """What `work` makes of the current generation, or of a newer one where builds removed that meanwhile."""
        return read_newest(self.workspace, lambda generation: work(open_state(generation, parts)))

    def catalogue(self) -> SqliteCatalogue:
        """The current generation's database."""
        return read_newest(self.workspace, catalogue_of)

    def writing(self) -> AbstractContextManager[None]:
        """Hold the builder's lock."""
        return builder_lock(self.workspace)

    def open_checked(self) -> Opened:
        """The current generation, after its checksums; the caller holds the lock, so it stays."""
        generation = read_generation(self.workspace, *follow_current(self.workspace))
        for path, expected in generation.manifest.files.items():
            check_content(self.workspace.home / path, expected)
        return open_state(generation, None)

    def publish(self, contents: Contents) -> Generation:
        """Write a new generation and switch to it."""
        from covsearch.store.local.write import write_generation

        return write_generation(self.workspace, contents)

    def corrections(self) -> str:
        """What ``db/corrections.jsonl`` has."""
        return read_corrections(self.workspace)

    def amend(self, change: Callable[[str], str]) -> None:
        """Replace ``db/corrections.jsonl`` under a lock of its own."""
        amend_corrections(self.workspace, change)

    def sizes(self) -> dict[str, int]:
        """Bytes on disk of every generation, its database with it."""
        folders = (self.workspace.index, self.workspace.db)
        names = {path.stem for folder in folders for path in folder.iterdir() if NAME.fullmatch(path.stem)}
        return {name: self._size(name) for name in sorted(names, key=lambda name: (len(name), name))}

    def _size(self, name: str) -> int:
        return bytes_below(self.workspace.index / name) + bytes_below(self.workspace.db / f"{name}.sqlite3")

    def tidy(self) -> None:
        """Remove what dead builds left."""
        remove_orphans(self.workspace)


def open_state(generation: Generation, parts: Iterable[str] | None = ()) -> Opened:
    """Open one generation: `parts` beside those that every index has, or all where they are None.

    Raises
    ------
    NotFoundError
        When it was built without one of `parts`.
    ArtefactError
        When a file cannot be read or does not fit the others.
    """
    from covsearch.index.collection import read_collection
    from covsearch.store.local.vectors import LocalVectors

    whole = parts is None or generation.manifest.foreign
    names = None if whole else dict.fromkeys([*NEEDED, *(parts or ())])
    read = read_parts(generation, names)
    catalogue, collection = catalogue_of(generation), read_collection(generation)
    return Opened(generation, LocalVectors(collection.pids, collection.flat), catalogue, read)


def catalogue_of(generation: Generation) -> SqliteCatalogue:
    """Open the metadata of one generation; an ArtefactError when they are of another number of performances."""
    from covsearch.db.catalogue import SqliteCatalogue

    catalogue = SqliteCatalogue(generation.database)
    if len(catalogue) != generation.manifest.count:
        expected = f"{generation.manifest.count} performances"
        raise ArtefactError(f"{generation.database}: expected {expected}, found {len(catalogue)}; {MEND}")
    return catalogue


def read_newest(workspace: Workspace, read: Callable[[Generation], T]) -> T:
    """What `read` makes of the current generation; of the newer one where builds removed that meanwhile.

    A generation stays for one build after its own, and two may end while it is read: whatever reads a generation's
    files, and not only what was opened, belongs inside of `read`.
    """
    while True:
        current = read_current(workspace)
        try:
            return read(open_generation(workspace))
        except (CovsearchError, OSError):
            if read_current(workspace) == current:
                raise
