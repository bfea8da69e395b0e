"""Add performances to the index and remove some, with the model it was built with: a new generation, no training.

Like a build, an update is published whole or not at all, and only one process at a time makes one. It starts from the
current generation only after all of its checksums held, so that damage is never copied into a new one.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.collections.audio import AudioFolder
from covsearch.collections.given import audio_roots, open_given
from covsearch.dataset.conflicts import find_conflicts
from covsearch.dataset.files import LOOSE
from covsearch.dataset.frame_rate import rate_beside
from covsearch.dataset.ids import ID_RULE
from covsearch.dataset.layout import Skipped
from covsearch.dataset.lengths import check_lengths
from covsearch.dataset.names import full_name, is_name
from covsearch.dataset.source import Source
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.errors import CovsearchError, UsageError
from covsearch.progress import Progress, silent
from covsearch.rows import (
    Rows,
    check_built,
    embed_new,
    in_order,
    own_model,
    pack_new,
    publish_rows,
    read_rows,
    unchanged,
)
from covsearch.store import store_of
from covsearch.store.protocols import State
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class AddReport:
    """What adding did.

    Attributes
    ----------
    added : tuple of str
        PIDs that are new in the index; empty where nothing was published.
    already_there : tuple of str
        PIDs that were in the index before, just as they were given.
    skipped : tuple of Skipped
        What the given folders have, or should have, and the index has not.
    performances, works : int
        In the index now.
    generation : str
        That is current now.
    seconds : float
        Wall-clock time.
    frame_rates : tuple of float
        Frames/s at which what was given was read.
    unused_metadata : tuple of str
        Ids that the CSV of metadata names and that nothing given has.
    """

    added: tuple[str, ...]
    already_there: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    performances: int
    works: int
    generation: str
    seconds: float
    frame_rates: tuple[float, ...]
    unused_metadata: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoveReport:
    """What removing did.

    Attributes
    ----------
    removed : tuple of str
        PIDs that are no longer in the index; empty where nothing was published.
    not_there : tuple of str
        PIDs that were not in it.
    performances, works : int
        In the index now.
    generation : str
        That is current now.
    """

    removed: tuple[str, ...]
    not_there: tuple[str, ...]
    performances: int
    works: int
    generation: str


def add_performances(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    subset: str | None = None,
    strict: bool = False,
    frame_rate: float | None = None,
    metadata: Path | None = None,
    progress: Progress = silent,
) -> AddReport:
    """Embed performances with the index's own model and publish them together with those that are there.

    Adding what is there already changes nothing and publishes nothing.

    Parameters
    ----------
    workspace : Workspace
    paths : sequence of Path
        Da-TACOS folders (:mod:`covsearch.dataset.datacos`) and folders of audio (:mod:`covsearch.collections.audio`),
        whose unreadable performances are skipped as in a build; and single files of either, which are all added or
        none.
    subset : str, optional
        Needed when a folder holds several.
    strict : bool
        Refuse to skip a performance of a folder.
    frame_rate : float, optional
        Frames/s of all these files; by default what they or their collection declare or what is known of the subset.
    metadata : Path, optional
        A CSV of works, titles, artists and years, as for :func:`covsearch.indexing.build_index`.
    progress : Progress

    Raises
    ------
    NotFoundError
        When nothing was built yet, or a path is not there.
    UsageError
        When no path is given, a file is not called after a work and a performance, files say no frame rate and the
        index's model needs one, or cannot be of the frame rate assumed of them; for an index of foreign vectors.
    ArtefactError
        When the current generation or a file is damaged.
    CovsearchError
        When a PID is in the index with another file or other metadata, or another build is running.
    """
    started = time.perf_counter()
    if not paths:
        raise UsageError("expected at least one folder or file to add")
    check_built(workspace)
    with store_of(workspace).writing(beside=True):
        before, head, rows = read_rows(workspace)
        features, _ = before.manifest.heard()
        old, given = set(rows.keys), set[str]()
        skipped: dict[Skipped, None] = {}
        rates: set[float] = set()
        checkpoint = own_model(before)
        tracks = read_tracks(metadata) if metadata else None
        every = open_given(
            paths,
            features.names,
            workspace.cache,
            audio_roots(rows.origins),
            subset=subset,
            strict=strict,
            frame_rate=frame_rate,
            progress=progress,
        )
        there = {pid for dataset, _ in every for pid in dataset.performances}
        if tracks and strict:
            tracks.check_all_in(there)
        for opened, whole in every:
            dataset = _rated(opened, before)
            check_lengths(dataset, features.names[0])
            told = tracks.told(dataset) if tracks else dataset  # files may say their own work, and are read as found
            rates.add(dataset.frame_rate)
            collection = before.manifest.subset if dataset.subset == LOOSE else dataset.subset
            given.update(full_name(collection, pid) for pid in dataset.performances)
            new = pack_new(workspace, dataset, _fresh(rows, told, collection), checkpoint, whole, progress)
            skipped.update(dict.fromkeys(dataset.skipped if new is None else new.skipped))
            if new:
                rows += embed_new(checkpoint, told, collection, new, rows.parts, progress)
        added = set(rows.keys) - old
        generation = publish_rows(workspace, before, head, rows) if added else unchanged(workspace, before)
    manifest, seconds = generation.manifest, time.perf_counter() - started
    return AddReport(
        rows.names(added),
        rows.names(given & old),
        tuple(skipped),
        manifest.count,
        manifest.works,
        generation.name,
        seconds,
        tuple(sorted(rates)),
        tracks.not_in(there) if tracks else (),
    )


def remove_performances(workspace: Workspace, pids: Sequence[str]) -> RemoveReport:
    """Publish the index without some performances; those that are not in it are reported, and change nothing.

    Parameters
    ----------
    workspace : Workspace
    pids : sequence of str
        Ids, or ``collection:id`` where several collections have the id.

    Raises
    ------
    NotFoundError
        When nothing was built yet.
    UsageError
        When no PID is given, when one is no performance id or several collections have it, or when none would be left.
    ArtefactError
        When the current generation is damaged.
    CovsearchError
        When another build is running.
    """
    if not pids:
        raise UsageError("expected at least one performance id (like P_22) to remove")
    if wrong := [pid for pid in pids if not is_name(pid)]:
        raise UsageError(f"{wrong[0]!r} is no performance id: {ID_RULE}")
    check_built(workspace)
    with store_of(workspace).writing(beside=True):
        before, head, rows = read_rows(workspace)
        catalogue = store_of(workspace).catalogue()
        meant = {pid: catalogue.resolve(pid) for pid in pids}
        names = rows.names(rows.keys, ordered=False)
        gone = {name for name in meant.values() if name}
        if not gone <= set(names):
            raise CovsearchError("others changed the index meanwhile; nothing was removed: run the command again")
        kept = [row for row, name in enumerate(names) if name not in gone]
        if not kept:
            raise UsageError(f"an index needs at least one performance, and these are all {len(names)} that it has")
        generation = publish_rows(workspace, before, head, rows.take(kept)) if gone else unchanged(workspace, before)
    manifest = generation.manifest
    not_there = (pid for pid, name in meant.items() if name is None)
    return RemoveReport(in_order(gone), in_order(not_there), manifest.count, manifest.works, generation.name)


def _rated(dataset: Source, index: State) -> Source:
    """`dataset` with a frame rate that somebody said; where the model sees none, any does."""
    features, own = index.manifest.heard()
    declared = dataset.frame_rate if dataset.rate_is_known else None
    rate = rate_beside(own, declared, dataset.root, matters=bool(features.rate))
    return dataset.having(frame_rate=rate)


def _fresh(index: Rows, dataset: Source, collection: str) -> list[str]:
    """PIDs of a dataset that the index has not in `collection`; each of the others must be the very same in both.

    Raises
    ------
    CovsearchError
        Naming the first that is not, and how many more are not.
    """
    own = {p.pid: key for key, p in index.performances.items() if p.collection == collection}
    performances = {pid: index.performances[key] for pid, key in own.items()}
    origins = {pid: index.origins[key] for pid, key in own.items() if key in index.origins}
    conflicts = find_conflicts(dataset, performances, origins)
    if conflicts:
        pid, reason = conflicts[0].pid, conflicts[0].reason
        more = f" ({len(conflicts) - 1:,} more differ)" if len(conflicts) > 1 else ""
        mend = "another work needs another id, or a collection of another name"
        if pid in own:
            mend = f"to replace it, `covsearch remove {shlex.quote(index.names([own[pid]])[0])}` first"
            if isinstance(dataset, AudioFolder):
                mend = f"to read again what changed, `covsearch update {shlex.quote(str(dataset.root))}`"
        raise CovsearchError(f"{dataset.root}: {pid} {reason}{more}; nothing was added: {mend}")
    return [pid for pid in dataset.performances if pid not in own]
