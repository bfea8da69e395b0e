"""Questions to the metadata: who is this performance, what else is of its work, what did a typo mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, aliased

from covsearch.dataset.ids import MAX_ID, is_pid
from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.db.models import TEXT, FeatureFileRow, MusicBrainzRow, PerformanceRow, SourceRow, WorkRow
from covsearch.db.session import ReadOnlyDatabase
from covsearch.errors import UsageError

_CHUNK = 500  # ids in one statement; SQLite allows 32,766
_MAX_WORDS = 64  # the longest title in Da-TACOS has 19; FTS5 takes minutes for 100,000

# columns instead of mapped objects, in the order of Performance's fields: twice as quick, and a query is mostly this
_COLUMNS = select(
    PerformanceRow.id,
    PerformanceRow.pid,
    PerformanceRow.wid,
    PerformanceRow.title,
    PerformanceRow.artist,
    func.coalesce(WorkRow.title, ""),
    func.coalesce(WorkRow.artist, ""),
    PerformanceRow.year,
    PerformanceRow.instrumental,
    PerformanceRow.artist_mbid,
).outerjoin(PerformanceRow.work)
_MATCHES = select(MusicBrainzRow.performance_id, MusicBrainzRow.mbid, MusicBrainzRow.length_ms).order_by(
    MusicBrainzRow.performance_id, MusicBrainzRow.position
)

_ORIGINS = (
    select(
        PerformanceRow.pid,
        SourceRow.folder,
        SourceRow.subset,
        SourceRow.frame_rate,
        FeatureFileRow.feature,
        FeatureFileRow.path,
        FeatureFileRow.sha256,
    )
    .join(SourceRow, PerformanceRow.source_id == SourceRow.id)
    .join(FeatureFileRow, FeatureFileRow.performance_id == PerformanceRow.id)
)
_KNOWN = PerformanceRow.wid.is_not(None)


@dataclass(frozen=True)
class Found:
    """A hit of a text search.

    Attributes
    ----------
    performance : Performance
    versions : int
        Performances of its work in the collection, itself included; 1 where the work is not known.
    """

    performance: Performance
    versions: int

    def to_dict(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        return {**self.performance.to_dict(), "versions": self.versions}


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

    def check(self) -> None:
        """Look for damage in the database; see :meth:`covsearch.db.session.ReadOnlyDatabase.check`."""
        self._database.check()

    def rows(self) -> tuple[tuple[int, str], ...]:
        """Row of its vector and PID of every performance, by row."""
        with self._database.session() as session:
            found = session.execute(select(PerformanceRow.id, PerformanceRow.pid).order_by(PerformanceRow.id))
            return tuple((id_, pid) for id_, pid in found)

    def clique_sizes(self) -> dict[int, int]:
        """How many works have one performance, two, and so on; performances of unknown works count for none."""
        versions = select(func.count().label("n")).where(_KNOWN).group_by(PerformanceRow.wid).subquery()
        query = select(versions.c.n, func.count()).group_by(versions.c.n).order_by(versions.c.n)
        with self._database.session() as session:
            return dict(map(tuple, session.execute(query)))

    def get(self, pids: Sequence[str]) -> dict[str, Performance]:
        """The performances named `pids`, by PID; unknown ones are left out."""
        found: dict[str, Performance] = {}
        with self._database.session() as session:
            for start in range(0, len(pids), _CHUNK):
                rows = session.execute(_COLUMNS.where(PerformanceRow.pid.in_(pids[start : start + _CHUNK]))).all()
                found.update((p.pid, p) for p in _performances(session, rows))
        return found

    def origins(self, pids: Sequence[str]) -> dict[str, Origin]:
        """What the performances named `pids` were indexed from, by PID; those of which it is not known are left out."""
        found: dict[str, Origin] = {}
        with self._database.session() as session:
            for start in range(0, len(pids), _CHUNK):
                rows = session.execute(_ORIGINS.where(PerformanceRow.pid.in_(pids[start : start + _CHUNK])))
                for pid, folder, subset, frame_rate, feature, path, sha256 in rows:
                    others = found[pid].files if pid in found else {}
                    file = OriginFile(path, sha256)
                    found[pid] = Origin(folder, subset, frame_rate, {**others, feature: file})
        return found

    def clique(self, wid: str) -> tuple[str, ...]:
        """PIDs of the work `wid`, in natural order; empty for an unknown work."""
        with self._database.session() as session:
            query = select(PerformanceRow.pid).where(PerformanceRow.wid == wid).order_by(PerformanceRow.id)
            return tuple(session.scalars(query))

    def nearest(self, text: str, n: int = 3) -> tuple[str, ...]:
        """Up to `n` PIDs that `text` may have meant, the likeliest first.

        Of Da-TACOS that is ``P_22`` itself for ``p22`` and ``22``, a work's performances for its WID, and else PIDs
        with nearly the same digits, then with the nearest numbers. Other ids are likely when they read nearly alike.
        """
        digits = re.search(r"[0-9]{1,18}", text)
        if digits and text.strip().upper().startswith("W") and (clique := self.clique(f"W_{digits[0]}")):
            return clique[:n]
        pids = [pid for _, pid in self.rows()]
        others = {pid.casefold(): pid for pid in reversed(pids) if not is_pid(pid)}
        near = [others[typo] for typo in difflib.get_close_matches(text.casefold()[:MAX_ID], others, n, cutoff=0.6)]
        return (*near, *(_alike(f"P_{digits[0]}", list(filter(is_pid, pids)), n) if digits else ()))[:n]

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
        of_work = select(func.count()).where(other.wid == PerformanceRow.wid).scalar_subquery()
        versions = case((_KNOWN, of_work), else_=1)
        query = _COLUMNS.add_columns(versions).join(TEXT, TEXT.c.rowid == PerformanceRow.id)
        query = query.where(TEXT.c.performance_text.op("MATCH")(words))
        query = query.order_by(TEXT.c.rank, PerformanceRow.id).limit(limit)
        with self._database.session() as session:
            rows = session.execute(query).all()
            return [Found(p, row[-1]) for p, row in zip(_performances(session, rows), rows, strict=True)]


def _performances(session: Session, rows: Sequence[Sequence[Any]]) -> list[Performance]:
    """Rows of `_COLUMNS`, with their MusicBrainz matches."""
    matches: dict[int, list[MusicBrainzMatch]] = {}
    for start in range(0, len(rows), _CHUNK):
        ids = [row[0] for row in rows[start : start + _CHUNK]]
        for id_, mbid, length_ms in session.execute(_MATCHES.where(MusicBrainzRow.performance_id.in_(ids))):
            matches.setdefault(id_, []).append(MusicBrainzMatch(mbid, length_ms))
    return [
        Performance(
            pid, wid, title, artist, work_title, work_artist, year, instrumental, mbid, tuple(matches.get(id_, ()))
        )
        for id_, pid, wid, title, artist, work_title, work_artist, year, instrumental, mbid, *_ in rows
    ]


def _alike(pid: str, pids: Sequence[str], n: int) -> tuple[str, ...]:
    """`pid` alone where it exists, else the `n` most alike: by their digits, then by their number."""
    if pid in pids:
        return (pid,)
    typos = difflib.get_close_matches(pid, pids, n, cutoff=0.8)
    number = int(pid[2:])
    by_number = sorted(pids, key=lambda other: abs(int(other[2:]) - number))
    return tuple(dict.fromkeys([*typos, *by_number]))[:n]


def _match_all(text: str) -> str:
    """An FTS5 expression for all words of `text`, each quoted so that it has no meaning but itself."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    words = ['"' + word.replace('"', '""') + '"' for word in printable.split() if any(map(str.isalnum, word))]
    if len(words) > _MAX_WORDS:
        raise UsageError(f"expected at most {_MAX_WORDS} words of a title or artist, got {len(words)}")
    return " ".join(words) + "*" if words else ""
