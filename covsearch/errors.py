"""Every failure covsearch raises on purpose, with the exit code its command ends with.

::

    CovsearchError            1  anything that went wrong
    ├── UsageError            2  an option or a configuration that cannot be
    │   └── ReadOnlyError     2  a write to a database that can only be read
    ├── NotFoundError         3  a performance, index, dataset or checkpoint that is not there
    │   └── NoIndexError      3  nothing was built there, or what was built is gone
    ├── ArtefactError         4  a file that is corrupt, hostile, or does not belong to the others
    │   └── FeatureFileError  4  one HDF5 feature file that was refused; carries the file and the reason
    ├── UnavailableError      1  a server that holds the index and cannot answer now; it may later
    └── MissingExtraError     1  an optional dependency that is not installed

A command that SIGINT (Ctrl-C) ends has the exit code 130, as shells say of it.

A message says what was expected, what came, and what to do, in one or two lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class CovsearchError(Exception):
    """Root of the tree; ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class UsageError(CovsearchError):
    """An option or a configuration value that cannot be."""

    exit_code: ClassVar[int] = 2


class ReadOnlyError(UsageError):
    """A write to a database that can only be read, as a replica is."""


class UnavailableError(CovsearchError):
    """A server that holds the index and cannot answer now: the same question may be answered later."""


class NotFoundError(CovsearchError):
    """Something that was asked for by name and is not there."""

    exit_code: ClassVar[int] = 3


class NoIndexError(NotFoundError):
    """Nothing was built in a workspace or database, or what was built there is gone."""


class ArtefactError(CovsearchError):
    """A file that is corrupt, hostile, or does not belong to the others."""

    exit_code: ClassVar[int] = 4


class FeatureFileError(ArtefactError):
    """One HDF5 feature file that was refused.

    Parameters
    ----------
    path : Path
        The refused file.
    reason : str
        Why, in a few words, without the path.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class MissingExtraError(CovsearchError):
    """An optional dependency that is not installed.

    Parameters
    ----------
    what : str
        What needs it, for example ``"drawing plots"``.
    extra : str
        The name of the extra that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': run `pip install 'covsearch[{extra}]'`")
