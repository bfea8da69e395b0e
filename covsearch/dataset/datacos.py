"""Open a Da-TACOS folder: which performances there are, what is known of them, where their files are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import CHROMA
from covsearch.dataset.frame_rate import DATACOS_RATE, frame_rate_of
from covsearch.dataset.hdf5 import DeclaredRateError, read_rate
from covsearch.dataset.ids import natural_key
from covsearch.dataset.layout import SINGLE_FILES, FeatureFile, Layout, Skipped, find_layout, relative, scan
from covsearch.dataset.metadata import Metadata, read_metadata
from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import Performance, known_work
from covsearch.dataset.readings import Hdf5Reading, is_same
from covsearch.dataset.source import FileStamp
from covsearch.errors import ArtefactError, FeatureFileError, NotFoundError, UsageError

__all__ = ["Dataset", "Skipped", "open_dataset"]

EXPECTED = "da-tacos_<subset>_subset_<hpcp|crema|cens|single_files>/W_14_hpcp/P_15_hpcp.h5"

Found = dict[str, dict[str, list[FeatureFile]]]  # pid -> feature -> files


@dataclass(frozen=True)
class Dataset:
    """One subset of a Da-TACOS folder; of its feature files, at most a frame rate has been read.

    Attributes
    ----------
    root : Path
        Absolute.
    subset : str
        ``benchmark``, ``coveranalysis``, ``sample``...
    performances : mapping
        PID -> Performance, in the order of the PIDs' numbers; only those that have every requested feature.
    files : mapping
        PID -> feature -> HDF5 file. In the single-file layout every feature names the same file, which may
        turn out not to hold it.
    skipped : tuple of Skipped
        What is there, or should be, and was left out.
    metadata : Path or None
        The JSON that titles come from; None when there is none.
    frame_rate : float
        Frames/s of the stored chroma.
    rate_is_known : bool
        Whether the caller, a file, a declaration or the subset's name said the frame rate; else it is assumed to be
        Da-TACOS's.
    rate_is_given : bool
        Whether the caller said it, against whatever files declare.
    bundled : bool
        Whether it is the bundled sample, which moves with the package.
    """

    root: Path
    subset: str
    performances: Mapping[str, Performance]
    files: Mapping[str, Mapping[str, Path]]
    skipped: tuple[Skipped, ...] = ()
    metadata: Path | None = None
    frame_rate: float = DATACOS_RATE
    rate_is_known: bool = False
    rate_is_given: bool = False
    bundled: bool = False

    def chroma(self, id_: str, names: Sequence[str]) -> tuple[dict[str, NDArray[np.float32]], float]:
        """Chroma of one performance by feature, each (T, 12), and its frames/s.

        Raises
        ------
        FeatureFileError
            When a file is refused.
        """
        return self.reading(id_).chroma(names), self.frame_rate

    def origin(self, id_: str, stamps: Mapping[str, FileStamp]) -> Origin:
        """Where one performance's chroma is from; `stamps` are of its files when they were read."""
        paths = {name: self.files[id_][name].relative_to(self.root) for name in stamps}
        files = {name: OriginFile(path_text(paths[name]), known.sha256) for name, known in stamps.items()}
        return Origin(None if self.bundled else path_text(self.root), self.subset, self.frame_rate, files)

    def reading(self, id_: str) -> Hdf5Reading:
        """How to read one performance."""
        return Hdf5Reading(id_, self.performances[id_].wid, self.files[id_], self.root, self.rate_to_match)

    def unchanged(self, id_: str, stamps: Mapping[str, FileStamp]) -> bool:
        """Whether a performance's files still are what they were at `stamps`."""
        return all(is_same(old, self.files[id_][name], self.root) for name, old in stamps.items())

    def checksum(self, id_: str, feature: str) -> str | None:
        """SHA-256 of one of its files, hexadecimal; None where there is no such file."""
        path = self.files[id_].get(feature)
        if path is None:
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def having(self, **changes: Any) -> Self:
        """The same collection with other values of its attributes."""
        return replace(self, **changes)

    @property
    def rate_to_match(self) -> float | None:
        """Frames/s that no file may contradict; None where the caller said it."""
        return None if self.rate_is_given else self.frame_rate

    @property
    def works(self) -> Mapping[str, tuple[str, ...]]:
        """WID -> PIDs of its clique; works in the order of their numbers. Performances of unknown works are in none."""
        cliques: dict[str, list[str]] = {}
        for pid, performance in self.performances.items():
            if performance.wid is not None:
                cliques.setdefault(performance.wid, []).append(pid)
        return {wid: tuple(cliques[wid]) for wid in sorted(cliques, key=natural_key)}

    def wids_of(self, pids: Sequence[str]) -> list[str]:
        """The work of each of `pids`; a UsageError where one is not known."""
        return [known_work(pid, self.performances[pid].wid) for pid in pids]

    def of_known_works(self) -> Self:
        """The performances of known works: who needs pairs of covers, can do nothing with others.

        Raises
        ------
        UsageError
            When there is none.
        """
        known = {pid: p for pid, p in self.performances.items() if p.wid is not None}
        if not known:
            raise UsageError(
                f"{self.root}: nothing says which of its {len(self.performances):,} performances are of one work, so "
                "no pair of covers is known: name their works (of audio by `covsearch extract --metadata`)"
            )
        files = {pid: self.files[pid] for pid in known}
        return self if len(known) == len(self.performances) else self.having(performances=known, files=files)

    @property
    def features(self) -> tuple[str, ...]:
        """Features that at least one performance has a file for."""
        return tuple(name for name in CHROMA if any(name in files for files in self.files.values()))


