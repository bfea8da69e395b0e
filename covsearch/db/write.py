"""Write a database once; afterwards it is only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from covsearch.dataset.names import names_of
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.dataset.words import words_of
from covsearch.db.models import (
    CREATE_TEXT_INDEX,
    SCHEMA,
    TEXT,
    Base,
    FeatureFileRow,
    MusicBrainzRow,
    PerformanceRow,
    SourceRow,
    WorkRow,
)
from covsearch.errors import ArtefactError, CovsearchError

_Source = tuple[str | None, str, float]  # folder, subset, frame rate


def write_catalogue(
    path: Path, performances: Sequence[Performance], origins: Mapping[str, Origin] | None = None
) -> None:
    """Write `performances` as a new SQLite database.

    A work has the title and the artist of its first performance that has one; Da-TACOS repeats them in every
    performance.

    Parameters
    ----------
    path : Path
        A file that is not there yet. It is not flushed to the disk here.
    performances : sequence of Performance
        In the order of the vectors' rows.
    origins : mapping, optional
        What a performance is called (:func:`covsearch.dataset.names.names_of`) -> what it was indexed from, where that
        is known.

    Raises
    ------
    ArtefactError
        When a value cannot be stored: a lone surrogate in a text, a number beyond 64 bits.
    CovsearchError
        When SQLite cannot write.
    OSError
        When the file is there, or cannot be made.
    """
    path.touch(exist_ok=False)  # SQLite does not say why it cannot open a file
    # a creator, because a URL would give ? and % in a path a meaning
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            # a half-written database is thrown away whole, so a journal to undo it would only cost time
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            Base.metadata.create_all(connection)
            connection.exec_driver_sql(CREATE_TEXT_INDEX)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")
            _fill(connection, performances, origins or {})
    except (UnicodeEncodeError, OverflowError) as e:
        raise ArtefactError(f"metadata cannot be stored: {e}; correct it in the dataset's JSON") from e
    except DBAPIError as e:
        raise CovsearchError(f"{path}: SQLite cannot write: {e.orig}") from e


def _fill(connection: Connection, performances: Sequence[Performance], origins: Mapping[str, Origin]) -> None:
    names, works = names_of(performances), named_works(performances)
    sources = _sources(names, origins)
    titled = ({"collection": c, "wid": w, "title": t, "artist": a} for (c, w), (t, a) in works.items())
    _insert(connection, WorkRow, titled)
    rows = ({"id": id_, "folder": f, "subset": s, "frame_rate": r} for (f, s, r), id_ in sources.items())
    _insert(connection, SourceRow, rows)
    numbers = {name: sources[source_of(origin)] for name, origin in origins.items() if source_of(origin) in sources}
    _insert(
        connection, PerformanceRow, (performance_row(i, p, numbers.get(names[i])) for i, p in enumerate(performances))
    )
    _insert(connection, MusicBrainzRow, match_rows(performances))
    _insert(connection, FeatureFileRow, file_rows(names, origins))
    texts = [text_row(row, p, works.get((p.collection, p.wid or ""), ("", ""))) for row, p in enumerate(performances)]
    if texts:
        connection.execute(insert(TEXT), texts)


def _insert(connection: Connection, table: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    """Insert in bulk, past the unit of work: 15,000 objects would take longer than their embedding's index."""
    if values := list(rows):
        connection.execute(insert(table), values)


def named_works(performances: Iterable[Performance]) -> dict[tuple[str, str], tuple[str, str]]:
    """Title and artist of each collection's WID: the first that is not empty."""
    works: dict[tuple[str, str], tuple[str, str]] = {}
    for p in performances:
        if p.wid is None:
            continue
        title, artist = works.get((p.collection, p.wid), ("", ""))
        works[p.collection, p.wid] = (title or p.work_title, artist or p.work_artist)
    return works


def _sources(names: Iterable[str], origins: Mapping[str, Origin]) -> dict[_Source, int]:
    """Every different source, numbered in the order of appearance."""
    sources: dict[_Source, int] = {}
    for name in names:
        if name in origins:
            sources.setdefault(source_of(origins[name]), len(sources))
    return sources


def source_of(origin: Origin) -> _Source:
    """Folder, subset and frame rate."""
    return origin.folder, origin.subset, origin.frame_rate


def file_rows(names: Iterable[str], origins: Mapping[str, Origin]) -> Iterable[dict[str, Any]]:
    """Columns of the files that performances were indexed from."""
    for row, name in enumerate(names):
        for feature, file in origins[name].files.items() if name in origins else ():
            yield {"performance_id": row, "feature": feature, "path": file.path, "sha256": file.sha256}


def performance_row(row: int, p: Performance, source: int | None) -> dict[str, Any]:
    """Columns of a performance."""
    return {
        "id": row,
        "collection": p.collection,
        "pid": p.pid,
        "wid": p.wid,
        "title": p.title,
        "artist": p.artist,
        "album": p.album,
        "year": p.year,
        "instrumental": p.instrumental,
        "artist_mbid": p.artist_mbid,
        "source_id": source,
    }


def match_rows(performances: Iterable[Performance]) -> Iterable[dict[str, Any]]:
    """Columns of the MusicBrainz matches of performances."""
    for row, p in enumerate(performances):
        for position, match in enumerate(p.matches):
            ids = {"performance_id": row, "position": position}
            yield {**ids, "mbid": match.mbid, "length_ms": match.length_ms}


def text_row(row: int, p: Performance, work: tuple[str, str]) -> dict[str, Any]:
    """What a performance is found by: its texts and its work's in normal form."""
    of_work = {"work_title": work[0], "work_artist": work[1]}
    texts = {"title": p.title, "artist": p.artist, **of_work, "album": p.album}
    return {"rowid": row, **{column: " ".join(words_of(text)) for column, text in texts.items()}}
