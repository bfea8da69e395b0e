"""A folder of audio as a collection: ids are paths, works and titles are from tags, chroma is decoded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from covsearch.collections.heard import Heard, Ledger, chroma_folder, read_cached
from covsearch.collections.pool import answers
from covsearch.collections.scan import AudioFile, none_read, scan_audio
from covsearch.collections.tags import Tags
from covsearch.dataset.datacos import path_text
from covsearch.dataset.ids import natural_key
from covsearch.dataset.layout import Skipped
from covsearch.dataset.names import COLON, is_collection
from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import Performance
from covsearch.dataset.source import FileStamp
from covsearch.errors import ArtefactError, FeatureFileError, NotFoundError, UsageError
from covsearch.features.audio import SAMPLE_RATE, SEARCH_HOP
from covsearch.progress import Progress, silent

HPCP = "hpcp"
RATE = SAMPLE_RATE / SEARCH_HOP  # frames/s
STAGE = "reading audio"


@dataclass(frozen=True)
class AudioReading:
    """A :class:`~covsearch.dataset.source.Reading` of one audio file: of what was decoded of it.

    Attributes
    ----------
    file : Path
    stamp : FileStamp
    folder : Path
        Of the cache.
    """

    file: Path
    stamp: FileStamp
    folder: Path

    @property
    def quick(self) -> bool:
        """Yes: the work was decoding."""
        return True

    def path(self, names: Sequence[str]) -> Path:
        """The audio file."""
        return self.file

    def stamps(self, names: Sequence[str]) -> dict[str, FileStamp]:
        """What the file was when it was decoded."""
        return {HPCP: self.stamp}

    def chroma(self, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """HPCP, (T, 12); a FeatureFileError where the cache is damaged."""
        try:
            return {HPCP: read_cached(self.folder, self.stamp.sha256)}
        except ArtefactError as e:
            raise FeatureFileError(self.file, str(e)) from e


@dataclass(frozen=True)
class AudioFolder:
    """A :class:`~covsearch.dataset.source.Source` of audio files that are all decoded; made by :func:`open_audio`.

    Attributes
    ----------
    root : Path
        Absolute, links resolved.
    subset : str
        The collection's name: the folder's.
    performances : mapping
        Id, the path from `root`, -> performance, as its tags have it.
    files : mapping
        Id -> ``hpcp`` -> the audio file.
    heard : mapping
        Id -> what the file was when it was read.
    earlier : mapping
        Id -> all tags that the file was seen with.
    cache : Path
        Folder of decoded audio.
    skipped : tuple of Skipped
    metadata : Path or None
        A CSV, where there was one.
    frame_rate : float
        Frames/s; of all audio the same.
    """

    root: Path
    subset: str
    performances: Mapping[str, Performance]
    files: Mapping[str, Mapping[str, Path]]
    heard: Mapping[str, Heard] = field(repr=False)
    earlier: Mapping[str, Sequence[Tags]] = field(repr=False)
    cache: Path
    skipped: tuple[Skipped, ...] = ()
    metadata: Path | None = None
    frame_rate: float = RATE
    rate_is_known: bool = True
    rate_is_given: bool = False

    def chroma(self, id_: str, names: Sequence[str]) -> tuple[dict[str, NDArray[np.float32]], float]:
        """HPCP of one performance, (T, 12), and its frames/s; raises as :class:`AudioReading`."""
        return self.reading(id_).chroma(names), self.frame_rate

    def origin(self, id_: str, stamps: Mapping[str, FileStamp]) -> Origin:
        """Which file one performance is, with the checksum of its sound."""
        files = {name: OriginFile(id_, known.sha256) for name, known in stamps.items()}
        return Origin(path_text(self.root), self.subset, self.frame_rate, files)

    def reading(self, id_: str) -> AudioReading:
        """How to read one performance."""
        return AudioReading(self.files[id_][HPCP], self._stamp(id_), self.cache)

    def unchanged(self, id_: str, stamps: Mapping[str, FileStamp]) -> bool:
        """Whether a file has the sound that it had at `stamps`."""
        return all(old.sha256 == self.heard[id_].content for old in stamps.values())

    def checksum(self, id_: str, feature: str) -> str | None:
        """SHA-256 of a file's sound, hexadecimal."""
        return self.heard[id_].content if feature in self.files[id_] else None

    def was_said(self, stored: Performance) -> bool:
        """Whether a performance is just as a file's tags, those of now or earlier ones, have it."""
        return any(tags.performance(stored.pid) == stored for tags in self.earlier.get(stored.pid, ()))

    def having(self, **changes: Any) -> Self:
        """The same collection with other values of its attributes."""
        return replace(self, **changes)

    def _stamp(self, id_: str) -> FileStamp:
        heard = self.heard[id_]
        return FileStamp(heard.size, heard.mtime_ns, heard.content)


