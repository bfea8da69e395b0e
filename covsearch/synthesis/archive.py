"""The files of a source of songs: a zip archive or a folder, each file read whole and of a bounded size."""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.guard.files import RefusedError, as_text, read_bytes

MAX_ARCHIVE_BYTES = 2**28  # the largest known has 20 MB
MAX_TABLE_BYTES = 2**24
MAX_FILES = 100_000
TABLES = ("songs.csv", "metadata.csv")
"""What a source may say of its songs, a row each, by ``path`` or ``id``."""


class Archive:
    """Files of one source, none of them written to the disk.

    Parameters
    ----------
    path : Path
        A ``.zip`` or a folder.

    Attributes
    ----------
    name : str
        Of the archive without its suffix, or of the folder.
    names : list of str
        Paths inside, sorted.

    Raises
    ------
    NotFoundError
        When there is neither.
    ArtefactError
        When the archive is damaged or too large, or there are too many files.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._zip = path, None
        if path.is_dir():
            self.name = path.resolve().name
            self.names = sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())
        elif path.is_file():
            self.name = path.stem
            self._zip = self._opened()
            self.names = sorted(name for name in self._zip.namelist() if not name.endswith("/"))
        else:
            raise NotFoundError(
                f"{path}: expected a folder of MIDI files, or a zip archive or folder of scores or charts"
            )
        if len(self.names) > MAX_FILES:
            raise ArtefactError(f"{path}: holds {len(self.names):,} files; at most {MAX_FILES:,} are read")

    def _opened(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(io.BytesIO(read_bytes(self.path, MAX_ARCHIVE_BYTES)))
        except (RefusedError, zipfile.BadZipFile, NotImplementedError) as e:
            raise ArtefactError(f"{self.path}: expected a zip archive of scores or charts: {e}") from e

    @property
    def fingerprint(self) -> str:
        """Changes when the archive or a file of the folder does."""
        if self._zip is None:
            stats = [(name, (self.path / name).stat()) for name in self.names]
            return json.dumps([(name, one.st_size, one.st_mtime_ns) for name, one in stats])
        return json.dumps([(one.filename, one.file_size, one.CRC) for one in self._zip.infolist()])

    def read(self, name: str, limit: int) -> bytes:
        """One file of at most `limit` bytes.

        Raises
        ------
        RefusedError
            When it is larger, damaged, or leads out of the folder.
        """
        if self._zip is None:
            return read_bytes(self.path / name, limit, self.path.resolve())
        try:
            with self._zip.open(name) as file:
                data = file.read(limit + 1)  # what the archive says of the size need not be true
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as e:
            raise RefusedError(f"is damaged: {str(e)[:200]}") from e
        if len(data) > limit:
            raise RefusedError(f"has over {limit:,} bytes")
        return data

    def table(self) -> dict[str, Mapping[str, str]]:
        """What the source's table says of each song, by its path inside or its id; empty without a table.

        Raises
        ------
        ArtefactError
            When there is a table that is no CSV.
        """
        found: dict[str, Mapping[str, str]] = {}
        for name in (name for name in TABLES if name in self.names):
            try:
                rows = list(csv.DictReader(io.StringIO(as_text(self.read(name, MAX_TABLE_BYTES)))))
            except (RefusedError, csv.Error) as e:
                raise ArtefactError(f"{self.path}: its {name} cannot be read: {e}") from e
            for row in rows:
                said = {key: value for key, value in row.items() if isinstance(key, str) and isinstance(value, str)}
                found |= {key: said for key in (said.get("path", ""), said.get("id", "")) if key}
        return found