def open_dataset(
    root: Path | str,
    features: Sequence[str] = (),
    *,
    subset: str | None = None,
    strict: bool = False,
    frame_rate: float | None = None,
) -> Dataset:
    """Find the performances of a Da-TACOS folder by its names and its metadata JSON.

    Parameters
    ----------
    root : Path or str
        A folder with feature folders up to three folders below it.
    features : sequence of str
        Features that a performance must have, keys of :data:`~covsearch.dataset.chroma.CHROMA`; none means
        that any one is enough.
    subset : str, optional
        Needed when the folder holds several.
    strict : bool
        Refuse to skip anything.
    frame_rate : float, optional
        Frames/s of the files; by default what the first file that can be read declares, then what ``covsearch.toml`` in
        the folder or beside its feature folders says, then what is known of the subset, else Da-TACOS's 86.13.

    Raises
    ------
    NotFoundError
        When the folder, the subset, a feature, or any usable performance is not there.
    UsageError
        For an unknown feature, several subsets and none named, or a frame rate that is no positive number.
    ArtefactError
        For damaged metadata; when no file can be read, and one because of the frame rate that it declares; with
        `strict` for the first thing that would be skipped.
    """
    unknown = sorted(set(features) - set(CHROMA))
    if unknown:
        raise UsageError(f"unknown features {unknown}; known are {sorted(CHROMA)}")
    layout = _layout(Path(root))
    subset = _choose_subset(layout, subset)
    beside = [folder.path.parent for folder in layout.folders if folder.subset == subset]
    wanted = tuple(features) or tuple(CHROMA)
    skipped = list(layout.skipped)
    found = _find_files(layout, subset, wanted, skipped)
    for name in features:
        if not any(name in by_feature for by_feature in found.values()):
            there = sorted({folder.what for folder in layout.folders if folder.subset == subset})
            of_it = [one for one in skipped if f"_{name}" in one.path]
            refused = f"; of {len(of_it):,} refused the first, {of_it[0].path}: {of_it[0].reason}" if of_it else ""
            raise NotFoundError(f"{root}: subset {subset} has no {name} files; its folders are {there}{refused}")
    metadata = _metadata_path(layout, subset)
    records = read_metadata(metadata, layout.root) if metadata else None
    performances, files = join(found, records, tuple(features), layout.root, skipped)
    left_out = tuple(dict.fromkeys(skipped))  # a folder may have been listed twice
    _check_outcome(layout, subset, left_out, bool(performances), metadata, strict)
    in_file = None if frame_rate is not None else rate_in(files, layout.root)
    rate, is_known = frame_rate_of(subset, frame_rate, [layout.root, *dict.fromkeys(beside)], in_file)
    given = frame_rate is not None
    return Dataset(layout.root, subset, performances, files, left_out, metadata, rate, is_known, given)


def subset_of(root: Path, subset: str | None) -> str:
    """Which subset :func:`open_dataset` would read, by the names of a few folders alone.

    Raises
    ------
    NotFoundError, UsageError
        As `open_dataset`.
    """
    return _choose_subset(_layout(root), subset)


