"""Publish: stage what is large, then one transaction that writes rows, checks them, and switches one pointer.

The transaction begins by locking the pointer, so publications come one after the other; readers are not in its way.
When others published since the caller's own state was read, what the caller changed is applied to what is newest by
then (:mod:`covsearch.store.postgres.rebase`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, text

from covsearch.config import to_toml
from covsearch.db.write import named_works
from covsearch.errors import ArtefactError
from covsearch.guard.urls import without_password
from covsearch.index.collection import check_vectors
from covsearch.index.head import head_bytes
from covsearch.index.manifest import StoredFile
from covsearch.index.parts import check_part
from covsearch.store.postgres.finder import IN_MEMORY, Finder
from covsearch.store.postgres.link import TidiedAwayError, server_errors
from covsearch.store.postgres.pin import Pin, hold
from covsearch.store.postgres.rebase import Merged, rebase
from covsearch.store.postgres.recordings import check_staged, digest_of, recording, stage_recordings, staging
from covsearch.store.postgres.rows import digest_of_rows, rows_of
from covsearch.store.postgres.state import CALIBRATION_FILE, HEAD, MODEL
from covsearch.store.postgres.write import ROWS, check_written, describe, see_generation, write_rows, write_works
from covsearch.store.protocols import Contents

_TRIES = 3  # a recording that was there may be tidied away before it is used again: then it is sent


def publish_to_database(url: str, contents: Contents, base: Pin | None, finder: Finder = IN_MEMORY) -> Pin:
    """Publish `contents`; the new generation, held.

    Parameters
    ----------
    url : str
    contents : Contents
    base : Pin, optional
        The generation that `contents` was made of, where it is a change of one.
    finder : Finder
        That the new generation is to be searched with.

    Raises
    ------
    ArtefactError
        When vectors, parts and names do not fit each other, or a value cannot be stored.
    CovsearchError
        When another writer changed the same performances meanwhile, or the server fails.
    """
    check_vectors(contents.names, contents.vectors, contents.head.dim)
    for name, part in contents.parts.items():
        check_part(name, part, contents.names)
    for _ in range(_TRIES - 1):
        try:
            return _stage_and_switch(url, contents, base, finder)
        except TidiedAwayError:
            continue
    return _stage_and_switch(url, contents, base, finder)


def _stage_and_switch(url: str, contents: Contents, base: Pin | None, finder: Finder) -> Pin:
    with server_errors(url), staging(url) as (connection, stage):
        vectors, parts = contents.vectors, contents.parts
        every = range(len(vectors))
        digests = [digest_of(recording(vectors[row], parts, row)) for row in every]
        stage_recordings(connection, stage, digests, lambda row: recording(vectors[row], parts, row))
        try:
            return Pin(url, switch(connection, url, contents, digests, base, finder))
        except (UnicodeEncodeError, OverflowError) as e:
            raise ArtefactError(f"metadata cannot be stored: {e}; correct it in the collection's metadata") from e


def switch(
    connection: Connection,
    url: str,
    contents: Contents,
    digests: Sequence[bytes],
    base: Pin | None,
    finder: Finder = IN_MEMORY,
) -> int:
    """The one transaction; the number of the generation that it makes current."""
    files, mine = _files(contents), Merged(contents.performances, contents.origins, digests)
    merged, rows = mine, rows_of(mine.performances, mine.origins, mine.recordings)  # while nobody waits
    with connection.begin():
        before = connection.scalar(text("SELECT generation FROM current FOR UPDATE"))
        generation = int(connection.scalar(text("SELECT coalesce(max(id), 0) FROM generations")) or 0) + 1
        see_generation(connection, before or 0)
        if base is not None and before is not None and before != base.generation:
            merged = rebase(connection, base, before, mine, rows)
            rows = rows_of(merged.performances, merged.origins, merged.recordings)
        numbers = write_rows(connection, rows, generation)
        write_works(connection, named_works(merged.performances), generation)
        check_staged(connection, numbers, without_password(url))
        recipe = finder.recipe(connection, contents.head.dim)
        stored = {name: StoredFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
        stored[ROWS] = StoredFile(len(rows), digest_of_rows([row.whole for row in rows]))
        manifest = contents.manifest(len(rows), len(named_works(merged.performances)), recipe, stored)
        describe(connection, generation, manifest, files)
        check_written(connection, generation, manifest, without_password(url))
        finder.write(connection, recipe, merged.recordings, contents.head)
        hold(connection, generation)
        connection.execute(text("UPDATE current SET generation = :new"), {"new": generation})
    return generation


def _files(contents: Contents) -> dict[str, bytes]:
    """The small files of a generation."""
    files = {f"{MODEL}{name}": content for name, content in contents.model_files.items()}
    if contents.calibration is not None:
        files[CALIBRATION_FILE] = to_toml(collection=contents.calibration).encode()
    return {HEAD: head_bytes(contents.head), **files}
