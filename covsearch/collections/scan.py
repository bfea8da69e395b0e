"""Which files below a folder are audio, by name alone, and what they are called in an index."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.dataset.ids import MAX_ID, is_id
from covsearch.dataset.layout import Skipped, listed
from covsearch.features.audio import is_audio
from covsearch.features.audio.suffixes import IN_WORDS

MAX_DEPTH = 32  # folders below the first
_LISTED = 5  # files that a message names


@dataclass(frozen=True)
class AudioFile:
    """A file that may be audio.

    Attributes
    ----------
    id : str
        Its path from the collection's folder, with ``/``.
    path : Path
        Absolute.
    size, mtime_ns : int
        Bytes; nanoseconds.
    """

    id: str
    path: Path
    size: int
    mtime_ns: int


def has_audio(root: Path) -> bool:
    """Whether anything below a folder is called as audio is."""
    found, skipped = scan_audio(root.resolve())
    return bool(found) or any(is_audio(Path(one.path)) for one in skipped)


def no_audio(root: Path) -> str:
    """What is said of a folder without anything that can be audio."""
    return f"{root}: there is no audio file in it (expected {IN_WORDS})"


def none_read(root: Path, skipped: Sequence[Skipped]) -> str:
    """What is said of a folder of which not one file was read."""
    if not skipped:
        return no_audio(root)
    said = f"{root}: there is no audio file that can be read"
    if len(skipped) == 1:
        return f"{said}; first {skipped[0].path}: {skipped[0].reason}"
    listed = [f"  {one.path}: {one.reason}" for one in skipped[:_LISTED]]
    more = [f"  and {len(skipped) - _LISTED:,} more"] if len(skipped) > _LISTED else []
    return "\n".join([f"{said}:", *listed, *more])


def scan_audio(root: Path, below: Sequence[Path] = ()) -> tuple[list[AudioFile], list[Skipped]]:
    """Audio files below a folder, by path, and what is called so and cannot be one.

    Hidden files and folders are passed over. Symbolic links are followed to files inside the folder, and never to
    folders, so that nothing is found twice for ever: these are skipped.

    Parameters
    ----------
    root : Path
        Absolute, links resolved.
    below : sequence of Path
        Only these of its folders and files.
    """
    found: list[AudioFile] = []
    skipped: list[Skipped] = []
    for path in below or [root]:
        if path.is_dir():
            _scan(path, root, 0, found, skipped)
        else:
            look_at(path, root, found, skipped)
    return sorted(found, key=lambda file: file.id), skipped


def _scan(folder: Path, root: Path, depth: int, found: list[AudioFile], skipped: list[Skipped]) -> None:
    for entry in listed(folder, printable_path(folder, root), skipped):
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH:
                _scan(path, root, depth + 1, found, skipped)
            else:
                skipped.append(Skipped(printable_path(path, root), f"is more than {MAX_DEPTH} folders deep"))
        elif entry.is_symlink() and os.path.isdir(path):  # noqa: PTH112, no error where it leads nowhere
            skipped.append(
                Skipped(
                    printable_path(path, root), "is a symbolic link to a folder: not followed; name that folder itself"
                )
            )
        elif is_audio(path):
            look_at(path, root, found, skipped)


def look_at(path: Path, root: Path, found: list[AudioFile], skipped: list[Skipped]) -> None:
    """Put one file of a folder among those found, or among those skipped."""
    id_ = path.relative_to(root).as_posix()
    try:
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
            reason = "is a symbolic link out of the folder: not followed"
        else:
            status = path.stat()
            reason = _refusal(id_, status)
    except OSError as e:
        reason = f"cannot be read: {e.strerror}"
    if reason:
        skipped.append(Skipped(printable_path(path, root), reason))
    else:
        found.append(AudioFile(id_, path, status.st_size, status.st_mtime_ns))


def emptied(root: Path, ids: Iterable[str]) -> list[Skipped]:
    """Folders without anything in them that had these files, as one has whose disk is not mounted.

    Parameters
    ----------
    root : Path
        Absolute, links resolved.
    ids : iterable of str
        Paths from `root` of files that are not there.
    """
    empty: dict[Path, None] = {}
    for id_ in ids:
        folder = next((above for above in (root / id_).parents if os.path.isdir(above)), root)  # noqa: PTH112, no error where it cannot be seen
        if folder != root and folder.is_relative_to(root) and next(folder.iterdir(), None) is None:
            empty[folder] = None
    reason = "is empty, and had music: mount its disk; if the music is to go from the index, delete the folder"
    return [Skipped(printable_path(folder, root), reason) for folder in empty]


def _refusal(id_: str, status: os.stat_result) -> str:
    """Why a file is not read; empty where it may be."""
    if stat.S_ISDIR(status.st_mode):
        return "is a folder"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if not status.st_size:
        return "is empty"
    if len(id_) > MAX_ID:
        return f"its path has {len(id_)} characters; an id has at most {MAX_ID}: give it a shorter name"
    if not is_id(id_):
        return "its name has control characters or is not UTF-8: rename it"
    return ""


def printable_path(path: Path, root: Path) -> str:
    """A path below `root` that can be printed and stored as UTF-8."""
    text = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
