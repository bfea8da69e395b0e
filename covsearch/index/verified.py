"""What was compared with its checksum once, so that the next open need not read it all again.

The first open of a generation reads every file and compares its SHA-256 with the manifest's. Then
``index/verified.json`` remembers size, times and inode of each file beside the manifest's checksum, and while nothing
of that differs, later opens trust them. Whoever writes to a file changes its ctime, which no program can set back, so
a change is found by the next open; what changes beneath the file system (a failing disk) is found by ``covsearch
verify``, which always reads.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from covsearch.errors import ArtefactError
from covsearch.index.manifest import MEND, StoredFile, digest
from covsearch.workspace import Workspace

STAMP = "verified.json"
DRAFT = f".tmp-{STAMP}"  # and the process that writes it: two readers may finish at the same time
# file times advance in steps (4 ms on ext4, 2 s on FAT): a file that was written so recently could be written once
# more without its times showing it, so it is not remembered yet
MARGIN_NS = 2_000_000_000
_MAX_BYTES = 2**16

State = tuple[int, int, int, int]
"""Size, mtime and ctime in nanoseconds, inode."""


def check_files(workspace: Workspace, manifest: str, files: Mapping[str, StoredFile]) -> None:
    """Compare all `files` with what the manifest says of them, reading only what changed since it was compared last.

    Parameters
    ----------
    workspace : Workspace
    manifest : str
        SHA-256 of the manifest.
    files : mapping
        Size and SHA-256 by path from the workspace, as the manifest has them.

    Raises
    ------
    ArtefactError
        When a file is missing, or has another size or content; names it.
    """
    began = time.time_ns()
    states = _states(workspace, files)
    if _remembered(workspace) == _stamp(manifest, states):
        return
    for path, stored in files.items():
        check_content(workspace.home / path, stored)
    settled = all(max(mtime, ctime) < began - MARGIN_NS for _, mtime, ctime, _ in states.values())
    if settled and _states(workspace, files) == states:  # nobody wrote while they were read
        _remember(workspace, _stamp(manifest, states))


def check_content(path: Path, stored: StoredFile) -> None:
    """Read a whole file and compare it with its checksum.

    Raises
    ------
    ArtefactError
        When it is missing, or has another size or content.
    """
    check_size(path, stored.size)
    came = digest(path)
    if came != stored:
        expected = f"SHA-256 {stored.sha256[:12]}…, found {came.sha256[:12]}…"
        raise ArtefactError(f"{path}: was changed since it was built: expected {expected}; {MEND}")


def check_size(path: Path, size: int) -> State:
    """Refuse what is no file or has another size than `size` bytes; returns what the stamp remembers of it."""
    if not path.is_file():
        raise ArtefactError(f"{path}: a file of the index is missing; {MEND}")
    status = path.stat()
    if status.st_size != size:
        raise ArtefactError(f"{path}: expected {size} bytes, found {status.st_size}; {MEND}")
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _states(workspace: Workspace, files: Mapping[str, StoredFile]) -> dict[str, State]:
    return {path: check_size(workspace.home / path, stored.size) for path, stored in files.items()}


def _stamp(manifest: str, states: Mapping[str, State]) -> dict[str, Any]:
    return {"manifest": manifest, "files": {path: list(state) for path, state in states.items()}}


def _remembered(workspace: Workspace) -> Any:
    """The stamp; None where there is none that can be read, which costs one more comparison and nothing else."""
    path = workspace.index / STAMP
    try:
        if path.is_file() and path.stat().st_size <= _MAX_BYTES:
            return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        pass
    return None


def _remember(workspace: Workspace, stamp: Mapping[str, Any]) -> None:
    """Replace the stamp in one step; where the folder cannot be written, every open compares again."""
    draft = workspace.index / f"{DRAFT}-{os.getpid()}"
    with suppress(OSError):
        try:
            draft.write_text(json.dumps(stamp), encoding="utf-8")
            draft.replace(workspace.index / STAMP)
        finally:
            draft.unlink(missing_ok=True)
