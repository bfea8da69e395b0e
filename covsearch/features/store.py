"""A collection's frames packed into memory-mapped files, so that HDF5 is read once.

A store is a folder::

    frames.f16       every performance's (L, F) frames, float16, one after the other
    slow.u8          every performance's slow chroma (:mod:`covsearch.features.slow`), uint8, in the same order
    entries.jsonl    one line a performance: pid, wid, first frame and frames in both; size, mtime, sha256 of its files
    vectors-*.npz    what models made of the frames (:mod:`covsearch.features.known`)
    config.toml      the feature configuration and the files' frame rate, so that a store is never read as another

Lines are only ever appended, after their frames: a killed run leaves a store that the next run goes on with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import Skipped
from covsearch.dataset.performance import known_work
from covsearch.dataset.source import FileStamp
from covsearch.features.frames import pad

FRAMES, SLOW, ENTRIES, CONFIG = "frames.f16", "slow.u8", "entries.jsonl", "config.toml"


@dataclass(frozen=True)
class Entry:
    """Where one performance's frames are: `frames` from frame `first` on, and of its slow chroma; made from `files`."""

    pid: str
    wid: str | None
    first: int
    frames: int
    slow_first: int
    slow_frames: int
    files: Mapping[str, FileStamp]

    def line(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"


def read_entries(folder: Path, width: int) -> dict[str, Entry]:
    """The last entry of each performance whose frames are really there.

    A line cut off by a killed run, and an entry whose frames were not written, are left out: they are packed
    again.

    Parameters
    ----------
    folder : Path
    width : int
        F of the store.

    Returns
    -------
    dict
        PID -> Entry.
    """
    if not all((folder / name).is_file() for name in (ENTRIES, FRAMES, SLOW)):
        return {}
    there = (folder / FRAMES).stat().st_size // (2 * width)
    slow_there = (folder / SLOW).stat().st_size // width
    entries = {}
    for line in (folder / ENTRIES).read_text(encoding="utf-8").splitlines():
        try:
            entry = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue
        places = ((entry.first, entry.frames, there), (entry.slow_first, entry.slow_frames, slow_there))
        if all(first >= 0 and frames >= 1 and first + frames <= end for first, frames, end in places):
            entries[entry.pid] = entry
    return entries


def _entry(values: dict[str, Any]) -> Entry:
    files = {name: FileStamp(**stamp) for name, stamp in values["files"].items()}
    wid = None if values["wid"] is None else str(values["wid"])
    places = {name: int(values[name]) for name in ("first", "frames", "slow_first", "slow_frames")}
    return Entry(str(values["pid"]), wid, files=files, **places)


@dataclass(frozen=True)
class FrameStore:
    """Packed frames of the performances of one collection, in natural order of their PIDs.

    Attributes
    ----------
    folder : Path
    config : FeatureConfig
    subset : str
        Name of the collection (``sample``, ``benchmark``, ...).
    entries : tuple of Entry
    skipped : tuple of Skipped
        Performances of the collection that could not be packed, and why.
    """

    folder: Path
    config: FeatureConfig
    subset: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def pids(self) -> tuple[str, ...]:
        """PIDs, in order."""
        return tuple(entry.pid for entry in self.entries)

    @property
    def wids(self) -> tuple[str, ...]:
        """The work of each performance, in the same order; a UsageError where one is not known."""
        return tuple(known_work(entry.pid, entry.wid) for entry in self.entries)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each performance, (N,)."""
        return np.array([entry.frames for entry in self.entries], dtype=np.int64)

    def frames(self, i: int) -> NDArray[np.float16]:
        """The frames of performance `i`, (L_i, F) float16 in [0, 1].

        Each call maps just this stretch of the file, so that going through 15,000 performances does not keep
        a store of 1.4 GB resident.
        """
        entry = self.entries[i]
        shape = (entry.frames, self.config.width)
        offset = entry.first * self.config.width * 2
        return np.memmap(self.folder / FRAMES, np.float16, "r", offset, shape)

    def slow(self, i: int) -> NDArray[np.uint8]:
        """The slow chroma of performance `i`, (L, F) uint8, mapped as :meth:`frames` does."""
        entry, width = self.entries[i], self.config.width
        shape = (entry.slow_frames, width)
        return np.memmap(self.folder / SLOW, np.uint8, "r", entry.slow_first * width, shape)

    def batch(self, rows: Sequence[int], frames: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Performances `rows` right-padded to `frames`: (B, frames, F) float32, and their lengths (B,)."""
        return pad([self.frames(i) for i in rows], frames), self.lengths_of(rows)

    def lengths_of(self, rows: Sequence[int]) -> NDArray[np.int64]:
        """Frames of the performances `rows`, (B,)."""
        return np.array([self.entries[i].frames for i in rows], dtype=np.int64)

    def __iter__(self) -> Iterator[NDArray[np.float16]]:
        return (self.frames(i) for i in range(len(self)))
