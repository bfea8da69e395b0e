"""From a dataset and a model to a published generation of the index."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.collections.given import open_folder
from covsearch.config import FeatureConfig
from covsearch.dataset.ids import ID_RULE, is_id, natural_key
from covsearch.dataset.layout import Skipped
from covsearch.dataset.lengths import check_lengths
from covsearch.dataset.names import COLON, full_name, is_collection, is_name, names_of
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.dataset.source import Source
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.errors import ArtefactError
from covsearch.features.store import FrameStore
from covsearch.index.calibration import Calibration
from covsearch.index.collection import check_vectors
from covsearch.index.collection_calibration import CollectionCalibration
from covsearch.index.generation import read_model
from covsearch.index.head import Head
from covsearch.index.part import Packed, Part
from covsearch.index.parts import NEEDED, make_parts, settings_for
from covsearch.index.windows import Windows
from covsearch.progress import Progress, silent
from covsearch.store import store_of
from covsearch.store.protocols import Contents, State
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes
    ----------
    performances, works : int
        In the index.
    skipped : tuple of Skipped
        What the dataset has, or should have, and the index has not.
    seconds : float
        Wall-clock time.
    generation : str
        ``gen-0001``.
    model : str
        The model's fingerprint.
    features : FeatureConfig
    subset : str
        Of the dataset.
    frame_rate : float
        Of its files, frames/s.
    rate_is_known : bool
        Whether that was given or known, not assumed.
    windows : int or None
        How many were indexed; None without them.
    unused_metadata : tuple of str
        Ids that the CSV of metadata names and the dataset has not.
    """

    performances: int
    works: int
    skipped: tuple[Skipped, ...]
    seconds: float
    generation: str
    model: str
    features: FeatureConfig
    subset: str
    frame_rate: float
    rate_is_known: bool
    windows: int | None
    unused_metadata: tuple[str, ...] = ()


def build_index(
    dataset_dir: Path | None,
    model: Path | None,
    workspace: Workspace,
    *,
    subset: str | None = None,
    strict: bool = False,
    frame_rate: float | None = None,
    windows: bool = False,
    metadata: Path | None = None,
    progress: Progress = silent,
) -> BuildReport:
    """Embed every performance of a dataset and publish them as the workspace's current generation.

    Parameters
    ----------
    dataset_dir : Path or None
        A Da-TACOS folder, or a folder of audio; None is the bundled sample.
    model : Path or None
        A checkpoint folder; None is the bundled one.
    workspace : Workspace
    subset : str, optional
        Needed when the folder holds several; the name of a collection of audio, which is else the folder's.
    strict : bool
        Refuse to skip a performance.
    frame_rate : float, optional
        Frames/s of the files; by default what they or their collection declare, what is known of the subset, else
        Da-TACOS's 86.13.
    windows : bool
        Index the windows of every performance too (:mod:`covsearch.index.windows`).
    metadata : Path, optional
        A CSV (:mod:`covsearch.dataset.tracks_csv`) of works, titles, artists and years, which goes before what the
        dataset says; with `strict` all its ids must be there.
    progress : Progress

    Raises
    ------
    UsageError
        For `windows` with a model without a frame rate, and for files that cannot be of the frame rate assumed of them.
    CovsearchError
        When another build is running in the workspace; and what reading the dataset and the model raises.
    """
    # torch comes with these; importing the module must not cost it
    from covsearch.embedding import embed_cached, embed_windows
    from covsearch.features.pack import pack_cached
    from covsearch.models import bundled_checkpoint, load_checkpoint

    started = time.perf_counter()
    with store_of(workspace).writing():
        checkpoint = load_checkpoint(model or bundled_checkpoint())
        config = checkpoint.config.features
        chosen: dict[str, Any] = {"subset": subset, "strict": strict, "frame_rate": frame_rate}
        dataset = open_folder(dataset_dir, config.names, workspace.cache, progress=progress, **chosen)
        check_lengths(dataset, config.names[0])
        tracks = read_tracks(metadata) if metadata else None
        if tracks and strict:
            tracks.check_all_in(dataset.performances)
        wanted = settings_for([*NEEDED, *(["windows"] if windows else [])], config, dataset.frame_rate)
        _compile(progress)
        store = pack_cached(workspace.cache, dataset, config, strict=strict, progress=progress)
        cut = partial(embed_windows, checkpoint, store, progress=progress)
        parts = make_parts(Packed(store, dataset.frame_rate, cut), wanted)
        generation = publish(
            workspace,
            store.pids,
            embed_cached(checkpoint, store, progress),
            Head(checkpoint.alpha, checkpoint.beta),
            tracks.applied(dataset.performances) if tracks else dataset.performances,
            model_files=read_model(checkpoint.folder, checkpoint.fingerprint),
            fingerprint=checkpoint.fingerprint,
            features=config,
            subset=dataset.subset,
            frame_rate=dataset.frame_rate,
            parts=parts,
            origins=origins_of(dataset, store),
            source=dataset_dir and dataset.root,
            locked=True,
        )
    manifest, made, seconds = generation.manifest, parts.get("windows"), time.perf_counter() - started
    return BuildReport(
        manifest.count,
        manifest.works,
        store.skipped,
        seconds,
        generation.name,
        manifest.model,
        config,
        manifest.subset,
        dataset.frame_rate,
        dataset.rate_is_known,
        len(made.vectors) if isinstance(made, Windows) else None,
        tracks.not_in(dataset.performances) if tracks else (),
    )


