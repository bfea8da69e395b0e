"""Questions to the metadata: who is this performance, what else is of its work, what did a typo mean."""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Row, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from covsearch.config import check_count
from covsearch.dataset.ids import MAX_ID, in_words, is_pid, natural_key
from covsearch.dataset.names import COLON, Naming, full_name, is_name, naming_of
from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.dataset.words import Question, Term, question_of
from covsearch.db.found import Found
from covsearch.db.models import TEXT, FeatureFileRow, MusicBrainzRow, PerformanceRow, SourceRow, WorkRow
from covsearch.db.session import ReadOnlyDatabase
from covsearch.errors import UsageError

_LIKE_PID = re.compile(r"\W*[pw]?[\W_]*([0-9]{1,18})[0-9]*(?:_\w+)?(?:\.\w+)?\s*", re.IGNORECASE)
_CHUNK = 500  # ids in one statement; SQLite allows 32,766

# columns instead of mapped objects, in the order of Performance's fields: twice as quick, and a query is mostly this
_COLUMNS = select(
    PerformanceRow.id,
    PerformanceRow.collection,
    PerformanceRow.pid,
    PerformanceRow.wid,
    PerformanceRow.title,
    PerformanceRow.artist,
    func.coalesce(WorkRow.title, ""),
    func.coalesce(WorkRow.artist, ""),
    PerformanceRow.year,
    PerformanceRow.instrumental,
    PerformanceRow.artist_mbid,
    PerformanceRow.album,
).outerjoin(PerformanceRow.work)
_MATCHES = select(MusicBrainzRow.performance_id, MusicBrainzRow.mbid, MusicBrainzRow.length_ms).order_by(
    MusicBrainzRow.performance_id, MusicBrainzRow.position
)

