"""Add vectors of anybody's model to an index of such vectors."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from covsearch.dataset.ids import in_words
from covsearch.dataset.names import full_name
from covsearch.dataset.performance import Performance
from covsearch.dataset.tracks_csv import Tracks, read_tracks
from covsearch.dataset.vectors import ForeignVectors, read_vectors
from covsearch.errors import ArtefactError, CovsearchError, UsageError
from covsearch.foreign import directions
from covsearch.index.segments import Segments
from covsearch.progress import Progress, silent
from covsearch.rows import Rows, check_built, publish_rows, read_rows, unchanged
from covsearch.store import store_of
from covsearch.update import AddReport
from covsearch.workspace import Workspace


def add_vectors(
    workspace: Workspace,
    path: Path,
    *,
    metadata: Path | None = None,
    strict: bool = False,
    progress: Progress = silent,
) -> AddReport:
    """Publish more vectors of the same model together with those that are there.

    The tracks are of the index's own collection, whatever the file is called. Nothing is fitted again. Adding what is
    there already changes nothing and publishes nothing.

    Parameters
    ----------
    workspace : Workspace
        With an index of foreign vectors (:func:`covsearch.foreign.build_foreign`).
    path : Path
        The vectors (:mod:`covsearch.dataset.vectors`).
    metadata : Path, optional
        A CSV of works, titles, artists and years, as for a build; where the file has no ids, its rows are in the order
        of the vectors.
    strict : bool
        Refuse to skip a track, and ids in the CSV that the file has not.
    progress : Progress

    Raises
    ------
    NotFoundError
        When nothing was built yet, or a file is not there.
    UsageError
        When the index is of a model of ours, the file is of another kind or has segments where the index has none, or
        nothing says the ids.
    ArtefactError
        When the vectors have another dimension than the index's, or the current generation or a file is damaged.
    CovsearchError
        When an id is in the index with another vector or other metadata, or another build is running.
    """
    started = time.perf_counter()
    check_built(workspace)
    with store_of(workspace).writing(beside=True):
        before, head, rows = read_rows(workspace)
        if not before.manifest.foreign:
            raise UsageError("the index is of a model of covsearch, which embeds what is added: give folders or files")
        tracks = read_tracks(metadata) if metadata else None
        found = read_vectors(path, tracks, strict=strict)
        there = [*found.ids, *(one.path for one in found.skipped)]
        if tracks and strict:
            tracks.check_all_in(there)
        _check_alike(path, found, head.dim, "segments" in rows.parts)
        given = _rows(found, tracks, before.manifest.subset, list(rows.parts))
        known = {key: row for row, key in enumerate(rows.keys)}
        fresh = [row for row, key in enumerate(given.keys) if key not in known]
        for row, key in enumerate(given.keys):
            if key in known:
                _check_same(path, rows, known[key], given, row, tracks)
        progress("adding vectors", 0, 1)
        rows = rows + given.take(fresh) if fresh else rows
        generation = publish_rows(workspace, before, head, rows) if fresh else unchanged(workspace, before)
        progress("adding vectors", 1, 1)
    added = {given.keys[row] for row in fresh}
    return AddReport(
        added=rows.names(added),
        already_there=rows.names(set(given.keys) - added),
        skipped=found.skipped,
        performances=generation.manifest.count,
        works=generation.manifest.works,
        generation=generation.name,
        seconds=time.perf_counter() - started,
        frame_rates=(),
        unused_metadata=tracks.not_in(there) if tracks else (),
    )


def _check_alike(path: Path, found: ForeignVectors, dim: int, segments: bool) -> None:
    """Refuse vectors that cannot be compared with the index's."""
    came = found.vectors.shape[1]
    if came != dim:
        raise ArtefactError(f"{path}: expected vectors of {dim:,} numbers, as in the index, not of {came:,}")
    if len(found.vectors) > len(found.ids) and not segments:
        raise UsageError(
            f"{path} has several segments a track, the index one vector a track: build it again from all vectors, or "
            "give one vector a track"
        )


def _rows(found: ForeignVectors, tracks: Tracks | None, collection: str, parts: list[str]) -> Rows:
    """The tracks of a file, with the parts that the index has."""
    made = {id_: Performance(id_, None) for id_ in found.ids}
    performances = tracks.applied(made) if tracks else made
    keys = tuple(full_name(collection, id_) for id_ in found.ids)
    named = {key: replace(performances[id_], collection=collection) for key, id_ in zip(keys, found.ids, strict=True)}
    segments = Segments(found.vectors, found.first)
    return Rows(keys, directions(segments), dict.fromkeys(parts, segments), named, {})


def _check_same(path: Path, rows: Rows, row: int, given: Rows, own: int, tracks: Tracks | None) -> None:
    """Refuse a track that the index has already, unless it is the very same there."""
    key = given.keys[own]
    there, came = rows.performances[key], given.performances[key]
    what = ""
    if tracks and came.pid in tracks.rows and came != there:
        what = "other metadata"
    stored, new = (some.parts.get("segments") for some in (rows, given))
    same = np.array_equal(rows.vectors[row], given.vectors[own])
    if isinstance(stored, Segments) and isinstance(new, Segments):
        same = np.array_equal(stored.track(row), new.track(own))
    if not same:
        what = "another vector"
    if what:
        name = rows.names([key])[0]
        mend = f"to replace it, `covsearch remove {shlex.quote(name)}` first"
        raise CovsearchError(f"{path}: {in_words(came.pid)} is in the index with {what}; nothing was added: {mend}")
