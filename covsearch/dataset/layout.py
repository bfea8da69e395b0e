"""Find Da-TACOS's folders and files by name, reading none of them.

Two layouts, and any mixture of them under one root::

    da-tacos_benchmark_subset_hpcp/W_14_hpcp/P_15_hpcp.h5       one file a feature (hpcp, crema, cens)
    da-tacos_benchmark_subset_single_files/W_14/P_15.h5         one file with every feature
    da-tacos_metadata/da-tacos_benchmark_subset_metadata.json

The prefix ``da-tacos_`` may be missing, ``.h5`` may be ``.hdf5`` or in capitals, unzipping may have doubled a folder,
and the root may be one of the feature folders itself. What is in a folder of works and is none of this is listed. The
other features' folders (mfcc, key, madmom, tags) are passed over. Symbolic links are followed only to places inside the
root.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from covsearch.dataset.chroma import CHROMA
from covsearch.dataset.ids import PID, WID

SINGLE_FILES = "single_files"
HIDDEN = (".", "__MACOSX")  # how names begin that are passed over
MAX_DEPTH = 3  # root / what the user made / doubled by unzipping / feature folder
_SUBSET = r"(?:da-tacos_)?(?P<subset>[A-Za-z0-9][A-Za-z0-9_.-]*?)_subset_"
FOLDER = re.compile(rf"{_SUBSET}(?P<what>{'|'.join(CHROMA)}|{SINGLE_FILES})")
SUFFIX = r"\.(?i:h5|hdf5|he5)"
_ALIKE = re.compile(
    r"\.(?:h5|hdf5|he5)(?:\.\w+)?", re.IGNORECASE
)  # how the name of a feature file may end, packed or not
METADATA = re.compile(rf"{_SUBSET}metadata\.json")


@dataclass(frozen=True)
class Skipped:
    """Something that was left out of a dataset.

    Attributes
    ----------
    path : str
        Relative to the dataset's root; ``W_1/P_2`` for a performance without a file.
    reason : str
        Why, in a few words, without the path.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class FeatureFolder:
    """A folder of works: of one feature, or of files with every feature (`what` is ``single_files``)."""

    path: Path
    subset: str
    what: str


@dataclass(frozen=True)
class Layout:
    """What a root holds, by name alone.

    Attributes
    ----------
    root : Path
        Absolute, links resolved.
    folders : tuple of FeatureFolder
        Sorted by path.
    metadata : tuple of (str, Path)
        Subset and path of every metadata JSON.
    skipped : tuple of Skipped
        Folders that cannot be listed and links that are not followed.
    """

    root: Path
    folders: tuple[FeatureFolder, ...]
    metadata: tuple[tuple[str, Path], ...]
    skipped: tuple[Skipped, ...]

    @property
    def subsets(self) -> list[str]:
        """Subsets that have feature files, sorted."""
        return sorted({folder.subset for folder in self.folders})


@dataclass(frozen=True)
class FeatureFile:
    """One HDF5 file and what its path says of it."""

    wid: str
    pid: str
    path: Path


