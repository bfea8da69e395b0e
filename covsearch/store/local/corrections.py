"""The document of corrections as a file beside the databases, which no build touches."""

from __future__ import annotations

import fcntl
from collections.abc import Callable

from covsearch.corrections.log import MAX_BYTES, read_log
from covsearch.durable import replace_text
from covsearch.errors import ArtefactError
from covsearch.guard.files import RefusedError, read_text
from covsearch.workspace import Workspace

FILE = "corrections.jsonl"
_LOCK = ".corrections.lock"


def read_corrections(workspace: Workspace) -> str:
    """The document; empty where there is none.

    Raises
    ------
    ArtefactError
        When the file is no regular one, too large or no such document.
    """
    path = workspace.db / FILE
    if not path.exists() and not path.is_symlink():
        return ""
    try:
        return read_log(read_text(path, MAX_BYTES)).text
    except (RefusedError, ArtefactError) as e:
        raise ArtefactError(f"{path}: {e}; correct it, or remove it") from e


def amend_corrections(workspace: Workspace, change: Callable[[str], str]) -> None:
    """Replace the document by what `change` makes of it; who comes at the same time waits."""
    with (workspace.db / _LOCK).open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the process ends, however it ends
        text = change(read_corrections(workspace))
        replace_text(workspace.db / FILE, text)
