"""From vectors of anybody's model to a published generation, with everything of ours around them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import counted
from covsearch.dataset.ids import ID_RULE
from covsearch.dataset.layout import Skipped
from covsearch.dataset.names import COLON, is_collection
from covsearch.dataset.pairs import COVER, NON_COVER
from covsearch.dataset.performance import Performance
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.dataset.vectors import read_vectors
from covsearch.errors import ArtefactError, UsageError
from covsearch.evaluate.calibration import fit_calibration
from covsearch.evaluate.search_fit import fit_chance, whole_works
from covsearch.index.collection_calibration import CollectionCalibration
from covsearch.index.head import cosine_head
from covsearch.index.segments import Segments, nearest
from covsearch.indexing import publish
from covsearch.progress import Progress, silent
from covsearch.store import store_of
from covsearch.workspace import Workspace

LEAST_WORKS = 20
"""Works with two versions that a calibration needs."""
_ENOUGH = 600  # performances that it is fitted on
_LEAST_LIKELY = 0.5  # from which a match is called a cover: where all are told apart, chance would allow far less
_WEAK = 1e-6  # of a sum of segments that point away from each other: it has no direction


@dataclass(frozen=True)
class ForeignReport:
    """What a build of foreign vectors did.

    Attributes
    ----------
    performances, works : int
        In the index.
    skipped : tuple of Skipped
        Tracks with a vector that has no direction.
    seconds : float
        Wall-clock time.
    generation : str
        ``gen-0001``.
    model, subset : str
        The name of their file, which stands for the model and is the collection's name.
    dim : int
        Numbers of a vector.
    segments : int or None
        How many there are; None with one vector a track.
    calibration : CollectionCalibration or None
    uncalibrated : str
        Why there is none; empty where there is one.
    unused_metadata : tuple of str
        Ids that the CSV of metadata names and the file has not.
    """

    performances: int
    works: int
    skipped: tuple[Skipped, ...]
    seconds: float
    generation: str
    model: str
    subset: str
    dim: int
    segments: int | None
    calibration: CollectionCalibration | None
    uncalibrated: str
    unused_metadata: tuple[str, ...]


def build_foreign(
    path: Path,
    workspace: Workspace,
    *,
    metadata: Path | None = None,
    strict: bool = False,
    progress: Progress = silent,
) -> ForeignReport:
    """Publish vectors of anybody's model as the workspace's current generation; they are ranked by cosine.

    Parameters
    ----------
    path : Path
        The vectors (:mod:`covsearch.dataset.vectors`). What the file is called, the collection is.
    workspace : Workspace
    metadata : Path, optional
        A CSV of works, titles, artists and years (:mod:`covsearch.dataset.tracks_csv`); where the file has no ids, its
        rows are in the order of the vectors. With enough works the probability of a cover is fitted on them.
    strict : bool
        Refuse to skip a track, and ids in the CSV that the file has not.
    progress : Progress

    Raises
    ------
    UsageError
        When the file is of another kind, its name can be no collection's, or nothing says the ids.
    NotFoundError, ArtefactError
        When a file is not there, or damaged.
    CovsearchError
        When another build is running in the workspace.
    """
    started = time.perf_counter()
    if not is_collection(path.stem):
        raise UsageError(f"{path}: rename it; a collection is called as its file: {ID_RULE}, and no {COLON!r}")
    with store_of(workspace).writing():
        tracks = read_tracks(metadata) if metadata else None
        found = read_vectors(path, tracks, strict=strict)
        there = [*found.ids, *(one.path for one in found.skipped)]
        if tracks and strict:
            tracks.check_all_in(there)
        performances = {id_: Performance(id_, None) for id_ in found.ids}
        performances = tracks.applied(performances) if tracks else performances
        segments = Segments(found.vectors, found.first)
        several = len(found.vectors) > len(found.ids)
        progress("calibrating", 0, 1)
        fitted = fit_collection(segments, [performances[id_].wid for id_ in found.ids], path.stem)
        progress("calibrating", 1, 1)
        generation = publish(
            workspace,
            found.ids,
            directions(segments),
            cosine_head(found.vectors.shape[1]),
            performances,
            model_files={},
            fingerprint=path.stem,
            features=None,
            subset=path.stem,
            frame_rate=None,
            parts={"segments": segments} if several else {},
            calibration=None if isinstance(fitted, str) else fitted,
            source=path,
            locked=True,
        )
    manifest = generation.manifest
    return ForeignReport(
        performances=manifest.count,
        works=manifest.works,
        skipped=found.skipped,
        seconds=time.perf_counter() - started,
        generation=generation.name,
        model=manifest.model,
        subset=manifest.subset,
        dim=manifest.dim,
        segments=len(found.vectors) if several else None,
        calibration=None if isinstance(fitted, str) else fitted,
        uncalibrated=fitted if isinstance(fitted, str) else "",
        unused_metadata=tracks.not_in(there) if tracks else (),
    )


def refuse_beside_vectors(**options: object) -> None:
    """Refuse options that are of features: foreign vectors are made already.

    Raises
    ------
    UsageError
        Naming the first that is neither None nor False.
    """
    if given := [name for name, value in options.items() if value is not None and value is not False]:
        raise UsageError(f"vectors are made already and go without {given[0]}; leave it out, or the vectors")


def directions(segments: Segments) -> NDArray[np.float32]:
    """One unit vector for each track, (N, D): the mean direction of its segments, or where they cancel, the first."""
    if len(segments.vectors) == len(segments):
        return segments.vectors
    first = segments.first[:-1]
    total = np.add.reduceat(segments.vectors, first, axis=0, dtype=np.float64)
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    weak = lengths[:, 0] < _WEAK
    total[weak], lengths[weak] = segments.vectors[first[weak]], 1
    mean: NDArray[np.float32] = (total / lengths).astype(np.float32)
    return mean


def fit_collection(segments: Segments, works: Sequence[str | None], model: str) -> CollectionCalibration | str:
    """What a cosine is worth, fitted on the collection's own works; or, in words, why it cannot be told.

    Parameters
    ----------
    segments : Segments
        Of N tracks.
    works : sequence of str or None
        The work of each; None where it is not known.
    model : str
        Name of the vectors.
    """
    rows, work = _versions(works)
    count = len(np.unique(work))
    if count < LEAST_WORKS:
        known = f"{counted(count, 'work')} with two versions {'is' if count == 1 else 'are'} known"
        return f"{known}, {LEAST_WORKS} are needed"
    chosen = segments.take(rows.tolist())
    distance = 1 - np.stack([nearest(chosen, chosen.track(row)) for row in range(len(rows))]).astype(np.float64)
    above = np.triu_indices(len(rows), 1)
    label = np.where(work[above[0]] == work[above[1]], COVER, NON_COVER)
    try:
        fitted = fit_calibration(distance[above], label)
        chance = fit_chance(-(fitted.slope * distance + fitted.intercept), work, seed=0)
        chance = replace(chance, threshold=max(chance.threshold, _LEAST_LIKELY))
    except ArtefactError as e:
        return str(e)
    covers = int((label == COVER).sum())
    return CollectionCalibration(
        model, fitted.slope, fitted.intercept, chance, count, len(rows), covers, len(label) - covers
    )


def _versions(works: Sequence[str | None]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of works with two versions or more, whole works until they are enough, and the number of each row's work."""
    rows_of: dict[str, list[int]] = {}
    for row, work in enumerate(works):
        if work is not None:
            rows_of.setdefault(work, []).append(row)
    pairs = [(row, k) for k, rows in enumerate(rows for rows in rows_of.values() if len(rows) > 1) for row in rows]
    if not pairs:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    row, work = np.array(sorted(pairs), dtype=np.int64).T
    chosen = whole_works(work, _ENOUGH, np.random.default_rng(0))
    return row[chosen], work[chosen]
