"""Open single feature files, named one by one instead of by their folder, as small datasets.

What a file is, its path says: ``W_14_hpcp/P_15_hpcp.h5``, or ``W_14/P_15.h5`` for one with every feature. What is
known of it, the metadata JSON of the dataset says in which it lies, or one beside its folder of works.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from covsearch.dataset.chroma import CHROMA
from covsearch.dataset.datacos import Dataset, Found, Skipped, join, open_dataset, rate_in
from covsearch.dataset.frame_rate import frame_rate_of
from covsearch.dataset.hdf5 import read_rate
from covsearch.dataset.ids import PID, WID
from covsearch.dataset.layout import FOLDER, METADATA, SUFFIX, FeatureFile
from covsearch.dataset.metadata import Metadata, read_metadata
from covsearch.errors import ArtefactError, NotFoundError, UsageError

LOOSE = "files"  # what the subset of files is called that lie in no dataset's folder
EXPECTED = "W_<number>_<hpcp|crema|cens>/P_<number>_<same>.h5 or W_<number>/P_<number>.h5"
_NAME = re.compile(
    rf"(?P<wid>{WID.pattern})(?P<suffix>_(?:{'|'.join(CHROMA)}))?/(?P<file>(?P<pid>{PID.pattern})(?P=suffix)?){SUFFIX}"
)


def open_files(
    paths: Sequence[Path], features: Sequence[str], *, frame_rate: float | None = None
) -> tuple[Dataset, ...]:
    """Open feature files by their names; nothing of them is read but a frame rate.

    Parameters
    ----------
    paths : sequence of Path
        Several files of one performance, one a feature, belong together.
    features : sequence of str
        Features that every performance must have.
    frame_rate : float, optional
        Frames/s of the files, as for :func:`~covsearch.dataset.datacos.open_dataset`.

    Returns
    -------
    tuple of Dataset
        One a subset; files in no dataset's folder are of the subset ``files``. Nothing is ever skipped.

    Raises
    ------
    NotFoundError
        When a path is no file.
    UsageError
        When a path does not say of which work and performance the file is.
    ArtefactError
        When a feature is missing, when file and metadata disagree, when the metadata is damaged, or when the files
        declare a frame rate that cannot be.
    """
    groups: dict[str, list[Path]] = {}
    for path in dict.fromkeys(Path(os.path.abspath(path)) for path in paths):  # noqa: PTH100, resolve follows links
        groups.setdefault(_subset(path), []).append(path)
    return tuple(_open(subset, group, features, frame_rate) for subset, group in groups.items())


def open_features(
    paths: Sequence[Path], features: Sequence[str], subset: str | None, strict: bool, frame_rate: float | None
) -> list[tuple[Dataset, bool]]:
    """Folders one by one, then the files; with each, whether nothing of it may be skipped.

    Parameters and errors are those of :func:`~covsearch.dataset.datacos.open_dataset` and :func:`open_files`.
    """
    folders = [path for path in paths if path.is_dir()]
    files = open_files([path for path in paths if path not in folders], features, frame_rate=frame_rate)
    opened = [open_dataset(path, features, subset=subset, strict=strict, frame_rate=frame_rate) for path in folders]
    return [*((dataset, strict) for dataset in opened), *((dataset, True) for dataset in files)]


def rate_of_file(path: Path) -> float | None:
    """The frame rate of a feature file, frames/s, as it or its collection declares it; None where that is not known.

    Raises
    ------
    ArtefactError
        When the file or a declaration is damaged.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100, resolve follows links
    subset = _subset(path)
    folders = [path.parent, path.parent.parent, _top(path, subset)]
    rate, is_known = frame_rate_of(subset, None, folders, read_rate(path))
    return rate if is_known else None


def _subset(path: Path) -> str:
    known = FOLDER.fullmatch(path.parent.parent.name)
    return known["subset"] if known else LOOSE


def _open(subset: str, paths: Sequence[Path], features: Sequence[str], frame_rate: float | None) -> Dataset:
    found: Found = {}
    for path in paths:
        for feature, file in _file(path, features):
            found.setdefault(file.pid, {}).setdefault(feature, []).append(file)
    root = Path(os.path.commonpath([_top(path, subset) for path in paths]))
    metadata = _metadata(paths, subset)
    skipped: list[Skipped] = []
    records = _records(metadata, found) if metadata else None
    performances, files = join(found, records, tuple(features), root, skipped)
    if skipped:
        raise ArtefactError(f"{root / skipped[0].path}: {skipped[0].reason}; nothing was taken")
    tops = dict.fromkeys(_top(path, subset) for path in paths)
    given = frame_rate is not None
    rate, is_known = frame_rate_of(subset, frame_rate, [*tops, root], None if given else rate_in(files, root))
    return Dataset(root, subset, performances, files, (), metadata, rate, is_known, given)


def _file(path: Path, features: Sequence[str]) -> Iterator[tuple[str, FeatureFile]]:
    """The features that the name says are in the file at `path`."""
    if not path.is_file():
        raise NotFoundError(f"{path} is {'not a regular file' if path.exists() else 'not there'}; expected {EXPECTED}")
    name = _NAME.fullmatch(f"{path.parent.name}/{path.name}")
    if not name or name["file"] != f"{name['pid']}{name['suffix'] or ''}":
        raise UsageError(f"{path}: expected a file called {EXPECTED}, so that its work and performance are known")
    names = [name["suffix"][1:]] if name["suffix"] else features
    for feature in names:
        yield feature, FeatureFile(name["wid"], name["pid"], path)


def _top(path: Path, subset: str) -> Path:
    """The folder that a file's dataset is in: its feature folder's, or that of its folder of works."""
    return path.parent.parent if subset == LOOSE else path.parent.parent.parent


def _metadata(paths: Sequence[Path], subset: str) -> Path | None:
    """The one metadata JSON of these files' dataset, if there is any."""
    places: dict[Path, None] = {}
    for path in paths:
        works = path.parent.parent
        above = [works] if subset == LOOSE else [works, works.parent, works.parent.parent]
        places.update(dict.fromkeys(above))
    found = sorted({json.resolve() for place in places for json in _metadata_in(place, subset)})
    if len(found) > 1:
        raise ArtefactError(f"{paths[0]} has {len(found)} metadata files, {found[0]} and {found[1]}: keep one")
    return found[0] if found else None


def _metadata_in(folder: Path, subset: str) -> Iterator[Path]:
    """Metadata in `folder` and in the folders for it right below, where Da-TACOS has it."""
    for place in (folder, *folder.glob("*_metadata")):
        for path in place.glob("*_metadata.json"):
            name = METADATA.fullmatch(path.name)
            if name and subset in (name["subset"], LOOSE) and path.is_file() and not path.is_symlink():
                yield path


def _records(metadata: Path, found: Found) -> Metadata:
    read = read_metadata(metadata)
    performances = {pid: performance for pid, performance in read.performances.items() if pid in found}
    return Metadata(performances, {pid: why for pid, why in read.refused.items() if pid in found}, read.unknown)
