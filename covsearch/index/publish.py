"""Write a generation beside the old ones, then switch to it in one step.

A build that dies at any moment leaves ``CURRENT`` as it was. What it left behind is removed by the next build,
which alone holds the lock and so knows that nobody is writing it any more.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from covsearch import durable
from covsearch.errors import ArtefactError, CovsearchError
from covsearch.index import verified
from covsearch.index.generation import (
    CALIBRATED,
    CURRENT,
    MANIFEST,
    NAME,
    Generation,
    files_of,
    read_current,
    stored_paths,
)
from covsearch.index.manifest import Manifest, digest
from covsearch.workspace import Workspace, check_folder

_OURS = re.compile(rf"(\.tmp-)?{NAME.pattern}(\.sqlite3(-journal)?)?")


@contextmanager
def builder_lock(workspace: Workspace) -> Iterator[None]:
    """Be the only builder in `workspace`; the kernel releases the lock when the process ends, however it ends.

    Raises
    ------
    CovsearchError
        When another build holds it, or the workspace is no folder.
    """
    check_folder(workspace)
    workspace.index.mkdir(parents=True, exist_ok=True)
    workspace.db.mkdir(parents=True, exist_ok=True)
    with (workspace.index / ".lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            lock.seek(0)
            owner = lock.read(20).strip() or "unknown"
            raise CovsearchError(
                f"another build is running in {workspace.home} (process {owner}): wait until it has ended"
            ) from e
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@dataclass(frozen=True)
class Draft:
    """A generation that nobody can see yet.

    Attributes
    ----------
    workspace : Workspace
    name : str
        The name it will be published under.
    folder, database : Path
        Where to write the files of :func:`~covsearch.index.generation.files_of`, and the database.
    """

    workspace: Workspace
    name: str
    folder: Path
    database: Path

    def publish(self, manifest: Manifest) -> Generation:
        """Complete `manifest` with the files' checksums, make everything durable, and switch ``CURRENT``.

        The draft's files have their final names afterwards; generations older than the previous one are removed.
        """
        calibrated = (self.folder / CALIBRATED).is_file()
        files = files_of(manifest.parts, calibrated=calibrated, foreign=manifest.foreign)
        written = [*(self.folder / file for file in files), self.database]
        paths = stored_paths(self.name, manifest.parts, calibrated=calibrated, foreign=manifest.foreign)
        digests = dict(zip(paths, map(digest, written), strict=True))
        generation = Generation(self.workspace, self.name, replace(manifest, files=digests))
        path = self.folder / MANIFEST
        path.write_text(generation.manifest.to_json(), encoding="utf-8")
        checksum = digest(path).sha256
        durable.sync_tree(self.folder)
        durable.sync(self.database)
        self.folder.rename(generation.folder)
        self.database.rename(generation.database)
        for folder in (self.workspace.index, self.workspace.db, self.workspace.home):
            durable.sync(folder)
        durable.replace_text(self.workspace.index / CURRENT, f"{self.name} {checksum}\n")
        remove_orphans(self.workspace)
        return generation


@contextmanager
def draft(workspace: Workspace) -> Iterator[Draft]:
    """A new, empty draft; removed at the end unless it was published. The caller holds :func:`builder_lock`.

    A failure to write that names no file is given the draft's folder, so that a person knows which disk is full.
    """
    remove_orphans(workspace)
    numbers = [_number(p.name) for p in _entries(workspace) if not p.name.startswith(".")]
    name = f"gen-{max(numbers, default=0) + 1:04d}"
    new = Draft(workspace, name, workspace.index / f".tmp-{name}", workspace.db / f".tmp-{name}.sqlite3")
    try:
        (new.folder / "model").mkdir(parents=True)
        yield new
    except OSError as e:
        e.filename = e.filename or str(new.folder)
        raise
    finally:
        _remove(entry for entry in _entries(workspace) if entry.name.startswith(".tmp-"))
        remove_orphans(workspace)  # one that got its name and failed before it was current


def remove_orphans(workspace: Workspace) -> None:
    """Remove all but the current generation and the one before it; the caller holds :func:`builder_lock`.

    So are stamps that readers did not finish; one that is just being written is only not remembered.
    Updates that find nothing to do call it too, since they may be what comes after a build that died.

    Where ``CURRENT`` cannot be read nothing is removed: a generation may still be wanted by hand.
    """
    _remove(workspace.index.glob(f"{verified.DRAFT}*"))
    try:
        current = read_current(workspace)
    except ArtefactError:
        return
    newest = _number(current[0]) if current else 0
    published = {_number(p.name) for p in _entries(workspace) if not p.name.startswith(".")}
    previous = max((number for number in published if number < newest), default=None)
    keep = {newest, previous}
    orphans = [p for p in _entries(workspace) if p.name.startswith(".") or _number(p.name) not in keep]
    _remove([*orphans, durable.draft_of(workspace.index / CURRENT)])


def _entries(workspace: Workspace) -> list[Path]:
    """Everything in ``index/`` and ``db/`` that a build made, drafts too."""
    return [p for folder in (workspace.index, workspace.db) for p in folder.iterdir() if _OURS.fullmatch(p.name)]


def _number(name: str) -> int:
    return int(name.removeprefix(".tmp-").removeprefix("gen-").partition(".")[0])


def _remove(paths: Iterable[Path]) -> None:
    """Remove files and folders; one that cannot be removed is left to the next build."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
