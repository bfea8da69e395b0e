"""Remove what no reader can need: old generations, what only they have, and what dead writers staged.

The current generation and the one before it stay, and every generation that somebody holds
(:mod:`covsearch.store.postgres.pin`). Each step is a transaction of its own; what cannot be removed now is removed
later.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, text

from covsearch.errors import CovsearchError
from covsearch.store.postgres.link import engine_of, server_errors
from covsearch.store.postgres.pin import READING, STAGING
from covsearch.store.postgres.tables import PERFORMANCES, WORKS

_OLD = text("SELECT id FROM generations WHERE id < (SELECT generation FROM current) ORDER BY id DESC OFFSET 1")
_ALONE = text("SELECT pg_try_advisory_xact_lock(:kind, :id)")
_STAGES = text("SELECT DISTINCT stage FROM recordings WHERE stage IS NOT NULL")


def tidy(url: str) -> None:
    """Remove it; a failure is left to the next one that publishes."""
    steps = (_remove_generations, _remove_rows, _remove_recordings, _remove_contents)
    with suppress(CovsearchError), server_errors(url), engine_of(url).connect() as connection:
        for step in steps:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('covsearch tidy'))"))
                step(connection)


def _remove_generations(connection: Connection) -> None:
    for generation in connection.scalars(_OLD).all():
        if connection.scalar(_ALONE, {"kind": READING, "id": generation}):
            connection.execute(text("DELETE FROM generations WHERE id = :id"), {"id": generation})


def _remove_rows(connection: Connection) -> None:
    """Versions that are of no generation which is still there; their recordings are looked at next."""
    left = "NOT EXISTS (SELECT FROM generations g WHERE g.id >= v.born AND g.id < v.died)"
    ended = f"v.died <= (SELECT generation FROM current) AND {left}"
    gone = connection.scalars(text(f"DELETE FROM {PERFORMANCES.name} v WHERE {ended} RETURNING recording")).all()
    connection.execute(text(f"DELETE FROM {WORKS.name} v WHERE {ended}"))
    # 0 is no stage: nobody holds it, so what nobody refers to any more goes with what was staged
    unused = f"NOT EXISTS (SELECT FROM {PERFORMANCES.name} p WHERE p.recording = r.id)"
    query = text(f"UPDATE recordings r SET stage = 0 WHERE id = ANY(:some) AND {unused}")
    connection.execute(query, {"some": list(set(gone))})


def _remove_recordings(connection: Connection) -> None:
    """What dead writers staged, and what :func:`_remove_rows` left alone."""
    dead = [s for s in connection.scalars(_STAGES).all() if connection.scalar(_ALONE, {"kind": STAGING, "id": s})]
    unused = f"NOT EXISTS (SELECT FROM {PERFORMANCES.name} p WHERE p.recording = r.id)"
    connection.execute(text(f"DELETE FROM recordings r WHERE stage = ANY(:dead) AND {unused}"), {"dead": dead})


def _remove_contents(connection: Connection) -> None:
    used = "EXISTS (SELECT FROM generation_files f WHERE f.digest = c.digest)"
    connection.execute(text(f"DELETE FROM contents c WHERE NOT {used}"))
