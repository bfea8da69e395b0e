"""The rows of a generation, written inside of the transaction that publishes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, text
from sqlalchemy.dialects import postgresql

from covsearch.errors import ArtefactError
from covsearch.index.manifest import Manifest
from covsearch.store.postgres.link import TidiedAwayError, raw
from covsearch.store.postgres.rows import Row
from covsearch.store.postgres.tables import (
    ALIVE,
    CONTENTS,
    FILES,
    GENERATION_FILES,
    GENERATIONS,
    MATCHES,
    PERFORMANCES,
    PINNED,
    SOURCES,
    WORKS,
)

ROWS = "performances"
"""What the manifest calls all rows of performances together."""


def see_generation(connection: Connection, generation: int) -> None:
    """Let the views show a generation until the transaction ends."""
    values = {"name": PINNED, "value": str(generation)}
    connection.execute(text("SELECT set_config(:name, :value, true)"), values)


def write_rows(connection: Connection, rows: Sequence[Row], generation: int) -> list[int]:
    """Write the performances that differ from those that are shown, and end the others; numbers of new recordings."""
    query = "SELECT p.collection, p.pid, t.id, t.whole FROM performances p JOIN performance_text t USING (id)"
    shown = {
        (c, pid): (id_, bytes(whole)) for c, pid, id_, whole in raw(connection).execute(query.encode(), binary=True)
    }
    new = [row for row in rows if shown.get(row.key, (0, b""))[1] != row.whole]
    same = {row.key for row in rows} - {row.key for row in new}
    _end(connection, PERFORMANCES, [id_ for key, (id_, _) in shown.items() if key not in same], generation)
    if not new:
        return []
    known = "SELECT digest, id FROM recordings WHERE digest = ANY(%b)"
    wanted = [row.recording for row in new]
    numbers = {bytes(d): n for d, n in raw(connection).execute(known.encode(), [wanted], binary=True)}
    if lost := [row for row in new if row.recording not in numbers]:
        raise TidiedAwayError(
            f"the recording of {lost[0].key[1]} was removed while it was added: run the command again"
        )
    sources = _sources(connection, new)
    ids = connection.scalars(
        text("SELECT nextval(pg_get_serial_sequence('performance_versions', 'id')) FROM generate_series(1, :n)"),
        {"n": len(new)},
    ).all()
    lives = {"born": generation, "died": ALIVE}
    values = [
        {
            "id": id_,
            **lives,
            **row.columns,
            "source_id": row.source and sources[row.source],
            "recording": numbers[row.recording],
            **{name: getattr(row, name) for name in ("own", "whole", "words", "keys", "tokens")},
        }
        for id_, row in zip(ids, new, strict=True)
    ]
    _copy(connection, PERFORMANCES, values)
    pairs = list(zip(ids, new, strict=True))
    _copy(connection, MATCHES, [{"performance_id": id_, **m} for id_, row in pairs for m in row.matches])
    _copy(connection, FILES, [{"performance_id": id_, **f} for id_, row in pairs for f in row.files])
    used = list({numbers[row.recording] for row in new})
    published = "UPDATE recordings SET stage = NULL WHERE id = ANY(:some) AND stage IS NOT NULL RETURNING id"
    return list(connection.scalars(text(published), {"some": used}))


def write_works(connection: Connection, works: Mapping[tuple[str, str], tuple[str, str]], generation: int) -> None:
    """Write the works that differ from those that are shown, and end the others."""
    query = text(f"SELECT id, collection, wid, title, artist FROM {WORKS.name} WHERE died = {ALIVE}")
    shown = {(row.collection, row.wid): row for row in connection.execute(query)}
    same = {key for key, row in shown.items() if works.get(key) == (row.title, row.artist)}
    _end(connection, WORKS, [row.id for key, row in shown.items() if key not in same], generation)
    new = [(key, titled) for key, titled in works.items() if key not in same]
    lives = {"born": generation, "died": ALIVE}
    _copy(connection, WORKS, [{**lives, "collection": c, "wid": w, "title": t, "artist": a} for (c, w), (t, a) in new])


def _end(connection: Connection, table: Table, ids: Sequence[int], generation: int) -> None:
    if ids:
        query = text(f"UPDATE {table.name} SET died = :generation WHERE id = ANY(:ids)")
        connection.execute(query, {"generation": generation, "ids": list(ids)})


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that all have the same columns, in bulk."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in rows[0])
    with raw(connection).cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def _sources(connection: Connection, rows: Iterable[Row]) -> dict[tuple[str | None, str, float], int]:
    """Numbers of the sources of `rows`; new ones are written."""
    query = text("SELECT id, folder, subset, frame_rate FROM sources")
    known = {(row.folder, row.subset, row.frame_rate): int(row.id) for row in connection.execute(query)}
    new = [source for source in dict.fromkeys(row.source for row in rows) if source and source not in known]
    following = range(max(known.values(), default=-1) + 1, len(known) + len(new) + 1)
    for source, number in zip(new, following, strict=False):
        folder, subset, rate = source
        values = {"id": number, "folder": folder, "subset": subset, "frame_rate": rate}
        connection.execute(insert(SOURCES), values)
        known[source] = number
    return known


def describe(connection: Connection, generation: int, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write the manifest, and the small files of the generation; equal files are kept once."""
    said = manifest.to_json()
    values = {"id": generation, "manifest": said, "sha256": hashlib.sha256(said.encode()).hexdigest()}
    connection.execute(insert(GENERATIONS), values)
    for name, content in files.items():
        digest = hashlib.sha256(content).digest()
        values = {"digest": digest, "content": content}
        connection.execute(postgresql.insert(CONTENTS).on_conflict_do_nothing(), values)
        connection.execute(insert(GENERATION_FILES), {"generation": generation, "name": name, "digest": digest})


def check_written(connection: Connection, generation: int, manifest: Manifest, place: str) -> None:
    """Refuse to publish what the views will not show as it was meant: another number, or another digest of all rows.

    Raises
    ------
    ArtefactError
    """
    see_generation(connection, generation)
    came = shown_digest(connection)
    expected = manifest.files[ROWS]
    if came != (expected.size, expected.sha256):
        raise ArtefactError(
            f"{place}: expected {expected.size} rows as sent, the server has others: nothing was published"
        )


def shown_digest(connection: Connection) -> tuple[int, str]:
    """How many performances the views show, and the digest of all their rows."""
    query = "SELECT count(*), encode(sha256(coalesce(string_agg(whole, ''::bytea ORDER BY whole), '')), 'hex')"
    row = connection.execute(text(f"{query} FROM performance_text")).one()
    return int(row[0]), str(row[1])
