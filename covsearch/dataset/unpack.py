"""Unpack an archive whose checksum is known, once, into a folder that is whole or not there."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from covsearch.errors import ArtefactError

MARKER = ".unpacked"
"""Written last: a folder without it is not trusted."""


def unpack(archive: Path, sha256: str, folder: Path) -> None:
    """Make `folder` hold the members of a ZIP archive, unless it does already.

    The members are written to a folder beside it, which then gets its name in one step. A process that is killed
    leaves no half of it, and of two processes the first one wins.

    Parameters
    ----------
    archive : Path
    sha256 : str
        Of the archive, hexadecimal.
    folder : Path
        Where the members go; what stands there without :data:`MARKER` is removed.

    Raises
    ------
    ArtefactError
        When the archive has another checksum, or a member that would lie outside `folder`.
    OSError
        When the archive cannot be read or `folder` cannot be written.
    """
    if (folder / MARKER).is_file():
        return
    content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ArtefactError(f"{archive}: expected sha256 {sha256[:12]}, got {found[:12]}: reinstall covsearch")
    draft = folder.with_name(f".tmp-{folder.name}-{secrets.token_hex(4)}")
    try:
        draft.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            _write_members(file, draft, archive)
        if hasattr(os, "sync"):  # or the marker may survive a power cut that the files do not
            os.sync()
        (draft / MARKER).write_text(f"{sha256}\n", encoding="ascii")
        _publish(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_members(file: zipfile.ZipFile, folder: Path, archive: Path) -> None:
    for member in file.infolist():
        place = PurePosixPath(member.filename)
        if member.is_dir():
            continue
        if place.is_absolute() or ".." in place.parts or any(letter in member.filename for letter in "\\:\0"):
            raise ArtefactError(f"{archive}: {member.filename!r} would lie outside its folder: reinstall covsearch")
        target = folder.joinpath(*place.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read(member))


def _publish(draft: Path, folder: Path) -> None:
    """Rename `draft` to `folder`, unless another process has done the same."""
    try:
        draft.rename(folder)
    except OSError:
        if (folder / MARKER).is_file():
            return
        old = draft.with_name(f"{draft.name}-old")
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
