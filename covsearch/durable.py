"""Writes that survive a crash: what these functions returned from is on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sync(path: Path) -> None:
    """Flush one file's contents, or one folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush every file below `folder`, then the folders, the innermost first."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent) / name)
        sync(Path(parent))


def draft_of(path: Path) -> Path:
    """Where :func:`replacing` has written what shall become `path`; a process that dies may leave it."""
    return path.with_name(f".tmp-{path.name}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replace a file in one step: a reader sees the old one or the new one, also after a crash.

    Yields
    ------
    Path
        The draft to write. It takes the place of `path` when the block ends without an error.
    """
    draft = draft_of(path)
    yield draft
    sync(draft)
    draft.replace(path)
    sync(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Replace a small text file as :func:`replacing` does."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
