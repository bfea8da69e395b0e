"""One performance's HDF5 files: how they are read, and whether they still are what they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.source import FileStamp, stamp
from covsearch.errors import FeatureFileError
from covsearch.guard.files import RefusedError


@dataclass(frozen=True)
class Hdf5Reading:
    """A :class:`~covsearch.dataset.source.Reading` of HDF5 files.

    Attributes
    ----------
    pid : str
    wid : str or None
    files : mapping
        Feature -> file.
    root : Path
        Folder that the files must be in.
    rate_to_match : float or None
        Frames/s that no file may contradict.
    """

    pid: str
    wid: str | None
    files: Mapping[str, Path]
    root: Path
    rate_to_match: float | None

    @property
    def quick(self) -> bool:
        """No: HDF5 inflates."""
        return False

    def path(self, names: Sequence[str]) -> Path:
        """The file of the first feature."""
        return self.files[names[0]]

    def stamps(self, names: Sequence[str]) -> dict[str, FileStamp]:
        """Stamps of the files of these features; a FeatureFileError names the one that is refused."""
        return {name: self._stamp(self.files[name]) for name in names}

    def chroma(self, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Chroma by feature, each (T, 12); a FeatureFileError names the file that is refused."""
        return {
            name: read_chroma(
                self.files[name], name, pid=self.pid, wid=self.wid, root=self.root, frame_rate=self.rate_to_match
            )
            for name in names
        }

    def _stamp(self, path: Path) -> FileStamp:
        try:
            return stamp(path, self.root)
        except RefusedError as e:
            raise FeatureFileError(path, str(e)) from e


def is_same(old: FileStamp, path: Path, root: Path) -> bool:
    """Whether a file is what it was: of the same size and mtime, or else of the same size and sha256."""
    try:
        status = path.stat()
        if (status.st_size, status.st_mtime_ns) == (old.size, old.mtime_ns):
            return True
        return status.st_size == old.size and stamp(path, root).sha256 == old.sha256
    except (OSError, RefusedError):
        return False
