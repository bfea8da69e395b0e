"""What is known of audio files from earlier runs, so that a run goes on where the one before it ended."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.collections.scan import AudioFile
from covsearch.collections.tags import Tags
from covsearch.errors import ArtefactError
from covsearch.features.audio import SEARCH_HOP
from covsearch.guard.arrays import read_npy
from covsearch.guard.files import RefusedError

VERSION = f"audio-1-hop{SEARCH_HOP}"
"""Folder of the cache: raised when files are decoded otherwise."""
MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Heard:
    """One file as it was when it was read.

    Attributes
    ----------
    id : str
        Its path from the collection's folder.
    size, mtime_ns : int
    content : str
        SHA-256 of its sound; empty where it was refused.
    tags : Tags
    refused : str
        Why it cannot be read; empty where it was.
    may_pass : bool
        Whether another run may read it: its worker died, perhaps for lack of memory or time.
    """

    id: str
    size: int
    mtime_ns: int
    content: str = ""
    tags: Tags = field(default_factory=Tags)
    refused: str = ""
    may_pass: bool = False

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"


def chroma_folder(cache: Path) -> Path:
    """Where the cache of a workspace has decoded audio."""
    return cache / VERSION


def chroma_file(folder: Path, content: str) -> Path:
    """Where the chroma of a sound is: ``.npy`` of (T, 12) float16."""
    return folder / content[:2] / f"{content}.npy"


def read_cached(folder: Path, content: str) -> NDArray[np.float32]:
    """The chroma of a sound, (T, 12).

    Raises
    ------
    ArtefactError
        When it is not in the cache, or damaged there.
    """
    path = chroma_file(folder, content)
    try:
        chroma = read_npy(path, MAX_BYTES)
    except RefusedError as e:
        raise ArtefactError(f"its decoded sound in the cache {e}: delete {path}") from e
    if chroma.dtype != np.float16 or chroma.ndim != 2 or chroma.shape[1] != 12 or not np.isfinite(chroma).all():
        raise ArtefactError(f"its decoded sound in the cache is damaged: delete {path}")
    return chroma.astype(np.float32)


class Ledger:
    """What is known of the files of one folder; lines are only ever appended, and half a line is no line.

    Parameters
    ----------
    folder : Path
        :func:`chroma_folder`.
    root : Path
        The collection's folder.

    Attributes
    ----------
    tags : mapping
        Id -> all tags that a file was seen with.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._path = folder / "folders" / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.jsonl"
        self.tags: dict[str, list[Tags]] = {}
        self._known: dict[str, Heard] = {}
        for heard in _read(self._path):
            self._know(heard)
        self._begun = False  # until then, the last line may be half a line of a killed run

    def of(self, file: AudioFile) -> Heard | None:
        """What is known of a file that has not changed since; None where it must be read."""
        known = self._known.get(file.id)
        if known is None or (known.size, known.mtime_ns) != (file.size, file.mtime_ns):
            return None
        return known if known.refused or chroma_file(self._folder, known.content).is_file() else None

    def add(self, heard: Heard) -> None:
        """Remember a file for good."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(heard.line() if self._begun else f"\n{heard.line()}")
        self._begun = True
        self._know(heard)

    def _know(self, heard: Heard) -> None:
        self._known[heard.id] = heard
        if not heard.refused:
            self.tags.setdefault(heard.id, []).append(heard.tags)


def _read(path: Path) -> Iterator[Heard]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield _heard(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue


def _heard(values: dict[str, Any]) -> Heard:
    heard = Heard(**{**values, "tags": Tags(**values["tags"])})
    whole = heard.refused or "album" in values["tags"]
    return heard if whole else replace(heard, size=-1)  # of a version that knew no albums: only the tags are read again
