"""Where built things live: ``index/``, ``db/`` and ``cache/`` under one home."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import platformdirs


@dataclass(frozen=True)
class Workspace:
    """The folders under one home; none is made before something is written to it.

    Attributes
    ----------
    home : Path
        Absolute path of the folder that holds all three.
    """

    home: Path

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


def find_workspace(home: Path | None = None) -> Workspace:
    """The workspace at `home`, else at ``COVSEARCH_HOME``, else the clone, else the user's data folder.

    The clone is the folder above the imported package when it has covsearch's own ``db/schema.sql``, so
    that a checkout is a working search engine after one build.
    """
    if home is None and os.environ.get("COVSEARCH_HOME"):
        home = Path(os.environ["COVSEARCH_HOME"])
    if home is None:
        above = Path(__file__).resolve().parent.parent
        clone = (above / "db" / "schema.sql").is_file() and (above / "index" / "README.md").is_file()
        home = above if clone else platformdirs.user_data_path("covsearch")
    return Workspace(home.expanduser().absolute())


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