_ORIGINS = (
    select(
        PerformanceRow.collection,
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
_WORK = (PerformanceRow.collection, PerformanceRow.wid)


class Sessions(Protocol):
    """A database that is only read."""

    def session(self) -> AbstractContextManager[Session]:
        """A session in which all that is asked for is of one state."""


class SqlCatalogue(ABC):
    """A generation's metadata in a database with the tables of :mod:`covsearch.db.models`."""

    def __init__(self, database: Sessions) -> None:
        self._database = database

    def __len__(self) -> int:
        with self._database.session() as session:
            return session.scalars(select(func.count()).select_from(PerformanceRow)).one()

    @abstractmethod
    def _hits(self, session: Session, asked: Question, limit: int) -> Sequence[Row[Any]]:
        """Rows of :func:`columns_and_versions` that have all words of a question, the best first."""

    @cached_property
    def _naming(self) -> tuple[Naming, Naming]:
        """How performances and works are called; known at once for one collection without colons."""
        with self._database.session() as session:
            first = session.scalar(select(PerformanceRow.collection).limit(1))
            unlike = or_(PerformanceRow.collection != first, PerformanceRow.pid.contains(COLON))
            colon = WorkRow.wid.contains(COLON)
            questions = (select(PerformanceRow.pid).where(unlike), select(WorkRow.wid).where(colon))
            if all(session.scalar(question.limit(1)) is None for question in questions):
                return Naming(), Naming()
            performances = session.execute(select(PerformanceRow.collection, PerformanceRow.pid)).all()
            works = session.execute(select(WorkRow.collection, WorkRow.wid)).all()
        return naming_of((c, pid) for c, pid in performances), naming_of((c, wid) for c, wid in works)

    def rows(self) -> tuple[tuple[int, str], ...]:
        """Row of its vector and name of every performance, by row."""
        return tuple((id_, self._naming[0].name(collection, pid)) for id_, collection, pid in self._ids())

    def names(self) -> tuple[str, ...]:
        """What all performances are called, by row."""
        return tuple(name for _, name in self.rows())

    def _ids(self) -> list[tuple[int, str, str]]:
        query = select(PerformanceRow.id, PerformanceRow.collection, PerformanceRow.pid).order_by(PerformanceRow.id)
        with self._database.session() as session:
            return [(id_, collection, pid) for id_, collection, pid in session.execute(query)]

    def resolve(self, text: str) -> str | None:
        """The name of the performance that `text` means, an id or ``collection:id``; None where there is none.

        Raises
        ------
        UsageError
            When several collections have the id.
        """
        if not is_name(text):
            return None
        query = select(PerformanceRow.collection, PerformanceRow.pid).where(PerformanceRow.pid.in_(_ids_in([text])))
        with self._database.session() as session:
            found = [(collection, pid) for collection, pid in session.execute(query)]
        meant = [pair for pair in found if full_name(*pair) == text] or [pair for pair in found if pair[1] == text]
        if len(meant) > 1:
            full = " or ".join(in_words(full_name(*pair)) for pair in sorted(meant))
            raise UsageError(f"{len(meant)} collections have a performance {in_words(text)}: say {full}")
        return self._naming[0].name(*meant[0]) if meant else None

    def collections(self) -> dict[str, tuple[int, int]]:
        """Performances and works of every collection, by its name."""
        name, works = PerformanceRow.collection, func.count(PerformanceRow.wid.distinct())
        query = select(name, func.count(), works).group_by(name).order_by(name)
        with self._database.session() as session:
            return {name: (n, works) for name, n, works in session.execute(query)}

    def clique_sizes(self) -> dict[int, int]:
        """How many works have one performance, two, and so on; performances of unknown works count for none."""
        versions = select(func.count().label("n")).where(_KNOWN).group_by(*_WORK).subquery()
        query = select(versions.c.n, func.count()).group_by(versions.c.n).order_by(versions.c.n)
        with self._database.session() as session:
            return dict(map(tuple, session.execute(query)))

    def get(self, names: Sequence[str]) -> dict[str, Performance]:
        """The performances called `names`, by name, which is their `pid` here; unknown ones are left out."""
        return {name: self._called(p) for name, p in self.stored(names).items()}

    def _called(self, p: Performance) -> Performance:
        """A performance with what it and its work are called for its ids."""
        performances, works = self._naming
        wid = None if p.wid is None else works.name(p.collection, p.wid)
        return replace(p, pid=performances.name(p.collection, p.pid), wid=wid)

    def stored(self, names: Sequence[str]) -> dict[str, Performance]:
        """The performances called `names`, by name, with the ids that they have in their own collections."""
        found: dict[str, Performance] = {}
        naming, wanted = self._naming[0], set(names)
        with self._database.session() as session:
            for ids in _chunks(names):
                rows = session.execute(_COLUMNS.where(PerformanceRow.pid.in_(ids))).all()
                named = ((naming.name(p.collection, p.pid), p) for p in _performances(session, rows))
                found.update((name, p) for name, p in named if name in wanted)
        return found

    def origins(self, names: Sequence[str]) -> dict[str, Origin]:
        """What the performances called `names` were indexed from, by name; where it is not known they are left out."""
        found: dict[str, Origin] = {}
        naming, wanted = self._naming[0], set(names)
        with self._database.session() as session:
            for ids in _chunks(names):
                rows = session.execute(_ORIGINS.where(PerformanceRow.pid.in_(ids)))
                for collection, pid, folder, subset, frame_rate, feature, path, sha256 in rows:
                    name = naming.name(collection, pid)
                    if name in wanted:
                        others = found[name].files if name in found else {}
                        files = {**others, feature: OriginFile(path, sha256)}
                        found[name] = Origin(folder, subset, frame_rate, files)
        return found

    def clique(self, wid: str) -> tuple[str, ...]:
        """Names of the performances of the work called `wid`, in natural order; empty for an unknown work."""
        query = select(PerformanceRow.pid, *_WORK).where(PerformanceRow.wid.in_(_ids_in([wid])))
        performances, works = self._naming
        with self._database.session() as session:
            found = [(pid, c, own or "") for pid, c, own in session.execute(query)]
        own_work = (row for row in found if wid in (works.name(*row[1:]), full_name(*row[1:])))
        return tuple(sorted((performances.name(c, pid) for pid, c, _ in own_work), key=natural_key))

    def nearest(self, text: str, n: int = 3) -> tuple[str, ...]:
        """Up to `n` PIDs that `text` may have meant, the likeliest first.

        Of Da-TACOS that is ``P_22`` itself for ``p22`` and ``22``, a work's performances for its WID, and else PIDs
        with nearly the same digits, of those the nearest numbers. Other ids are likely when they read nearly alike.
        """
        digits = _LIKE_PID.fullmatch(text)
        if digits and text.strip().upper().startswith("W") and (clique := self.clique(f"W_{digits[1]}")):
            return clique[:n]
        called: dict[str, list[str]] = {}
        for _, collection, pid in self._ids():
            called.setdefault(pid, []).append(self._naming[0].name(collection, pid))
        others = {pid.casefold(): pid for pid in reversed(called) if not is_pid(pid)}
        near = [others[typo] for typo in difflib.get_close_matches(text.casefold()[:MAX_ID], others, n, cutoff=0.6)]
        near += _alike(f"P_{digits[1]}", list(filter(is_pid, called)), n) if digits else ()
        return tuple(name for pid in near for name in called[pid])[:n]

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances whose title, artist, album or work has all words of `text`, the best first.

        Case, marks and punctuation do not matter (:mod:`covsearch.dataset.words`), and the last word may be cut short.
        A text without a letter is looked for as it is. Nothing in `text` is an operator. A performance whose id is
        `text`, in any case, comes before all others.

        Raises
        ------
        UsageError
            When `limit` is not 1 to 1,000,000, or `text` has more words than any title.
        """
        check_count(limit, "hit")
        try:
            asked = question_of(text)
        except ValueError as e:
            raise UsageError(str(e)) from e
        with self._database.session() as session:
            own = _with_id(session, text.strip())
            known = {row.id for row in own}
            hits = self._hits(session, asked, limit) if asked else []
            rows = [*own, *(row for row in hits if row.id not in known)][:limit]
            found = _performances(session, rows)
        return [Found(self._called(p), row[-1]) for p, row in zip(found, rows, strict=True)]


class SqliteCatalogue(SqlCatalogue):
    """A generation's metadata in SQLite, and its text index in FTS5.

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
        self._file = ReadOnlyDatabase(path)
        super().__init__(self._file)

    def check(self) -> None:
        """Look for damage in the database; see :meth:`covsearch.db.session.ReadOnlyDatabase.check`."""
        self._file.check()

    def _hits(self, session: Session, asked: Question, limit: int) -> Sequence[Row[Any]]:
        query = columns_and_versions().join(TEXT, TEXT.c.rowid == PerformanceRow.id)
        query = query.where(TEXT.c.performance_text.op("MATCH")(_match(asked)))
        return session.execute(query.order_by(TEXT.c.rank, PerformanceRow.id).limit(limit)).all()


def columns_and_versions() -> Select[Any]:
    """The columns of a :class:`Performance`, and how many performances its work has."""
    other = aliased(PerformanceRow)
    of_work = select(func.count()).where(other.wid == PerformanceRow.wid, other.collection == PerformanceRow.collection)
    return _COLUMNS.add_columns(case((_KNOWN, of_work.scalar_subquery()), else_=1))


def _with_id(session: Session, text: str) -> list[Row[Any]]:
    """Rows of :func:`columns_and_versions` whose id or full name is `text`, in any case of ASCII letters."""
    if not is_name(text):
        return []
    ids, pid = _ids_in([text]), PerformanceRow.pid
    alike = or_(pid.in_(ids), func.lower(pid).in_([id_.lower() for id_ in ids]))
    rows = session.execute(columns_and_versions().where(alike).order_by(PerformanceRow.id))
    wanted = text.lower()
    return [row for row in rows if wanted in (row.pid.lower(), full_name(row.collection, row.pid).lower())]


def _chunks(names: Sequence[str]) -> Iterator[list[str]]:
    """The ids that `names` may be of, so many as fit into a statement."""
    for start in range(0, len(names), _CHUNK):
        yield _ids_in(names[start : start + _CHUNK])


def _ids_in(names: Sequence[str]) -> list[str]:
    """The names themselves, which may be ids, and of full names the ids."""
    return [*names, *(name.partition(COLON)[2] for name in names if COLON in name)]


def _performances(session: Session, rows: Sequence[Sequence[Any]]) -> list[Performance]:
    """Rows of `_COLUMNS`, with their MusicBrainz matches."""
    matches: dict[int, list[MusicBrainzMatch]] = {}
    for start in range(0, len(rows), _CHUNK):
        ids = [row[0] for row in rows[start : start + _CHUNK]]
        for id_, mbid, length_ms in session.execute(_MATCHES.where(MusicBrainzRow.performance_id.in_(ids))):
            matches.setdefault(id_, []).append(MusicBrainzMatch(mbid, length_ms))
    return [
        Performance(
            *(pid, wid, title, artist, work_title, work_artist, year, instrumental, mbid),
            matches=tuple(matches.get(id_, ())),
            album=album,
            collection=own,
        )
        for id_, own, pid, wid, title, artist, work_title, work_artist, year, instrumental, mbid, album, *_ in rows
    ]


def _alike(pid: str, pids: Sequence[str], n: int) -> tuple[str, ...]:
    """`pid` alone where it exists, else the `n` that are the fewest slips away, of those the nearest numbers."""
    if pid in pids:
        return (pid,)
    digits, number = pid[2:], int(pid[2:])
    return tuple(sorted(pids, key=lambda other: (_slips(digits, other[2:]), abs(int(other[2:]) - number)))[:n])


def _slips(a: str, b: str) -> int:
    """How many characters must be changed, left out, put in or swapped with the next to make `b` of `a`.

    The optimal string alignment distance (Damerau 1964).
    """
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above, before, row = before, row, [i]
        for j, right in enumerate(b, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                least = min(least, above[j - 2] + 1)
            row.append(least)
    return row[-1]


def _match(question: Question) -> str:
    """A question in the words of FTS5; each word is quoted, so that it has no meaning but itself."""
    return " AND ".join(f"({' OR '.join(map(_all, ways))})" for ways in question)


def _all(terms: tuple[Term, ...]) -> str:
    return f"({' AND '.join(map(_term, terms))})"


def _term(term: Term) -> str:
    return f'"{" ".join(term.words)}"{"*" if term.cut else ""}'