def open_audio(
    root: Path,
    cache: Path,
    *,
    below: Sequence[Path] = (),
    name: str | None = None,
    strict: bool = False,
    workers: int | None = None,
    progress: Progress = silent,
) -> AudioFolder:
    """Find the audio files of a folder and decode those that are not in the cache.

    Each file is decoded in a worker process, within limits. What was decoded, and what was refused, is remembered file
    by file: an interrupted run loses at most the files that it was at.

    Parameters
    ----------
    root : Path
        A folder.
    cache : Path
        The workspace's.
    below : sequence of Path
        Only these of its folders and files; none means all.
    name : str, optional
        Of the collection; by default the folder's.
    strict : bool
        Refuse to skip anything.
    workers : int, optional
        Processes; by default one a core.
    progress : Progress

    Raises
    ------
    NotFoundError
        When the folder is not there.
    ArtefactError
        When no file can be read; with `strict`, for the first that cannot be.
    UsageError
        When the folder's name cannot be a collection's.
    """
    if not root.is_dir():
        raise NotFoundError(f"{root} is {'not a folder' if root.exists() else 'not there'}; expected a folder of audio")
    root = root.resolve()
    found, skipped = scan_audio(root, below)
    ledger = Ledger(chroma_folder(cache), root)
    heard, refused = _hear(ledger, found, chroma_folder(cache), workers, progress)
    skipped += refused
    if strict and skipped:
        first = root / skipped[0].path
        way = "leave it out" if first in below else "drop --strict"
        raise ArtefactError(f"{first}: {skipped[0].reason}; mend it, or {way}")
    if not heard:
        raise ArtefactError(none_read(below[0] if len(below) == 1 else root, skipped))
    ids = sorted(heard, key=natural_key)
    return AudioFolder(
        root,
        name or collection_name(root),
        {id_: heard[id_].tags.performance(id_) for id_ in ids},
        {id_: {HPCP: root / id_} for id_ in ids},
        heard,
        ledger.tags,
        chroma_folder(cache),
        tuple(skipped),
    )


def collection_name(root: Path) -> str:
    """What the collection in a folder is called: as the folder.

    Raises
    ------
    UsageError
        When that cannot be the name of a collection.
    """
    name = root.name.replace(COLON, "-") or "audio"
    if not is_collection(name):
        raise UsageError(f"{path_text(root)}: its name cannot be a collection's: say --subset, or rename it")
    return name


def _hear(
    ledger: Ledger, files: Sequence[AudioFile], folder: Path, workers: int | None, progress: Progress
) -> tuple[dict[str, Heard], list[Skipped]]:
    """Decode what has not been decoded; what is known of each file then, and which ones are refused."""
    known = {file.id: heard for file in files if (heard := ledger.of(file))}
    todo = [file for file in files if file.id not in known]
    failed = 0
    for done, heard in enumerate(_read(todo, folder, workers), 1):
        known[heard.id] = heard
        failed += bool(heard.refused)
        if not heard.may_pass:
            ledger.add(heard)
        progress(f"{STAGE} · {failed:,} failed" if failed else STAGE, done, len(todo))
    refused = [Skipped(file.id, known[file.id].refused) for file in files if known[file.id].refused]
    return {id_: heard for id_, heard in known.items() if not heard.refused}, refused


def _read(files: Sequence[AudioFile], folder: Path, workers: int | None) -> Iterator[Heard]:
    """What the workers say of files, in the order in which they are done."""
    by_id = {file.id: file for file in files}
    jobs = ({"id": f.id, "path": str(f.path), "hop": SEARCH_HOP, "chroma": str(folder)} for f in files)
    for job, told in answers(jobs, workers):
        file = by_id[job["id"]]
        if "refused" in told:
            may_pass = bool(told.get("may_pass"))
            yield Heard(file.id, file.size, file.mtime_ns, refused=str(told["refused"]), may_pass=may_pass)
        else:
            yield Heard(file.id, file.size, file.mtime_ns, told["content"], Tags(**told["tags"]))
