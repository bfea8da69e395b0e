"""Open a stranger's file: a regular one, of a bounded size, and inside the folder that it is said to be in.

What a path was a moment ago does not matter, since it may be another file by now: every check is of the opened
descriptor, and below a root no symbolic link is followed while opening.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

from covsearch.errors import ArtefactError

# a FIFO must not wait for its writer, a terminal must not become ours
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class RefusedError(ValueError):
    """Why a file is not read; the reader adds its name."""


def open_regular(path: Path, root: Path | None = None) -> int:
    """Open a regular file for reading.

    Parameters
    ----------
    path : Path
    root : Path, optional
        A folder that the file must be in, links of `root` itself resolved. Symbolic links inside that stay inside are
        followed. Without, the user named this very file and links lead wherever they lead.

    Returns
    -------
    int
        A descriptor; the caller closes it.

    Raises
    ------
    RefusedError
        When there is no such file, it is no regular file, it is not inside `root`, or it may not be read.
    """
    try:
        descriptor = os.open(path, _READ) if root is None else _open_below(Path(os.path.realpath(path)), root)
    except FileNotFoundError as e:
        raise RefusedError("does not exist") from e
    except OSError as e:  # ELOOP: replaced by a link since it was resolved; ENXIO: a socket
        raise RefusedError(f"cannot be opened: {e.strerror}") from e
    try:
        _check_regular(descriptor)
    except RefusedError:
        os.close(descriptor)
        raise
    return descriptor


def _open_below(resolved: Path, root: Path) -> int:
    """Folder by folder from `root` down, following no link: what was resolved can no longer be exchanged for one."""
    if not resolved.is_relative_to(root):
        raise RefusedError("is a symbolic link out of the dataset: not followed")
    *folders, name = resolved.relative_to(root).parts or (".",)
    above = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
            os.close(above)
            above = below
        return os.open(name, _READ | os.O_NOFOLLOW, dir_fd=above)
    finally:
        os.close(above)


def _check_regular(descriptor: int) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise RefusedError("is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise RefusedError("is not a regular file")


class Positioned(io.RawIOBase):
    """A file of `size` bytes that is read from any place; what is read, :meth:`readinto` says."""

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        self.size, self._at = size, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position or the end."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at


class Snapshot(Positioned):
    """A regular file as it was when it was opened: bytes that are added later are not there.

    Parameters
    ----------
    path, root
        As of :func:`open_regular`.
    limit : int
        Bytes that the file may have.

    Attributes
    ----------
    size : int
        Bytes.
    mtime_ns : int
        When it was written to last, in nanoseconds.

    Raises
    ------
    RefusedError
        As :func:`open_regular`, and for a file over `limit`; while reading, when it has become shorter.
    """

    def __init__(self, path: Path, limit: int, root: Path | None = None) -> None:
        super().__init__()
        self._descriptor = -1  # Python closes what could not be opened too, and 3.13 tells when that fails
        self._descriptor = open_regular(path, root)
        status = os.fstat(self._descriptor)
        self.size, self.mtime_ns = status.st_size, status.st_mtime_ns
        if self.size > limit:
            self.close()
            raise RefusedError(f"has {self.size:,} bytes; at most {limit:,} are read")

    def check_unchanged(self) -> None:
        """Refuse a file that was written to since it was opened: what was read may be half old and half new."""
        status = os.fstat(self._descriptor)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns):
            raise RefusedError("was changed while it was read; read it again when nothing writes to it")

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor >= 0 and not self.closed:
            os.close(self._descriptor)
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` up to the snapshot's end; the number of bytes."""
        wanted = max(0, min(len(buffer), self.size - self._at))
        done = 0
        while done < wanted:
            got = os.preadv(self._descriptor, [memoryview(buffer)[done:wanted]], self._at)
            if got == 0:
                raise RefusedError("has become shorter while it was read")
            done, self._at = done + got, self._at + got
        return done


def read_bytes(path: Path, limit: int, root: Path | None = None) -> bytes:
    """The whole of a regular file of at most `limit` bytes; parameters and refusals are :class:`Snapshot`'s."""
    with Snapshot(path, limit, root) as file:
        data: bytes = file.read(file.size) or b""
        file.check_unchanged()
    return data


def read_text(path: Path, limit: int, root: Path | None = None) -> str:
    """A regular file as UTF-8 text.

    Raises
    ------
    RefusedError
        As :func:`read_bytes`; for a byte order mark, and for anything that is not UTF-8.
    """
    return as_text(read_bytes(path, limit, root))


def as_text(data: bytes) -> str:
    """UTF-8 text; refused as by :func:`read_text`."""
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise RefusedError("begins with a byte order mark; save it as UTF-8 without one")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise RefusedError(f"is not UTF-8: {e}") from e


def text_artefact(path: Path, limit: int, root: Path | None = None) -> str:
    """:func:`read_text` for files that are refused as a whole.

    Raises
    ------
    ArtefactError
        With the path, for everything that :func:`read_text` refuses.
    """
    try:
        return read_text(path, limit, root)
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e