def path_text(path: Path) -> str:
    """`path` as text that can be stored; a name that is no UTF-8 becomes one that can be read, but not opened."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def rate_in(files: Mapping[str, Mapping[str, Path]], root: Path) -> float | None:
    """The frame rate that the first file that can be read declares, frames/s; None where it declares none.

    Raises
    ------
    DeclaredRateError
        When no file can be read, and one because of the rate that it declares.
    """
    wrong: DeclaredRateError | None = None
    for path in (path for by_feature in files.values() for path in by_feature.values()):
        try:
            return read_rate(path, root)
        except DeclaredRateError as e:
            wrong = wrong or e
        except FeatureFileError:
            pass  # who reads it is told why it is refused
    if wrong:
        raise wrong
    return None


def _layout(root: Path) -> Layout:
    if not root.is_dir():
        raise NotFoundError(f"{root} is {'not a folder' if root.exists() else 'not there'}; expected a Da-TACOS folder")
    layout = find_layout(root)
    if not layout.folders:
        left = f" ({layout.skipped[0].path} {layout.skipped[0].reason})" if layout.skipped else ""
        raise NotFoundError(f"{root} has no Da-TACOS feature folder{left}; expected {EXPECTED}")
    return layout


def _choose_subset(layout: Layout, subset: str | None) -> str:
    there = layout.subsets
    if subset is None and len(there) > 1:
        raise UsageError(f"{layout.root} holds the subsets {there}: choose one with --subset")
    if subset is not None and subset not in there:
        raise NotFoundError(f"{layout.root} has no subset {subset!r}; it has {there}")
    return subset or there[0]


def _find_files(layout: Layout, subset: str, wanted: tuple[str, ...], skipped: list[Skipped]) -> Found:
    """All files of the wanted features; a file of its own goes before a single file with every feature."""
    found: Found = {}
    for name in wanted:
        for file in _scan_all(layout, subset, name, skipped):
            found.setdefault(file.pid, {}).setdefault(name, []).append(file)
    singles: dict[str, list[FeatureFile]] = {}
    for file in _scan_all(layout, subset, SINGLE_FILES, skipped):
        singles.setdefault(file.pid, []).append(file)
    for pid, files in singles.items():
        for name in wanted:
            found.setdefault(pid, {}).setdefault(name, files)
    return found


def _scan_all(layout: Layout, subset: str, what: str, skipped: list[Skipped]) -> Iterator[FeatureFile]:
    for folder in layout.folders:
        if (folder.subset, folder.what) == (subset, what):
            yield from scan(folder, layout.root, skipped)


def _metadata_path(layout: Layout, subset: str) -> Path | None:
    paths = [path for named, path in layout.metadata if named == subset]
    if len(paths) > 1:
        raise ArtefactError(f"subset {subset} has {len(paths)} metadata files, {paths[0]} and {paths[1]}: keep one")
    return paths[0] if paths else None


def join(
    found: Found,
    records: Metadata | None,
    required: tuple[str, ...],
    root: Path,
    skipped: list[Skipped],
) -> tuple[dict[str, Performance], dict[str, dict[str, Path]]]:
    """Bring files and metadata together, by PID."""
    performances: dict[str, Performance] = {}
    files: dict[str, dict[str, Path]] = {}
    known = records.performances.keys() if records else set()
    refused = records.refused if records else {}
    unknown = records.unknown if records else frozenset()
    skipped.extend(Skipped(f"{wid}/{pid}", reason) for pid, (wid, reason) in refused.items())
    for pid in sorted((found.keys() | known) - refused.keys(), key=natural_key):
        by_feature = found.get(pid, {})
        performance = _performance(pid, by_feature, records, root, skipped)
        if performance is None:
            continue
        chosen = _choose_files(performance, by_feature, root, skipped)
        missing = [name for name in required if name not in chosen]
        if missing or not chosen:
            what = " and ".join(missing) or "feature"
            skipped.append(Skipped(f"{performance.wid}/{pid}", f"has no {what} file"))
            continue
        performances[pid] = replace(performance, wid=None) if pid in unknown else performance
        files[pid] = chosen
    return performances, files


def _performance(
    pid: str,
    by_feature: Mapping[str, list[FeatureFile]],
    records: Metadata | None,
    root: Path,
    skipped: list[Skipped],
) -> Performance | None:
    """What the metadata says of `pid`; without metadata, what its folders say if they agree."""
    if records is not None and pid in records.performances:
        return records.performances[pid]
    files = [file for files in by_feature.values() for file in files]
    path = relative(files[0].path, root)
    works = sorted({file.wid for file in files}, key=natural_key)
    if records is not None:
        skipped.append(Skipped(path, "is not in the metadata JSON"))
        return None
    if len(works) > 1:
        skipped.append(Skipped(path, f"is in {' and '.join(works)}: of which work is it?"))
        return None
    return Performance(pid=pid, wid=works[0])


def _choose_files(
    performance: Performance, by_feature: Mapping[str, list[FeatureFile]], root: Path, skipped: list[Skipped]
) -> dict[str, Path]:
    chosen: dict[str, Path] = {}
    for name, files in by_feature.items():
        for file in files:
            if file.wid != performance.wid:
                reason = f"is in {file.wid}, but the metadata JSON says {performance.wid}"
            elif name in chosen:
                reason = f"is there twice, also as {relative(chosen[name], root)}"
            else:
                chosen[name] = file.path
                continue
            skipped.append(Skipped(relative(file.path, root), reason))
    return chosen


def _check_outcome(
    layout: Layout, subset: str, skipped: Sequence[Skipped], any_left: bool, metadata: Path | None, strict: bool
) -> None:
    where = f"{layout.root}, subset {subset}"
    first = f"first {skipped[0].path}: {skipped[0].reason}" if skipped else ""
    if strict and skipped:
        raise ArtefactError(f"{where}: {len(skipped):,} would be skipped, {first}\nMend it, or drop --strict")
    if strict and metadata is None:
        raise ArtefactError(f"{where}: no metadata JSON (expected da-tacos_{subset}_subset_metadata.json)")
    if not any_left:
        raise NotFoundError(f"{where}: no usable performance; {first or 'its feature folders hold no feature file'}")
