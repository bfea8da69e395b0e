"""A CSV that says the work, and where it is known the source, of every row of a matrix.

Columns are ``work``, and any of ``id`` and ``source``, in any order, below a header line; ``title``, ``artist`` and
``year`` may be there and are not looked at. Without ids the lines are in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.dataset.ids import ID_RULE, in_words, is_id
from covsearch.dataset.tracks_csv import ARTIST, ID, MAX_ROWS, TITLE, WORK, YEAR, csv_lines, csv_text
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.guard.files import RefusedError

SOURCE = "source"
COLUMNS = (ID, WORK, SOURCE)
UNREAD = (TITLE, ARTIST, YEAR)


@dataclass(frozen=True)
class Works:
    """What is said of N performances, in one order.

    Attributes
    ----------
    ids : tuple of str, or None
        None where nobody says them.
    works : tuple of str
    sources : tuple of str, or None
        None where the CSV has no such column.
    """

    ids: tuple[str, ...] | None
    works: tuple[str, ...]
    sources: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.works)


@dataclass(frozen=True)
class WorksFile:
    """A CSV of works, in its own order.

    Attributes
    ----------
    path : Path
    said : Works
    """

    path: Path
    said: Works

    def of(self, ids: Sequence[str] | None, count: int, what: str) -> tuple[Works, list[int] | None]:
        """What is said of the rows of a matrix, in the order of the CSV, and which rows these are.

        Parameters
        ----------
        ids : sequence of str, or None
            Those of the rows, where the matrix has some.
        count : int
            Rows of the matrix.
        what : str
            The matrix's name in errors.

        Returns
        -------
        Works
        list of int, or None
            The row of each; None for all rows in their order.

        Raises
        ------
        ArtefactError
            When an id of the matrix comes twice or is not in the CSV, or without ids the numbers differ.
        """
        if ids is None or self.said.ids is None:
            if len(self.said) != count:
                raise ArtefactError(
                    f"{self.path} has {len(self.said):,} lines and {what} {count:,} rows: expected a line for each "
                    "row, in the same order; or ids in both"
                )
            return self.said, None
        row_of = _places(ids, what)
        line_of = {id_: line for line, id_ in enumerate(self.said.ids)}
        unknown = [id_ for id_ in ids if id_ not in line_of]
        if unknown:
            first = in_words(unknown[0])
            raise ArtefactError(f"{self.path} has no line for {len(unknown):,} ids of {what}, first {first}: add them")
        lines = [line for line, id_ in enumerate(self.said.ids) if id_ in row_of]
        kept = tuple(self.said.ids[line] for line in lines)
        sources = self.said.sources
        works = Works(
            kept,
            tuple(self.said.works[line] for line in lines),
            None if sources is None else tuple(sources[line] for line in lines),
        )
        return works, [row_of[id_] for id_ in kept]


def read_works(path: Path) -> WorksFile:
    """Read a CSV of works: UTF-8, cells separated by commas. Blanks around a cell do not count.

    Raises
    ------
    NotFoundError
        When there is no such file.
    ArtefactError
        When it is no such CSV, has another column, a line has no work, or an id comes twice; names the line.
    """
    if not path.exists():
        raise NotFoundError(f"{path} is not there; expected a CSV with the columns {', '.join(COLUMNS)}")
    try:
        return WorksFile(path, _read(path))
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e


def _read(path: Path) -> Works:
    lines = csv_lines(csv_text(path))
    at, columns = next(lines, (1, []))
    known = f"expected {WORK}, and any of {ID}, {SOURCE}, {', '.join(UNREAD)}"
    if wrong := [name for name in columns if name not in (*COLUMNS, *UNREAD) or columns.count(name) > 1]:
        raise RefusedError(f"line {at}: the column {wrong[0][:80]!r} is unknown or comes twice; {known}")
    if WORK not in columns:
        raise RefusedError(f"line {at}: there is no column {WORK}; {known}")
    told: dict[str, list[str]] = {name: [] for name in COLUMNS if name in columns}
    first: dict[str, int] = {}
    for line, cells in lines:
        if len(cells) != len(columns):
            raise RefusedError(f"line {line}: expected {len(columns)} cells ({', '.join(columns)}), found {len(cells)}")
        if line > MAX_ROWS:
            raise RefusedError(f"line {line}: at most {MAX_ROWS:,} lines are read")
        for name, values in told.items():
            values.append(_cell(line, name, cells[columns.index(name)]))
        if ID in told and first.setdefault(told[ID][-1], line) != line:
            raise RefusedError(f"line {line}: the id {in_words(told[ID][-1])} is in line {first[told[ID][-1]]} too")
    ids, sources = told.get(ID), told.get(SOURCE)
    return Works(None if ids is None else tuple(ids), tuple(told[WORK]), None if sources is None else tuple(sources))


def _cell(line: int, column: str, cell: str) -> str:
    if column == WORK and not cell:
        raise RefusedError(f"line {line} has no work; give a performance without a version a work of its own")
    if column == SOURCE and not cell:
        return "(none)"
    if not is_id(cell):
        raise RefusedError(f"line {line}, column {column}: {cell[:80]!r} is no id: {ID_RULE}")
    return cell


def _places(ids: Sequence[str], what: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for row, id_ in enumerate(ids):
        if places.setdefault(id_, row) != row:
            raise ArtefactError(
                f"{what} has the id {in_words(id_)} in row {places[id_]} and row {row}: expected one row a performance"
            )
    return places