def find_layout(root: Path) -> Layout:
    """Look for feature folders and metadata at most three folders below `root` (an existing folder)."""
    root = root.resolve()
    folders: dict[Path, FeatureFolder] = {}
    metadata: dict[Path, str] = {}
    skipped: list[Skipped] = []
    level = [root]
    for depth in range(MAX_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            match = FOLDER.fullmatch(folder.name)
            if match and folder.resolve() not in folders:
                folders[folder.resolve()] = FeatureFolder(folder, match["subset"], match["what"])
            for entry in _listed(folder, root, skipped):
                found = METADATA.fullmatch(entry.name)
                if found and entry.is_file():
                    metadata.setdefault(Path(entry.path).resolve(), found["subset"])
                elif depth < MAX_DEPTH and entry.is_dir() and not entry.name.startswith("W_"):
                    below.append(Path(entry.path))
        level = sorted(below)
    return Layout(
        root=root,
        folders=tuple(folders.values()),
        metadata=tuple((subset, path) for path, subset in metadata.items()),
        skipped=tuple(skipped),
    )


def scan(folder: FeatureFolder, root: Path, skipped: list[Skipped]) -> Iterator[FeatureFile]:
    """Every well-named file of a feature folder; anything misnamed or unsafe is added to `skipped`.

    Parameters
    ----------
    folder : FeatureFolder
    root : Path
        The dataset's root, links resolved.
    skipped : list of Skipped
        Added to.
    """
    suffix = "" if folder.what == SINGLE_FILES else f"_{folder.what}"
    work_name = re.compile(rf"({WID.pattern}){suffix}")
    file_name = re.compile(rf"({PID.pattern}){suffix}{SUFFIX}")
    for work in _listed(folder.path, root, skipped):
        name = work_name.fullmatch(work.name)
        if name and work.is_dir():
            yield from _scan_work(work.path, name[1], file_name, f"P_<number>{suffix}.h5", root, skipped)
        elif (
            _ALIKE.search(work.name) or work.name.startswith("P_") or (work.is_dir() and not _belongs_above(work.name))
        ):
            expected = f"a folder W_<number>{suffix}"
            skipped.append(Skipped(relative(work.path, root), f"is misnamed; expected {expected}"))


def _belongs_above(name: str) -> bool:
    """Whether a folder among works is there because unzipping nested what belongs side by side."""
    return FOLDER.fullmatch(name) is not None or name.endswith("_metadata")


def _scan_work(
    path: str, wid: str, file_name: re.Pattern[str], expected: str, root: Path, skipped: list[Skipped]
) -> Iterator[FeatureFile]:
    for entry in _listed(path, root, skipped):
        name = file_name.fullmatch(entry.name)
        if name and entry.is_file():
            yield FeatureFile(wid, name[1], Path(entry.path))
        elif name:
            reason = "is a folder, not an HDF5 file" if entry.is_dir() else "is not a regular file"
            skipped.append(Skipped(relative(entry.path, root), reason))
        else:
            skipped.append(Skipped(relative(entry.path, root), f"{_why_not(entry)}; expected {expected}"))


def _why_not(entry: os.DirEntry[str]) -> str:
    """Why something in a work's folder is no feature file."""
    if entry.is_dir():
        return "is a folder"
    if entry.name.lower().endswith((".gz", ".bz2", ".xz", ".zip", ".zst")):
        return "is compressed: unpack it"
    return "is misnamed" if _ALIKE.search(entry.name) else "is no HDF5 file"


def _listed(folder: Path | str, root: Path, skipped: list[Skipped]) -> Iterator[os.DirEntry[str]]:
    """Entries of a folder by name, without hidden ones and without links that leave `root`."""
    for entry in listed(folder, relative(folder, root), skipped):
        refusal = _refusal(entry, root) if entry.is_symlink() else None
        if refusal:
            skipped.append(Skipped(relative(entry.path, root), refusal))
            continue
        yield entry


def listed(folder: Path | str, name: str, skipped: list[Skipped]) -> list[os.DirEntry[str]]:
    """Entries of a folder by name, without hidden ones; a folder that cannot be listed is skipped, as `name`."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(HIDDEN)), key=lambda entry: entry.name)
    except OSError as e:
        skipped.append(Skipped(name, f"cannot be listed: {e.strerror}"))
        return []


def _refusal(link: os.DirEntry[str], root: Path) -> str | None:
    """Why a symbolic link is not followed; None when it is."""
    if not Path(os.path.realpath(link.path)).is_relative_to(root):
        return "is a symbolic link out of the dataset: not followed"
    try:
        link.stat()
    except OSError as e:  # to itself, to nothing, through a file
        return f"is a symbolic link that cannot be followed: {e.strerror}"
    return None


def relative(path: Path | str, root: Path) -> str:
    """`path` below `root` as text."""
    return os.path.relpath(path, root)
