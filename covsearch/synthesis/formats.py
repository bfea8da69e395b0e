"""Which files of a source hold songs, and who reads them; a new format is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.guard.files import RefusedError
from covsearch.progress import Progress, silent
from covsearch.synthesis.archive import Archive
from covsearch.synthesis.charts import chart_reading, is_chart
from covsearch.synthesis.musicxml import MAX_BYTES
from covsearch.synthesis.notated import abc_reading, musicxml_reading
from covsearch.synthesis.readings import Reader, Row, SongReading
from covsearch.synthesis.suffixes import MUSICXML_SUFFIXES

_AT_ONCE = 64  # files that are in memory together


def _always(data: bytes) -> bool:
    return True


@dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes
    ----------
    suffixes : frozenset of str
    reader : Reader
    is_one : callable
        Whether a file with such a name is one at all, by its bytes: text files hold anything.
    """

    suffixes: frozenset[str]
    reader: Reader
    is_one: Callable[[bytes], bool] = _always


FORMATS: Mapping[str, Format] = {
    "MusicXML": Format(MUSICXML_SUFFIXES, musicxml_reading),
    "ABC": Format(frozenset({".abc"}), abc_reading),
    "chord charts": Format(frozenset({".txt"}), chart_reading, is_chart),
}


def read_archive(archive: Archive, progress: Progress = silent) -> tuple[list[SongReading], list[tuple[str, str]]]:
    """Every song of a source of MusicXML scores, ABC tunes or chord charts.

    Returns
    -------
    (list of SongReading, list of (str, str))
        What was read, by name; the files that were not, and why.

    Raises
    ------
    NotFoundError
        When no file is of a known format.
    """
    table, names = archive.table(), [name for name in archive.names if _format(name)]
    read: list[SongReading] = []
    refused: list[tuple[str, str]] = []
    if names:
        with ProcessPoolExecutor(2) as pool:
            for first in range(0, len(names), _AT_ONCE):
                some = [(name, data) for name in names[first : first + _AT_ONCE] for data in _bytes(archive, name)]
                refused += [(name, data) for name, data in some if isinstance(data, str)]
                jobs = [(name, data, _row(table, name)) for name, data in some if isinstance(data, bytes)]
                for (name, _, _), found in zip(jobs, pool.map(_try_one, jobs, chunksize=4), strict=True):
                    read += [found] if isinstance(found, SongReading) else []
                    refused += [(name, found)] if isinstance(found, str) else []
                progress(f"reading {archive.name}", min(first + _AT_ONCE, len(names)), len(names))
    if not read and not refused:
        kinds = ", ".join(FORMATS)
        raise NotFoundError(f"{archive.path}: holds no songs; expected MIDI files in a folder, or {kinds}")
    return read, refused


def has_songs(folder: Path) -> bool:
    """Whether a folder or one below has a file that may be of a known format, by its name."""
    return any(_format(path.name) for path in folder.rglob("*") if path.is_file())


def _format(name: str) -> Format | None:
    suffix = PurePosixPath(name).suffix.lower()
    return next((one for one in FORMATS.values() if suffix in one.suffixes), None)


def _row(table: Mapping[str, Row], name: str) -> Row:
    return table.get(name) or table.get(PurePosixPath(name).stem) or {}


def _bytes(archive: Archive, name: str) -> Iterator[bytes | str]:
    """The file, or why it is not read; nothing where it is no song."""
    try:
        data = archive.read(name, MAX_BYTES)
    except RefusedError as e:
        yield str(e)
        return
    found = _format(name)
    if found and found.is_one(data):
        yield data


def _try_one(job: tuple[str, bytes, Row]) -> SongReading | str:
    name, data, row = job
    found = _format(name)
    try:
        return found.reader(name, data, row) if found else "is of no known format"
    except (RefusedError, ArtefactError) as e:
        return str(e)
