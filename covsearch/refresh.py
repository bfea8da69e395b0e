"""Bring an index up to date with a folder of audio: new files are added, gone ones removed, changed ones read again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from covsearch.collections.audio import HPCP, AudioFolder, collection_name, open_audio
from covsearch.collections.given import audio_roots, check_for_audio, is_of_audio, nearest_root
from covsearch.collections.scan import emptied, printable_path
from covsearch.corrections.log import read_log
from covsearch.dataset.datacos import path_text
from covsearch.dataset.layout import Skipped
from covsearch.dataset.names import full_name
from covsearch.dataset.performance import Performance
from covsearch.dataset.source import Source
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
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
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class UpdateReport:
    """What bringing up to date did.

    Attributes
    ----------
    added, removed, reread, retagged : tuple of str
        Performances that are new, gone, have another sound, and have the same sound and other tags.
    unchanged : int
        How many are as they were.
    followed : tuple of (str, str)
        Old and new id of every recording under another name that corrections follow there.
    uncorrected : tuple of str
        Performances that are gone, and that corrections name. These are kept, and hold when one is back under its id.
    skipped : tuple of Skipped
        Files and folders that cannot be used. What the index has of them already, it keeps.
    performances, works : int
        In the index now.
    generation : str
        That is current now.
    seconds : float
        Wall-clock time.
    unused_metadata : tuple of str
        Ids that the CSV of metadata names and that the collection has not.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    reread: tuple[str, ...]
    retagged: tuple[str, ...]
    unchanged: int
    followed: tuple[tuple[str, str], ...]
    uncorrected: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    performances: int
    works: int
    generation: str
    seconds: float
    unused_metadata: tuple[str, ...] = ()


def update_folder(
    workspace: Workspace,
    folder: Path,
    *,
    metadata: Path | None = None,
    strict: bool = False,
    progress: Progress = silent,
) -> UpdateReport:
    """Make the index have of a folder of audio what the folder has.

    What was decoded is remembered file by file: a run that was stopped goes on where it was. A file whose name or tags
    changed is not decoded again. Corrections follow a recording to its new name. Nothing is published where nothing
    changed.

    Parameters
    ----------
    workspace : Workspace
    folder : Path
        A folder that was indexed before, one inside it, or a new one.
    metadata : Path, optional
        A CSV of works, titles, artists and years, as for :func:`covsearch.indexing.build_index`. Without it, what an
        earlier CSV said stays.
    strict : bool
        Refuse to skip a file, and a CSV with ids that the collection has not.
    progress : Progress

    Raises
    ------
    NotFoundError
        When nothing was built yet, or the folder is not there.
    ArtefactError
        When none of its files can be read, so that a disk that is not mounted empties no index; or the current
        generation is damaged.
    UsageError
        When the index's model does not hear audio.
    CovsearchError
        When another folder's collection has the same name and ids, or another build is running.
    """
    started = time.perf_counter()
    check_built(workspace)
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is not there; expected a folder of audio. Nothing was removed")
    with store_of(workspace).writing(beside=True):
        before, head, rows = read_rows(workspace)
        check_for_audio(before.manifest.heard()[0].names, None)
        roots = audio_roots(rows.origins)
        below = folder.resolve()
        root = nearest_root(below, roots, below)
        name = roots.get(root) or collection_name(root)
        read = _opened(root, workspace, below, name, strict, progress)
        tracks = read_tracks(metadata) if metadata else None
        told = tracks.told(read) if tracks else read
        own = _own(rows, read, below)
        read = _with_emptied(read, own, strict)
        changes = _changes(rows, own, read, told, bool(metadata))
        whole = {p.pid for p in rows.performances.values() if p.collection == read.subset} - changes.gone.keys()
        whole |= read.performances.keys()
        if tracks and strict:
            tracks.check_all_in(whole)
        checkpoint = own_model(before)
        packed = pack_new(workspace, read, [*changes.new, *changes.changed], checkpoint, strict, progress)
        there = set(packed.pids) if packed else set()
        out = {own[id_] for id_ in changes.changed if id_ in there} | set(changes.gone.values())
        kept = [row for row, key in enumerate(rows.keys) if key not in out]
        after = rows.take(kept) if kept else None
        if packed:
            fresh = embed_new(checkpoint, told, read.subset, packed, rows.parts, progress)
            after = fresh if after is None else after + fresh
        if after is None:
            raise UsageError("an index needs at least one performance, and none would be left")
        after = replace(after, performances={**after.performances, **changes.retagged})
        followed, uncorrected = _follow(workspace, read.subset, _moves(rows, own, read, changes, there), changes.gone)
        anything = bool(there or changes.gone or changes.retagged)
        generation = publish_rows(workspace, before, head, after) if anything else unchanged(workspace, before)
    manifest = generation.manifest
    skipped = tuple(dict.fromkeys([*read.skipped, *(packed.skipped if packed is not None else ())]))
    moved = [id_ for id_ in changes.changed if id_ in there]
    return UpdateReport(
        in_order(id_ for id_ in changes.new if id_ in there),
        in_order(changes.gone),
        in_order(moved),
        in_order(performance.pid for performance in changes.retagged.values()),
        len(own) - len(changes.gone) - len(moved) - len(changes.retagged),
        followed,
        uncorrected,
        skipped,
        manifest.count,
        manifest.works,
        generation.name,
        time.perf_counter() - started,
        tracks.not_in(whole) if tracks else (),
    )


