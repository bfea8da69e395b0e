"""Move an index from one store to another: a folder to a database, and back."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from covsearch.errors import ArtefactError, UsageError
from covsearch.index.collection_calibration import CollectionCalibration
from covsearch.index.part import Part
from covsearch.index.parts import PARTS
from covsearch.progress import Progress, silent
from covsearch.store import store_of
from covsearch.store.protocols import Contents, Opened
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.index.manifest import Manifest

CHUNK = 2_000  # performances that are fetched together
_VECTORS = "vectors.npy"


@dataclass(frozen=True)
class CopyReport:
    """What copying did.

    Attributes
    ----------
    source, target : str
        Where the index is, and where it is now too.
    performances, works : int
    generation : str
        The new one, of the target.
    resumed : int
        Performances that a run which was stopped had fetched already.
    seconds : float
        Wall-clock time.
    """

    source: str
    target: str
    performances: int
    works: int
    generation: str
    resumed: int
    seconds: float


def copy_index(source: Workspace, target: Workspace, cache: Path, progress: Progress = silent) -> CopyReport:
    """Publish the current state of `source` in `target`, and compare the two value by value.

    What is fetched is kept in `cache` until the copy is published, so that a run that was stopped goes on where it was.
    Corrections are copied where `target` has none.

    Parameters
    ----------
    source, target : Workspace
    cache : Path
        A folder for what was fetched.
    progress : Progress

    Raises
    ------
    UsageError
        When both are the same place.
    NotFoundError
        When `source` has no index.
    ArtefactError
        When what is stored is damaged, or the copy is not what was copied.
    CovsearchError
        When another build is running in `target`.
    """
    started = time.perf_counter()
    old, new = store_of(source), store_of(target)
    if old.place == new.place:
        raise UsageError(f"{old.place} is both the index to copy and the place for it: name two places")
    current = hashlib.sha256(f"{old.place}\n{old.current()}".encode()).hexdigest()[:16]
    folder = cache / "copy" / current
    with new.writing():
        contents, resumed = old.read(lambda opened: _fetched(opened, folder, progress), None)
        state = new.publish(contents)
        new.read(lambda opened: _compare(opened, contents, progress), None)
        said = old.corrections()
        new.amend(lambda text: text or said)
    shutil.rmtree(folder, ignore_errors=True)
    counts = (state.manifest.count, state.manifest.works)
    return CopyReport(old.place, new.place, *counts, state.name, resumed, time.perf_counter() - started)


def _fetched(opened: Opened, folder: Path, progress: Progress) -> tuple[Contents, int]:
    """All of a state, in memory, and how many performances of it were fetched before."""
    names, facts = list(opened.vectors.names), opened.state.manifest
    chunks = list(_chunks(len(names)))
    kept = 0
    for done, rows in enumerate(chunks):
        progress("fetching", done, len(chunks))
        kept += _keep(opened, rows, folder / f"{rows.start:09d}")
    progress("fetching", len(chunks), len(chunks))
    folders = [folder / f"{rows.start:09d}" for rows in chunks]
    manifest = cast("Manifest", facts)
    parts = {
        name: _joined([PARTS[name].part.load(one / PARTS[name].file, manifest) for one in folders])
        for name in opened.parts
    }
    stored, calibration = opened.catalogue.stored(names), opened.state.calibration()
    contents = Contents(
        names,
        [stored[name] for name in names],
        np.concatenate([np.load(one / _VECTORS, allow_pickle=False) for one in folders]),
        parts,
        dict(opened.catalogue.origins(names)),
        opened.vectors.head,
        opened.state.model_files(),
        facts.model,
        facts.features,
        facts.subset,
        facts.frame_rate,
        facts.source,
        calibration if isinstance(calibration, CollectionCalibration) else None,
    )
    return contents, kept


def _chunks(count: int) -> Iterator[range]:
    for start in range(0, count, CHUNK):
        yield range(start, min(start + CHUNK, count))


def _keep(opened: Opened, rows: range, folder: Path) -> int:
    """Fetch some performances into a folder, which has its name when all is in it; how many were there already."""
    if folder.is_dir():
        return len(rows)
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    np.save(draft / _VECTORS, opened.vectors.take(rows))
    for name, part in opened.parts.items():
        part.take(rows).save(draft / PARTS[name].file)
    draft.rename(folder)
    return 0


def _joined(parts: Sequence[Part]) -> Part:
    """All of them, one after the other; by halves, since every sum copies both."""
    if len(parts) == 1:
        return parts[0].take(range(len(parts[0])))
    middle = len(parts) // 2
    return _joined(parts[:middle]) + _joined(parts[middle:])


def _compare(opened: Opened, made: Contents, progress: Progress) -> None:
    """Refuse a copy that is not what was copied, with an ArtefactError."""
    names = list(made.names)
    head, catalogue = opened.vectors.head, opened.catalogue
    _check("ids", list(opened.vectors.names) == names)
    _check("metadata", catalogue.stored(names) == dict(zip(names, made.performances, strict=True)))
    _check("origins", catalogue.origins(names) == made.origins)
    _check("head", head.alpha.tobytes() == made.head.alpha.tobytes() and head.beta == made.head.beta)
    _check("model", opened.state.model_files() == made.model_files)
    chunks = list(_chunks(len(names)))
    for done, rows in enumerate(chunks):
        progress("comparing", done, len(chunks))
        _check("vectors", opened.vectors.take(rows).tobytes() == made.vectors[rows.start : rows.stop].tobytes())
        for name, part in opened.parts.items():
            own, other = part.take(rows), made.parts[name]
            same = all(own.blob(place) == other.blob(row) for place, row in enumerate(rows))
            _check(name, same)
    progress("comparing", len(chunks), len(chunks))


def _check(what: str, same: bool) -> None:
    if not same:
        raise ArtefactError(f"the {what} of the copy are not those of the index: run `covsearch verify` on both")
