"""Questions to the metadata: who is this performance, what else is of its work, what did a typo mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased, joinedload, selectinload

from covsearch.dataset.ids import natural_key
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.db.models import TEXT, PerformanceRow
from covsearch.db.session import ReadOnlyDatabase
from covsearch.errors import UsageError

_CHUNK = 500  # ids in one statement; SQLite allows 32,766
_MAX_WORDS = 64  # the longest title in Da-TACOS has 19; FTS5 takes minutes for 100,000


@dataclass(frozen=True)
class Found:
    """A hit of a text search.

    Attributes
    ----------
    performance : Performance
    versions : int
        Performances of its work in the collection, itself included.
    """

    performance: Performance
    versions: int


class Catalogue:
    """A generation's metadata.

    Parameters
    ----------
    path : Path
        The database.

    Raises
    ------
    ArtefactError
        When it is no database of this schema; so do all methods when it turns out to be corrupt.
    """

    def __init__(self, path: Path) -> None:
        self._database = ReadOnlyDatabase(path)

    def __len__(self) -> int:
        with self._database.session() as session:
            return session.scalars(select(func.count()).select_from(PerformanceRow)).one()

    def get(self, pids: Sequence[str]) -> dict[str, Performance]:
        """The performances named `pids`, by PID; unknown ones are left out."""
        found = {}
        with self._database.session() as session:
            for start in range(0, len(pids), _CHUNK):
                chunk = PerformanceRow.pid.in_(pids[start : start + _CHUNK])
                for row in session.scalars(_whole(select(PerformanceRow).where(chunk))):
                    found[row.pid] = _performance(row)
        return found

    def clique(self, wid: str) -> tuple[str, ...]:
        """PIDs of the work `wid`, in natural order; empty for an unknown work."""
        with self._database.session() as session:
            query = select(PerformanceRow.pid).where(PerformanceRow.wid == wid).order_by(PerformanceRow.id)
            return tuple(session.scalars(query))

    def nearest(self, text: str, n: int = 3) -> tuple[str, ...]:
        """Up to `n` PIDs that `text` may have meant, the likeliest first.

        That is ``P_22`` itself for ``p22`` and ``22``, a work's performances for its WID, and else PIDs with
        nearly the same digits, then with the nearest numbers; nothing for a text without digits.
        """
        digits = re.search(r"[0-9]{1,18}", text)
        if not digits:
            return ()
        if text.strip().upper().startswith("W") and (clique := self.clique(f"W_{digits[0]}")):
            return clique[:n]
        with self._database.session() as session:
            pids = list(session.scalars(select(PerformanceRow.pid).order_by(PerformanceRow.id)))
        return _alike(f"P_{digits[0]}", pids, n)

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances whose title or artist, or whose work's, have all words of `text`, the best first.

        Case and diacritics do not matter, and the last word may be cut short. Nothing in `text` is an operator.

        Raises
        ------
        UsageError
            When `limit` is less than 1, or `text` has more words than any title.
        """
        if limit < 1:
            raise UsageError(f"at least 1 hit must be asked for, not {limit}")
        words = _match_all(text)
        if not words:
            return []
        other = aliased(PerformanceRow)
        versions = select(func.count()).where(other.wid == PerformanceRow.wid).scalar_subquery()
        query = select(PerformanceRow, versions).join(TEXT, TEXT.c.rowid == PerformanceRow.id)
        query = query.where(TEXT.c.performance_text.op("MATCH")(words))
        query = query.order_by(TEXT.c.rank, PerformanceRow.id).limit(limit)
        with self._database.session() as session:
            return [Found(_performance(row), count) for row, count in session.execute(_whole(query))]


def _whole(query: Select[Any]) -> Select[Any]:
    """`query` with each performance's work and matches."""
    return query.options(joinedload(PerformanceRow.work), selectinload(PerformanceRow.matches))


def _performance(row: PerformanceRow) -> Performance:
    return Performance(
        pid=row.pid,
        wid=row.wid,
        title=row.title,
        artist=row.artist,
        work_title=row.work.title,
        work_artist=row.work.artist,
        year=row.year,
        instrumental=row.instrumental,
        artist_mbid=row.artist_mbid,
        matches=tuple(MusicBrainzMatch(match.mbid, match.length_ms) for match in row.matches),
    )


def _alike(pid: str, pids: Sequence[str], n: int) -> tuple[str, ...]:
    """`pid` alone where it exists, else the `n` most alike: by their digits, then by their number."""
    if pid in pids:
        return (pid,)
    typos = difflib.get_close_matches(pid, pids, n, cutoff=0.8)
    number = natural_key(pid)
    by_number = sorted(pids, key=lambda other: abs(natural_key(other) - number))
    return tuple(dict.fromkeys([*typos, *by_number]))[:n]


def _match_all(text: str) -> str:
    """An FTS5 expression for all words of `text`, each quoted so that it has no meaning but itself."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    words = ['"' + word.replace('"', '""') + '"' for word in printable.split() if any(map(str.isalnum, word))]
    if len(words) > _MAX_WORDS:
        raise UsageError(f"expected at most {_MAX_WORDS} words of a title or artist, got {len(words)}")
    return " ".join(words) + "*" if words else ""
