"""The collection that comes with covsearch: one archive in the package, unpacked when it is first needed."""

from __future__ import annotations

import os
from pathlib import Path

from covsearch.dataset.splits import Split, read_split
from covsearch.dataset.unpack import unpack
from covsearch.errors import CovsearchError, NotFoundError
from covsearch.workspace import find_workspace, user_cache

SHA256 = "ce25ceeff036ba6e00d46990743dc88c87726fb5948d1b4f44499fbab862b96f"
"""Of the archive: `python -m benchmarks.make_sample` prints it."""


def sample_archive() -> Path:
    """Where the package has the archive, Da-TACOS's layout inside."""
    return Path(__file__).resolve().parent / "sample" / "sample.zip"


def sample_root() -> Path:
    """Folder of the bundled sample, to be opened with :func:`~covsearch.dataset.datacos.open_dataset`.

    The first call unpacks it into ``COVSEARCH_HOME/cache``, or else into the user's cache folder. The folder's name has
    the archive's checksum: another archive has another folder.

    Raises
    ------
    NotFoundError
        When this installation came without it.
    ArtefactError
        When the archive is damaged.
    CovsearchError
        When the cache folder cannot be written.
    """
    archive = sample_archive()
    if not archive.is_file():
        raise NotFoundError(f"the bundled sample is not at {archive}: reinstall covsearch, or name a Da-TACOS folder")
    moved = os.environ.get("COVSEARCH_HOME")
    root = (find_workspace().cache if moved else user_cache()) / f"sample-{SHA256[:16]}"
    try:
        unpack(archive, SHA256, root)
    except OSError as error:
        message = f"cannot unpack the bundled sample into {root}: {error}; set COVSEARCH_HOME to a folder you can write"
        raise CovsearchError(message) from error
    return root


def sample_split() -> Split:
    """The works that the bundled weights were trained on, chosen by and never saw.

    Raises
    ------
    ArtefactError
        When it is missing or damaged.
    """
    return read_split(sample_root() / "split.json")
