"""A CSV that says which works, titles, artists, years and albums performances have: for what says it nowhere else.

Columns are ``id``, and any of ``work``, ``title``, ``artist``, ``year`` and ``album``, in any order, below a header
line. A column that is in the file speaks for every id in it, with an empty cell too: an empty work is an unknown one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from covsearch.dataset.ids import ID_RULE, in_words, is_id
from covsearch.dataset.metadata import MAX_BYTES
from covsearch.dataset.performance import Performance
from covsearch.dataset.source import Source
from covsearch.dataset.texts import clean
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.guard.files import RefusedError, read_bytes

ID, WORK, TITLE, ARTIST, YEAR, ALBUM = COLUMNS = ("id", "work", "title", "artist", "year", "album")
MAX_ROWS = 500_000  # each takes some 500 bytes when it is read
_YEAR = re.compile(r"([0-9]{1,4})(\.0)?", re.ASCII)  # 1969.0 is what tables write that have an empty year elsewhere


@dataclass(frozen=True)
class Tracks:
    """What a CSV says.

    Attributes
    ----------
    path : Path
        The file.
    columns : frozenset of str
        Those of :data:`COLUMNS` that it has.
    rows : mapping
        Id -> what is said of it, in the file's order; a column that is not there says nothing.
    """

    path: Path
    columns: frozenset[str]
    rows: Mapping[str, Performance]

    def applied(self, performances: Mapping[str, Performance]) -> dict[str, Performance]:
        """`performances`, by id, each as the CSV has it where that names it; the others as they are."""
        return {pid: self._told(performance) for pid, performance in performances.items()}

    def told(self, source: Source) -> Source:
        """`source` as the CSV has it."""
        return source.having(performances=self.applied(source.performances), metadata=source.metadata or self.path)

    def not_in(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The ids of the CSV that are not among `ids`, in the file's order."""
        there = set(ids)
        return tuple(pid for pid in self.rows if pid not in there)

    def check_all_in(self, ids: Iterable[str]) -> None:
        """Refuse a CSV with an id that is not among `ids`.

        Raises
        ------
        ArtefactError
            Naming the first, and how many there are.
        """
        if missing := self.not_in(ids):
            many = f"{len(missing):,} of its ids {'is' if len(missing) == 1 else 'are'}"
            first = f"first {in_words(missing[0])}"
            raise ArtefactError(f"{self.path}: {many} not in the collection, {first}; correct it, or drop --strict")

    def _told(self, performance: Performance) -> Performance:
        said = self.rows.get(performance.pid)
        if said is None:
            return performance
        told: dict[str, Any] = {
            name: getattr(said, name) for name in (TITLE, ARTIST, YEAR, ALBUM) if name in self.columns
        }
        if WORK in self.columns and said.wid != performance.wid:
            told |= {"wid": said.wid, "work_title": "", "work_artist": ""}  # these were the other work's
        return replace(performance, **told)


def read_tracks(path: Path) -> Tracks:
    """Read a CSV of tracks: UTF-8, with or without a byte order mark, cells separated by commas.

    Blanks around a cell do not count. Other columns are refused: a misspelt one would be lost without a word.

    Raises
    ------
    NotFoundError
        When there is no such file.
    ArtefactError
        When it is too large or no such CSV, an id comes twice, or a cell cannot be; names line and column.
    """
    if not path.exists():
        raise NotFoundError(f"{path} is not there; expected a CSV with the columns {', '.join(COLUMNS)}")
    try:
        lines = csv_lines(csv_text(path))
        header = next(lines, None)
        if header is None:
            raise RefusedError(f"is empty; expected a header line with {ID} and any of {', '.join(COLUMNS[1:])}")
        columns = _columns(*header)
        return Tracks(path, frozenset(columns), dict(_rows(columns, lines)))
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e


def csv_text(path: Path) -> str:
    """The whole of a CSV file as text; refused when it is too large or not UTF-8."""
    data = read_bytes(path, MAX_BYTES)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RefusedError("is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise RefusedError(f"line {data.count(10, 0, e.start) + 1} is not UTF-8; save the file as UTF-8") from e


def csv_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and cells of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as e:  # an open quote, a cell of more than 128 kB
            raise RefusedError(f"line {line} is not CSV: {e}") from e
        if cells is None:
            return
        if cells:
            yield line, [cell.strip() for cell in cells]


def _columns(line: int, names: list[str]) -> list[str]:
    known = f"expected {ID} and any of {', '.join(COLUMNS[1:])}, separated by commas"
    if unknown := [name for name in names if name not in COLUMNS]:
        raise RefusedError(f"line {line}: unknown column {unknown[0][:80]!r}; {known}")
    if ID not in names:
        raise RefusedError(f"line {line}: there is no column {ID}; {known}")
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise RefusedError(f"line {line}: the column {double} comes twice")
    return names


def _rows(columns: list[str], lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[str, Performance]]:
    first: dict[str, int] = {}
    for line, cells in lines:
        if len(cells) != len(columns):
            raise RefusedError(f"line {line}: expected {len(columns)} cells ({', '.join(columns)}), found {len(cells)}")
        track = _track(line, dict(zip(columns, cells, strict=True)))
        if track.pid in first:
            raise RefusedError(f"line {line}: the id {in_words(track.pid)} is in line {first[track.pid]} too")
        first[track.pid] = line
        if len(first) > MAX_ROWS:
            raise RefusedError(f"line {line}: at most {MAX_ROWS:,} tracks are read")
        yield track.pid, track


def _track(line: int, cells: Mapping[str, str]) -> Performance:
    for column, cell in cells.items():
        where = f"line {line}, column {column}"
        if column in (ID, WORK) and (cell or column == ID) and not is_id(cell):
            raise RefusedError(f"{where}: {cell[:80]!r} is no id: {ID_RULE}")
        if column == YEAR and cell and not _YEAR.fullmatch(cell):
            raise RefusedError(f"{where}: expected a year like 1969 or nothing, not {cell[:80]!r}")
    texts = {
        column: _cleaned(cells.get(column, ""), f"line {line}, column {column}") for column in (TITLE, ARTIST, ALBUM)
    }
    year = cells.get(YEAR, "").partition(".")[0]
    return Performance(
        cells[ID],
        cells.get(WORK) or None,
        texts[TITLE],
        texts[ARTIST],
        year=int(year) if year else None,
        album=texts[ALBUM],
    )


def _cleaned(cell: str, where: str) -> str:
    try:
        return clean(cell, where)
    except ValueError as e:
        raise RefusedError(str(e)) from e
