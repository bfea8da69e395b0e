"""What the paths that somebody gave are: Da-TACOS folders, feature files, folders of audio or audio files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from covsearch.collections.audio import HPCP, open_audio
from covsearch.collections.scan import has_audio, no_audio
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.files import open_features
from covsearch.dataset.layout import find_layout
from covsearch.dataset.origin import Origin
from covsearch.dataset.sample import sample_root
from covsearch.dataset.source import Source
from covsearch.errors import NotFoundError, UsageError
from covsearch.features.audio import is_audio
from covsearch.progress import Progress, silent
from covsearch.synthesis.suffixes import is_notation


def is_audio_folder(path: Path) -> bool:
    """Whether a folder has audio below it and no feature folder of Da-TACOS."""
    return path.is_dir() and not find_layout(path).folders and has_audio(path)


@contextmanager
def _or_audio(paths: Sequence[Path]) -> Iterator[None]:
    """Where a path holds no features at all, the error says that audio would do too."""
    try:
        yield
    except NotFoundError as e:
        if all(path.is_dir() and find_layout(path).folders for path in paths):
            raise
        without = [f"{no_audio(path)}, and " for path in paths if path.is_dir() and not has_audio(path)]
        raise NotFoundError(f"{''.join(without[:1])}{e}, or a folder of audio") from e


def open_folder(
    folder: Path | None,
    names: Sequence[str],
    cache: Path,
    *,
    subset: str | None = None,
    strict: bool = False,
    frame_rate: float | None = None,
    progress: Progress = silent,
) -> Source:
    """Open a collection by its folder.

    Parameters
    ----------
    folder : Path or None
        A Da-TACOS folder or one of audio; None is the bundled sample.
    names : sequence of str
        Features that every performance must have.
    cache : Path
        The workspace's.
    subset : str, optional
        Which one, of a Da-TACOS folder with several; the collection's name, of audio.
    strict : bool
        Refuse to skip anything.
    frame_rate : float, optional
        Frames/s of feature files.
    progress : Progress

    Raises
    ------
    UsageError
        For a frame rate of audio, and a model that sees what audio does not give.
    CovsearchError
        As :func:`~covsearch.dataset.datacos.open_dataset` and :func:`~covsearch.collections.audio.open_audio`.
    """
    if folder is not None and is_audio_folder(folder):
        check_for_audio(names, frame_rate)
        return open_audio(folder, cache, name=subset, strict=strict, progress=progress)
    root = sample_root() if folder is None else folder
    with _or_audio([root]):
        dataset = open_dataset(root, names, subset=subset, strict=strict, frame_rate=frame_rate)
    return dataset.having(bundled=folder is None)


def open_given(
    paths: Sequence[Path],
    names: Sequence[str],
    cache: Path,
    roots: Mapping[Path, str],
    *,
    subset: str | None = None,
    strict: bool = False,
    frame_rate: float | None = None,
    progress: Progress = silent,
) -> list[tuple[Source, bool]]:
    """Open folders and single files; with each source, whether nothing of it may be skipped.

    Audio inside a folder that was indexed before is of that collection. Another file's collection is its folder.

    Parameters
    ----------
    paths : sequence of Path
    names, cache, subset, strict, frame_rate, progress
        As for :func:`open_folder`.
    roots : mapping
        Folders of audio that were indexed before -> names of the collections (:func:`audio_roots`).

    Raises
    ------
    NotFoundError
        When an audio file is not there.
    UsageError
        For a file of notes.
    CovsearchError
        As :func:`open_folder` and :func:`~covsearch.dataset.files.open_features`.
    """
    if missing := [path for path in paths if is_audio(path) and not path.exists()]:
        raise NotFoundError(f"{missing[0]} is not there; expected an audio file")
    if notes := [path for path in paths if is_notation(path) and path.is_file()]:
        raise UsageError(
            f"{notes[0]}: notes can be asked with (`covsearch query {notes[0].name}`), not added: "
            "expected audio or features"
        )
    folders = [path for path in paths if is_audio_folder(path)]
    files = [path for path in paths if is_audio(path) and not path.is_dir()]
    others = [path for path in paths if path not in folders and path not in files]
    with _or_audio(others):
        found: list[tuple[Source, bool]] = [*open_features(others, names, subset, strict, frame_rate)]
    groups: dict[tuple[Path, bool], list[Path]] = {}
    for path in [*folders, *files]:
        absolute = Path(os.path.realpath(path)) if path in folders else path.parent.resolve() / path.name
        root = nearest_root(absolute, roots, absolute if path in folders else absolute.parent)
        groups.setdefault((root, path in files), []).append(absolute)
    if groups:
        check_for_audio(names, frame_rate)
    for (root, whole), below in groups.items():
        name = roots.get(root, subset)
        source = open_audio(root, cache, below=below, name=name, strict=strict or whole, progress=progress)
        found.append((source, strict or whole))
    return found


def audio_roots(origins: Mapping[str, Origin]) -> dict[Path, str]:
    """The folders of audio that performances were indexed from, and what their collections are called."""
    audio = (origin for origin in origins.values() if is_of_audio(origin))
    return {Path(origin.folder): origin.subset for origin in audio if origin.folder is not None}


def is_of_audio(origin: Origin) -> bool:
    """Whether a performance was indexed from an audio file."""
    file = origin.files.get(HPCP)
    return origin.folder is not None and file is not None and is_audio(Path(file.path))


def audio_file(origin: Origin) -> Path | None:
    """The audio file that a performance was indexed from, if it still is in its collection's folder."""
    if not is_of_audio(origin):
        return None
    root = Path(str(origin.folder))
    path = root / origin.files[HPCP].path
    inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    return path if inside and path.is_file() else None


def check_for_audio(names: Sequence[str], frame_rate: float | None) -> None:
    """Refuse audio for a model that sees more than HPCP, and a frame rate of what has its own.

    Raises
    ------
    UsageError
    """
    if tuple(names) != (HPCP,):
        raise UsageError(f"expected a model that sees hpcp, which is what audio gives; this one sees {'+'.join(names)}")
    if frame_rate is not None:
        raise UsageError("a frame rate is of feature files; audio has its own: leave it out")


def nearest_root(path: Path, roots: Mapping[Path, str], otherwise: Path) -> Path:
    """The nearest folder that was indexed before and has `path` in it."""
    above = [root for root in roots if path.is_relative_to(root)]
    return max(above, key=lambda root: len(root.parts), default=otherwise)