def _opened(root: Path, workspace: Workspace, below: Path, name: str, strict: bool, progress: Progress) -> AudioFolder:
    """The folder as it is now; without audio in it, the error says that the index is as it was."""
    try:
        return open_audio(root, workspace.cache, below=[below], name=name, strict=strict, progress=progress)
    except ArtefactError as e:
        end = "\n" if "\n" in str(e) else ". "
        raise ArtefactError(f"{e}{end}Nothing was removed") from e


def _with_emptied(read: AudioFolder, own: Mapping[str, str], strict: bool) -> AudioFolder:
    """With the folders among what is skipped that had files of the index and are empty now.

    Raises
    ------
    ArtefactError
        With `strict`, for the first of them.
    """
    skipped = _places(read.skipped)
    empty = emptied(read.root, (id_ for id_ in own if id_ not in read.performances and not _is_below(id_, skipped)))
    if strict and empty:
        raise ArtefactError(f"{read.root / empty[0].path}: {empty[0].reason}; or drop --strict. Nothing was removed")
    return read.having(skipped=(*read.skipped, *empty))


def _places(skipped: Sequence[Skipped]) -> set[PurePosixPath]:
    return {PurePosixPath(one.path) for one in skipped}


def _is_below(id_: str, places: Set[PurePosixPath]) -> bool:
    """Whether a file is one of `places`, or is in one of these folders."""
    path = PurePosixPath(printable_path(Path(id_), Path()))
    return not places.isdisjoint([path, *path.parents])


@dataclass(frozen=True)
class _Changes:
    """Ids that are new, and that have another sound; keys of what is gone, by id; what else is known now, by key."""

    new: Sequence[str]
    changed: Sequence[str]
    gone: Mapping[str, str]
    retagged: Mapping[str, Performance]


def _own(rows: Rows, read: AudioFolder, below: Path) -> dict[str, str]:
    """Ids in the folder that the index has already, and their keys there.

    Raises
    ------
    CovsearchError
        When it has one of them from another folder.
    """
    own = {}
    root = path_text(read.root)
    for key, origin in rows.origins.items():
        performance = rows.performances.get(key)
        if performance is None or performance.collection != read.subset:
            continue
        if origin.folder == root and is_of_audio(origin):
            if (read.root / performance.pid).is_relative_to(below):
                own[performance.pid] = key
        elif performance.pid in read.performances:
            raise CovsearchError(
                f"{read.root}: the index has {performance.pid} of a collection {read.subset} from {origin.folder}: "
                "rename one of the two folders"
            )
    return own


def _moves(rows: Rows, own: Mapping[str, str], read: AudioFolder, changes: _Changes, there: Set[str]) -> dict[str, str]:
    """Old id -> new id of every recording that has the same sound under another name; of equals, one each."""
    before: dict[str, list[str]] = {}
    for id_ in in_order([*changes.gone, *(id_ for id_ in changes.changed if id_ in there)]):
        before.setdefault(rows.origins[own[id_]].files[HPCP].sha256, []).append(id_)
    after: dict[str, list[str]] = {}
    for id_ in in_order(there):
        after.setdefault(read.heard[id_].content, []).append(id_)
    return {old: new for content, ids in before.items() for old, new in zip(ids, after.get(content, ()), strict=False)}


def _follow(
    workspace: Workspace, collection: str, moves: Mapping[str, str], gone: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Give corrections the new names, before these are published: a run that is killed between is run again.

    Returns
    -------
    (tuple of (str, str), tuple of str)
        Old and new ids that corrections follow; ids that are gone, and that corrections still name.
    """
    store = store_of(workspace)
    names = {full_name(collection, old): full_name(collection, new) for old, new in moves.items()}
    found = read_log(store.corrections()).renames(names)
    if found:
        store.amend(lambda text: read_log(text).renamed(found).text)
    named = {id_ for correction in read_log(store.corrections()).holding for id_ in correction.ids}
    followed = ((old, new) for old, new in moves.items() if full_name(collection, old) in found)
    return tuple(followed), in_order(id_ for id_ in gone if full_name(collection, id_) in named)


def _changes(rows: Rows, own: Mapping[str, str], read: AudioFolder, told: Source, by_csv: bool) -> _Changes:
    refused = _places(read.skipped)  # the index keeps what it has of a file or a folder that cannot be read now
    retagged = {}
    changed = []
    for id_, key in own.items():
        if id_ not in read.performances:
            continue
        stored = rows.performances[key]
        now = replace(told.performances[id_], collection=stored.collection)
        if rows.origins[key].files[HPCP].sha256 != read.heard[id_].content:
            changed.append(id_)
        elif now != stored and (by_csv or read.was_said(stored)):
            retagged[key] = now
    return _Changes(
        [id_ for id_ in read.performances if id_ not in own],
        changed,
        {id_: key for id_, key in own.items() if id_ not in read.performances and not _is_below(id_, refused)},
        retagged,
    )
