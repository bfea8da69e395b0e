"""Corrections in a table: the CSV that ``covsearch groups --csv`` writes, its column ``group`` edited.

Rows of one group are versions of one work. Rows that were found in one group, and are in two now, are not versions of
each other. A row without a group is a version of none that it was found with. A row that is left out says nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from covsearch.corrections.correction import Ids
from covsearch.dataset.ids import in_words
from covsearch.dataset.names import is_name
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.guard.files import RefusedError, read_bytes

GROUP, PID, FOUND = "group", "pid", "found"
COLUMNS = (GROUP, PID, "title", "artist", "cover_probability", "kind", FOUND)
"""``group`` is there to be edited; ``found`` says which group it was."""
EditedRows = dict[str, tuple[str, str]]
"""Id -> the group it is in, and the group it was found in; either may be empty."""
MAX_BYTES, MAX_ROWS = 64 * 2**20, 500_000


@dataclass(frozen=True)
class GroupTable:
    """What a table says.

    Attributes
    ----------
    ids : tuple of str
        All that it names.
    together : tuple of tuple of str
    apart : tuple of tuple of tuple of str
        As :class:`covsearch.corrections.correction.Correction` has them.
    """

    ids: Ids
    together: tuple[Ids, ...]
    apart: tuple[tuple[Ids, ...], ...]


def edited_rows(path: Path) -> EditedRows:
    """Read an edited CSV of groups: UTF-8, with or without a byte order mark, cells separated by commas.

    Needs the columns ``group`` and ``pid``. Without ``found`` nothing is held apart.

    Raises
    ------
    NotFoundError
        When there is no such file.
    ArtefactError
        When it is too large or no such CSV, or a performance comes twice; names the line.
    """
    if not path.exists():
        raise NotFoundError(f"{path} is not there; expected a CSV as `covsearch groups --csv` writes it")
    try:
        return dict(_rows(_text(path)))
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e


def table_of(rows: EditedRows, path: Path) -> GroupTable:
    """What the rows of the CSV `path` say; an ArtefactError where that is nothing."""
    groups: dict[str, list[str]] = {}
    found: dict[str, dict[str, list[str]]] = {}
    for id_, (group, was) in rows.items():
        if group:
            groups.setdefault(group, []).append(id_)
        if was:
            found.setdefault(was, {}).setdefault(f"in {group}" if group else f"alone {id_}", []).append(id_)
    together = tuple(tuple(ids) for ids in groups.values() if len(ids) > 1)
    apart = tuple(tuple(map(tuple, parts.values())) for parts in found.values() if len(parts) > 1)
    if not together and not apart:
        wanted = "expected two performances in one group, or one out of the group it was in"
        raise ArtefactError(f"{path}: says nothing: {wanted}")
    return GroupTable(tuple(rows), together, apart)


def _text(path: Path) -> str:
    data = read_bytes(path, MAX_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise RefusedError(f"line {data.count(10, 0, e.start) + 1} is not UTF-8; save the file as UTF-8") from e


def _rows(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = _lines(reader)
    header = [name.strip() for name in next(lines, [])]
    wanted = f"expected the columns {', '.join(COLUMNS)}"
    if unknown := [name for name in header if name not in COLUMNS]:
        raise RefusedError(f"line 1: unknown column {unknown[0][:80]!r}; {wanted}")
    if GROUP not in header or PID not in header or len(set(header)) != len(header):
        raise RefusedError(f"line 1: {wanted}, each once; {GROUP} and {PID} are needed")
    seen: set[str] = set()
    for cells in lines:
        where = f"line {reader.line_num}"
        if len(cells) != len(header):
            raise RefusedError(f"{where}: expected {len(header)} cells, found {len(cells)}")
        row = dict(zip(header, cells, strict=True))
        id_ = row[PID]
        if not is_name(id_):
            raise RefusedError(f"{where}: {id_[:80]!r} is no performance id")
        if id_ in seen:
            raise RefusedError(f"{where}: {in_words(id_)} comes twice")
        seen.add(id_)
        if len(seen) > MAX_ROWS:
            raise RefusedError(f"{where}: at most {MAX_ROWS:,} rows are read")
        yield id_, (row[GROUP].strip(), row.get(FOUND, ""))


def _lines(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Cells of every row that is not blank."""
    line = 0
    while True:
        line += 1
        try:
            cells = next(reader, None)
        except csv.Error as e:
            raise RefusedError(f"row {line} is not CSV: {e}") from e
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield cells