def _compile(progress: Progress) -> None:
    """Compile what queries align with: a first time takes seconds, which no query should wait for."""
    from covsearch.ranking.scores import warm

    progress("compiling the alignment", 0, 1)
    warm()
    progress("compiling the alignment", 1, 1)


def publish(
    workspace: Workspace,
    pids: Sequence[str],
    vectors: NDArray[np.float32],
    head: Head,
    performances: Mapping[str, Performance],
    *,
    model_files: Mapping[str, bytes],
    fingerprint: str,
    features: FeatureConfig | None,
    subset: str,
    frame_rate: float | None,
    parts: Mapping[str, Part],
    calibration: CollectionCalibration | Calibration | None = None,
    origins: Mapping[str, Origin] | None = None,
    source: Path | None = None,
    locked: bool = False,
    grown: bool = False,
) -> State:
    """Make vectors and metadata the workspace's current generation, in one step and for good.

    Parameters
    ----------
    workspace : Workspace
    pids : sequence of str
        Ids, or full names where collections have the same ids; in any order. Rows are stored in natural order.
    vectors : ndarray of float32, shape (N, D)
        Unit vectors, row i of ``pids[i]``; D is the head's.
    head : Head
        Of the model that made the vectors.
    performances : mapping
        Metadata of (at least) every PID, each with the id that it has in its own collection.
    model_files : mapping of str to bytes
        The model's checkpoint (:func:`covsearch.index.generation.read_model`); empty for foreign vectors.
    fingerprint : str
        Of that checkpoint, or the name of foreign vectors.
    features : FeatureConfig or None
        What the model sees; None for foreign vectors.
    subset : str
        Of the dataset; the collection of every performance that names none.
    frame_rate : float or None
        Of its files, frames/s; None for foreign vectors.
    parts : mapping
        What else is held of every performance, by the names of :data:`covsearch.index.parts.PARTS`, in the order of
        `pids`; of a model of ours `chroma` at least.
    calibration : CollectionCalibration, optional
        Of foreign vectors; a model's is among its files.
    origins : mapping, optional
        What each PID was indexed from, where that is known.
    source : Path, optional
        Folder of the dataset; None for the bundled sample.
    locked : bool
        Whether the caller is the writer already: :meth:`covsearch.store.protocols.Publisher.writing`.
    grown : bool
        Whether these are the current state's rows, some taken away and others added.

    Raises
    ------
    ArtefactError
        When ids, vectors and metadata do not fit each other.
    CovsearchError
        When another build is running in the workspace.
    """
    check_vectors(pids, vectors, head.dim)
    if missing := [name for name in NEEDED if name not in parts and features is not None]:
        raise ArtefactError(f"an index needs {missing[0]} of every performance, there is none")
    _check_metadata(pids, performances, subset)
    given = [replace(performances[pid], collection=performances[pid].collection or subset) for pid in pids]
    called = names_of(given)
    order = sorted(range(len(pids)), key=lambda row: natural_key(called[row]))
    stored, names = [given[row] for row in order], [called[row] for row in order]
    known = {name: (origins or {}).get(pid) for pid, name in zip(pids, called, strict=True)}
    contents = Contents(
        names,
        stored,
        vectors[order],
        {name: part.take(order) for name, part in parts.items()},
        {name: origin for name, origin in known.items() if origin},
        head,
        model_files,
        fingerprint,
        features,
        subset,
        frame_rate,
        str(source.absolute()) if source else None,
        calibration if isinstance(calibration, CollectionCalibration) else None,
        grown,
    )
    store = store_of(workspace)
    with nullcontext() if locked else store.writing():
        return store.publish(contents)


def origins_of(source: Source, store: FrameStore) -> dict[str, Origin]:
    """What every performance of a packed store was read from."""
    return {entry.pid: source.origin(entry.pid, entry.files) for entry in store.entries}


def _check_metadata(pids: Sequence[str], performances: Mapping[str, Performance], subset: str) -> None:
    for pid in pids:
        if not is_name(pid):
            raise ArtefactError(f"{pid!r} is no performance id: {ID_RULE}")
        if pid not in performances:
            raise ArtefactError(f"{pid} has a vector but no metadata")
        _check_ids(pid, performances[pid], performances[pid].collection or subset)


def _check_ids(pid: str, performance: Performance, collection: str) -> None:
    if pid not in (performance.pid, full_name(collection, performance.pid)):
        raise ArtefactError(f"{pid} has the metadata of {performance.pid}")
    for what, id_ in (("performance", performance.pid), ("work", performance.wid)):
        if id_ is not None and not is_id(id_):
            raise ArtefactError(f"{id_!r} of {pid} is no {what} id: {ID_RULE}")
    if not is_collection(collection):
        raise ArtefactError(f"{collection!r} cannot be a collection's name: {ID_RULE}, and no {COLON!r}")
