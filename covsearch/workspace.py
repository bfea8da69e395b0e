"""Where built things live: ``index/``, ``db/`` and ``cache/`` under one home."""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG
from typing import overload

import platformdirs

from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.guard.files import RefusedError, read_text

SETTINGS = "covsearch.toml"
"""What a workspace says of itself: ``store``, where its index is."""
_MAX_BYTES = 2**16
NO_HOME = "this user has no home folder (HOME is not set): set COVSEARCH_HOME to a folder that you can write"


@dataclass(frozen=True)
class Workspace:
    """The folders under one home; none is made before something is written to it.

    Attributes
    ----------
    home : Path
        Absolute path of the folder that holds all three.
    store : str or None
        URL of the database that holds the index instead of the folders ``index/`` and ``db/``; None for the folders.
        It may have a password, so it is not shown.
    """

    home: Path
    store: str | None = field(default=None, repr=False)

    def with_store(self, store: str | None) -> Workspace:
        """The same folders with the index in another place."""
        return replace(self, store=store)

    @property
    def index(self) -> Path:
        """Generations of the index (see ``index/README.md``)."""
        return self.home / "index"

    @property
    def db(self) -> Path:
        """SQLite files, one a generation (see ``db/README.md``)."""
        return self.home / "db"

    @property
    def cache(self) -> Path:
        """Packed frame stores and, under ``COVSEARCH_HOME``, the unpacked sample; may be deleted at any time."""
        return self.home / "cache"


def check_folder(workspace: Workspace) -> None:
    """Refuse a workspace that is a file; the doctor says so too, and goes on.

    Raises
    ------
    UsageError
    """
    if workspace.home.exists() and not workspace.home.is_dir():
        raise UsageError(f"expected a folder for the workspace, got {workspace.home}, which is not one")


class _Unplaced(Workspace):
    """The workspace of a user without a home folder: whoever needs it is told to name one, and nobody else is."""

    def __init__(self, store: str | None = None) -> None:
        """Know no folder."""
        object.__setattr__(self, "store", store)

    def with_store(self, store: str | None) -> Workspace:
        """Still without folders."""
        return _Unplaced(store)

    @property
    def home(self) -> Path:
        """Raises UsageError."""
        raise UsageError(NO_HOME)


@overload
def expanded(path: None) -> None: ...
@overload
def expanded(path: str | os.PathLike[str]) -> Path: ...
def expanded(path: str | os.PathLike[str] | None) -> Path | None:
    """`path` with ``~`` as a user's home folder; as it is where there is no such user.

    Raises
    ------
    UsageError
        For an empty text, which is no folder, where ``Path("")`` is the current one.
    NotFoundError
        When nothing can be called so: a name in it is too long, or has a NUL.
    """
    if path is None:
        return None
    if not os.fspath(path):
        raise UsageError("expected a file or folder, got an empty text")
    found = Path(os.path.expanduser(path))  # noqa: PTH111, Path's own fails there
    try:
        found.lstat()
    except ValueError as e:
        raise NotFoundError(f"{str(found)[:80]!r} is not there: no name of a file has a NUL") from e
    except OSError as e:
        if e.errno == errno.ENAMETOOLONG:
            raise NotFoundError(f"{str(found)[:80]}… is not there: its name is too long for a file") from e
    return found


def is_file(text: str) -> bool:
    """Whether `text`, which may be an id or a title, is a file; whatever it is, no error."""
    return os.path.isfile(os.path.expanduser(text))  # noqa: PTH111, PTH113, as above


def find_workspace(home: Path | None = None, store: str | None = None) -> Workspace:
    """The workspace at `home`, else at ``COVSEARCH_HOME``, else the clone, else the user's data folder.

    The clone is the folder above the imported package when it has covsearch's own ``db/schema.sql``, so that a checkout
    is a working search engine after one build. An empty ``COVSEARCH_HOME`` is none. Where the user has no home folder,
    the workspace is one that refuses to say where it is.

    The index is in the workspace's folders, unless `store`, ``COVSEARCH_STORE`` or ``store`` in the workspace's
    ``covsearch.toml`` is the URL of a database, the first of these that is there.

    Raises
    ------
    UsageError
        When `home` begins with the ``~`` of an unknown user.
    ArtefactError
        When ``covsearch.toml`` is no TOML, or its ``store`` no text.
    """
    store = store or os.environ.get("COVSEARCH_STORE") or None
    if home is None and os.environ.get("COVSEARCH_HOME"):
        home = Path(os.environ["COVSEARCH_HOME"])
    if home is None:
        above = Path(__file__).resolve().parent.parent
        clone = (above / "db" / "schema.sql").is_file() and (above / "index" / "README.md").is_file()
        home = above if clone else _of_user(platformdirs.user_data_path)
        if home is None:
            return _Unplaced(store)
    try:
        found = home.expanduser().absolute()
    except RuntimeError as e:
        raise UsageError(f"expected a folder for the workspace, got {home}: {home.parts[0]} is no user's home") from e
    return Workspace(found, store or _said_store(found))


def _said_store(home: Path) -> str | None:
    """``store`` of the workspace's ``covsearch.toml``; its other keys are somebody else's."""
    path = home / SETTINGS
    if not path.is_file():
        return None
    try:
        said = tomllib.loads(read_text(path, _MAX_BYTES)).get("store")
    except (RefusedError, ValueError, RecursionError) as e:
        raise ArtefactError(f'{path}: expected TOML such as `store = "postgresql://HOST/DATABASE"`') from e
    if not (said is None or isinstance(said, str)):
        raise ArtefactError(f"{path}: expected store as the URL of a database, found {type(said).__name__}")
    return said or None


def user_cache() -> Path:
    """The user's folder for what may be deleted at any time.

    Raises
    ------
    UsageError
        When the user has no home folder.
    """
    path = _of_user(platformdirs.user_cache_path)
    if path is None:
        raise UsageError(NO_HOME)
    return path


def _of_user(find: Callable[[str], Path]) -> Path | None:
    """A folder of the user; None where the user has no home folder."""
    try:
        path = find("covsearch")
    except RuntimeError:  # platformdirs from 4.14 on; older ones answer ~ itself
        return None
    return path if path.is_absolute() else None


def bytes_below(path: Path) -> int:
    """Of a file, or of all files below a folder; what is removed meanwhile counts nothing, nor do links."""
    found = 0
    for file in (path, *(path.rglob("*") if path.is_dir() else ())):
        try:
            status = file.lstat()
        except FileNotFoundError:
            continue
        found += status.st_size if S_ISREG(status.st_mode) else 0
    return found
