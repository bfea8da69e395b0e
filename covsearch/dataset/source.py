"""What a collection must be able to do, wherever it lies: say what it has, give its chroma, and say where that is from.

Two keep it: a Da-TACOS folder (:mod:`covsearch.dataset.datacos`; the bundled sample is one) and a folder of audio
(:mod:`covsearch.collections`). Building, adding and updating know nothing else of either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.hdf5 import MAX_FILE_BYTES
from covsearch.dataset.layout import Skipped
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.guard.files import Snapshot


@dataclass(frozen=True)
class FileStamp:
    """What a source file was when it was read: size in bytes, mtime in nanoseconds, sha256.

    The checksum is of an HDF5 file's bytes, and of an audio file's sound without its tags.
    """

    size: int
    mtime_ns: int
    sha256: str


class Reading(Protocol):
    """How to read one performance; small, and it can be pickled, so that another process can read it."""

    @property
    def quick(self) -> bool:
        """Whether reading is so little work that other processes would cost more than they save."""

    def path(self, names: Sequence[str]) -> Path:
        """The file to name where something is wrong that no single file is to blame for."""

    def stamps(self, names: Sequence[str]) -> Mapping[str, FileStamp]:
        """Stamps of the files of these features, by feature.

        Raises
        ------
        FeatureFileError
            When a file is refused.
        """

    def chroma(self, names: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """Chroma by feature, each (T, 12) with values from 0; of the collection's frame rate.

        Raises
        ------
        ArtefactError
            When a file is refused.
        """


class Source(Protocol):
    """A collection of performances."""

    @property
    def root(self) -> Path:
        """Its folder, absolute."""

    @property
    def subset(self) -> str:
        """The collection's name."""

    @property
    def performances(self) -> Mapping[str, Performance]:
        """Id -> performance, in natural order."""

    @property
    def files(self) -> Mapping[str, Mapping[str, Path]]:
        """Id -> feature -> the file that it is read from."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What is there, or should be, and was left out."""

    @property
    def metadata(self) -> Path | None:
        """The file that titles come from; None where there is none but the performances' own files."""

    @property
    def frame_rate(self) -> float:
        """Frames/s of the chroma."""

    @property
    def rate_is_known(self) -> bool:
        """Whether somebody said it."""

    @property
    def rate_is_given(self) -> bool:
        """Whether the caller said it, against whatever files declare."""

    def chroma(self, id_: str, names: Sequence[str]) -> tuple[Mapping[str, NDArray[np.float32]], float]:
        """Chroma of one performance by feature, each (T, 12), and its frames/s; raises as :class:`Reading`."""

    def origin(self, id_: str, stamps: Mapping[str, FileStamp]) -> Origin:
        """Where one performance's chroma is from; `stamps` are of its files when they were read."""

    def reading(self, id_: str) -> Reading:
        """How to read one performance."""

    def unchanged(self, id_: str, stamps: Mapping[str, FileStamp]) -> bool:
        """Whether a performance's files still are what they were at `stamps`."""

    def checksum(self, id_: str, feature: str) -> str | None:
        """SHA-256 of one of its files, hexadecimal, as a stamp has it; None where there is no such file."""

    def having(self, **changes: Any) -> Self:
        """The same collection with other values of its attributes."""


def stamp(path: Path, root: Path) -> FileStamp:
    """Size, mtime and sha256 of a file of the collection at `root`; refuses what :class:`Snapshot` refuses."""
    with Snapshot(path, MAX_FILE_BYTES, root) as f:
        return FileStamp(f.size, f.mtime_ns, hashlib.file_digest(f, "sha256").hexdigest())
