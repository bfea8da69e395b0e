"""Read a collection in parallel into a packed store (see :mod:`covsearch.features.store`)."""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from covsearch.config import FeatureConfig, to_toml
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.layout import Skipped
from covsearch.dataset.source import FileStamp, Reading, Source
from covsearch.errors import ArtefactError, FeatureFileError
from covsearch.features.frames import prepare
from covsearch.features.slow import slow_chroma
from covsearch.features.sound import LEAST_SECONDS, check_sound
from covsearch.features.store import CONFIG, ENTRIES, FRAMES, SLOW, Entry, FrameStore, read_entries
from covsearch.progress import Progress, silent

_CHUNK = 8  # performances a worker takes at once: ~0.2 s of work, ~0.8 MB sent back
_SMALL = 32 * 2**20  # bytes to read below which starting worker processes costs more than it saves


@dataclass(frozen=True)
class _Job:
    """One performance to read, small enough to be sent to a worker."""

    pid: str
    wid: str | None
    reading: Reading
    config: FeatureConfig
    frame_rate: float


@dataclass(frozen=True)
class _Frames:
    """What is packed of one performance: the frames a branch sees, (L, F), and its slow chroma, (L', F)."""

    seen: NDArray[np.float16]
    slow: NDArray[np.uint8]


@dataclass(frozen=True)
class _Result:
    """A packed performance, or the file and reason it was refused for."""

    job: _Job
    frames: _Frames | None
    stamps: Mapping[str, FileStamp]
    refused: tuple[Path, str] | None = None


def _frames_of(job: _Job) -> _Frames:
    """Read one performance's files, each once."""
    config, rate = job.config, job.frame_rate
    chroma = job.reading.chroma(config.names)
    check_sound(chroma, rate)
    return _Frames(prepare(chroma, config, rate).astype(np.float16), slow_chroma(chroma, config.names, rate)[0])


def _work(jobs: list[_Job]) -> list[_Result]:
    return [_pack_one(job) for job in jobs]


def _pack_one(job: _Job) -> _Result:
    names = job.config.names
    try:
        stamps = job.reading.stamps(names)
        frames = _frames_of(job)
    except FeatureFileError as e:
        return _Result(job, None, {}, (e.path, e.reason))
    except ArtefactError as e:
        return _Result(job, None, {}, (job.reading.path(names), str(e)))
    except OSError as e:
        return _Result(job, None, {}, (Path(e.filename or job.reading.path(names)), e.strerror or str(e)))
    return _Result(job, frames, stamps)


def pack(
    dataset: Source,
    config: FeatureConfig,
    folder: Path,
    *,
    workers: int | None = None,
    strict: bool = False,
    may_be_empty: bool = False,
    progress: Progress = silent,
) -> FrameStore:
    """Pack every performance of `dataset`; what an earlier run packed and has not changed is kept.

    A file counts as unchanged when size and mtime are those of its entry, or else when its sha256 is. Of several
    processes that pack into one folder, one packs and the others wait for it.

    Parameters
    ----------
    dataset : Source
        Opened with (at least) the features of `config`.
    config : FeatureConfig
    folder : Path
        The store; made when missing.
    workers : int, optional
        Reading processes; one a core by default, none when there is little to read.
    strict : bool
        Stop at the first refused file instead of skipping it.
    may_be_empty : bool
        Whether it is no error that all are refused.
    progress : Progress

    Returns
    -------
    FrameStore
        With the refused performances in ``skipped``.

    Raises
    ------
    ArtefactError
        With `strict`, for the first refused file; without, when no performance could be packed and that is an error.
    """
    made_from = _settings(dataset, config)
    _check_configuration(folder, made_from)
    kept = _kept(folder, dataset, config)
    skipped: list[Skipped] = []
    if len(kept) < len(dataset.performances):
        with _locked(folder, made_from, progress) as data:
            kept = _kept(folder, dataset, config)  # another process may have packed some meanwhile
            todo = [
                _Job(pid, p.wid, dataset.reading(pid), config, dataset.frame_rate)
                for pid, p in dataset.performances.items()
                if pid not in kept
            ]
            workers = _workers(dataset, todo) if workers is None else workers
            packed, skipped = _append(folder, data, todo, workers, strict, progress)
        kept.update(packed)
    entries = tuple(kept[pid] for pid in dataset.performances if pid in kept)
    skipped = [Skipped(_below(Path(s.path), dataset.root), s.reason) for s in skipped]
    if not entries and not may_be_empty:
        first = f": {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise ArtefactError(f"{dataset.root}: none of {len(dataset.files)} performances could be read{first}")
    return FrameStore(folder, config, dataset.subset, entries, (*dataset.skipped, *skipped))


@contextmanager
def _locked(folder: Path, settings: str, progress: Progress) -> Iterator[BinaryIO]:
    """The store's data file, open for appending and locked; the kernel frees the lock when the process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FRAMES).open("ab") as data:
        try:
            fcntl.flock(data, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process to pack this collection", 0, 1)
            fcntl.flock(data, fcntl.LOCK_EX)
            progress("waiting for another process to pack this collection", 1, 1)
        if not (folder / CONFIG).is_file():
            draft = folder / f".tmp-{CONFIG}"  # in one step: half a configuration would be another one for ever
            draft.write_text(settings, encoding="utf-8")
            draft.replace(folder / CONFIG)
        try:
            yield data
        except OSError as e:
            e.filename = e.filename or str(folder)  # a full disk names no file
            raise


@dataclass(frozen=True)
class _Source:
    """What the files are, and at which rate the slow chroma is kept, as far as what is packed depends on it."""

    frame_rate: float
    rate_is_given: bool  # then no file is asked what it declares
    least_seconds: float = LEAST_SECONDS
    slow_rate: float = SLOW_RATE


def _settings(dataset: Source, config: FeatureConfig) -> str:
    """TOML of all that decides which frames come from which chroma."""
    return to_toml(features=config, source=_Source(dataset.frame_rate, dataset.rate_is_given))


def _check_configuration(folder: Path, settings: str) -> None:
    path = folder / CONFIG
    if path.is_file() and path.read_text(encoding="utf-8") != settings:
        raise ArtefactError(f"{folder} holds frames of another configuration; delete it or name another folder")


def _kept(folder: Path, dataset: Source, config: FeatureConfig) -> dict[str, Entry]:
    """What an earlier run packed, of performances that are still there and whose files have not changed."""
    known = read_entries(folder, config.width)
    return {pid: e for pid, e in known.items() if pid in dataset.files and _unchanged(e, dataset, config)}


def _unchanged(entry: Entry, dataset: Source, config: FeatureConfig) -> bool:
    if set(entry.files) != set(config.names) or entry.wid != dataset.performances[entry.pid].wid:
        return False
    return dataset.unchanged(entry.pid, entry.files)


def _append(
    folder: Path, data: BinaryIO, todo: list[_Job], workers: int, strict: bool, progress: Progress
) -> tuple[dict[str, Entry], list[Skipped]]:
    """Pack `todo` behind what is there; the entry's line follows its frames."""
    width = todo[0].config.width if todo else 1
    packed: dict[str, Entry] = {}
    skipped: list[Skipped] = []
    with (folder / SLOW).open("ab") as slow, (folder / ENTRIES).open("a", encoding="utf-8") as lines:
        for file, row in ((data, 2 * width), (slow, width)):
            file.truncate(file.seek(0, os.SEEK_END) // row * row)  # half a frame of a killed run
        if lines.tell():
            lines.write("\n")  # closes a line that a killed run cut off
        for done, result in enumerate(_results(todo, workers), 1):
            if result.frames is None:
                skipped.append(_refusal(result, strict))
            else:
                seen = _written(data, result.frames.seen)
                entry = Entry(result.job.pid, result.job.wid, *seen, *_written(slow, result.frames.slow), result.stamps)
                lines.write(entry.line())
                packed[entry.pid] = entry
            progress("packing features", done, len(todo))
    return packed, skipped


def _written(file: BinaryIO, frames: NDArray[Any]) -> tuple[int, int]:
    """Append frames (L, F); first frame and number of frames of what was written."""
    first = file.seek(0, os.SEEK_END) // (frames.itemsize * frames.shape[1])
    file.write(frames.tobytes())
    file.flush()
    return first, len(frames)


def _refusal(result: _Result, strict: bool) -> Skipped:
    assert result.refused is not None
    path, reason = result.refused
    if strict:
        raise FeatureFileError(path, reason)
    return Skipped(str(path), reason)


def _workers(dataset: Source, todo: list[_Job]) -> int:
    """One a core, where there is enough to read."""
    paths = (path for job in todo if not job.reading.quick for path in dataset.files[job.pid].values())
    size = sum(path.stat().st_size for path in paths if path.exists())
    return 1 if size < _SMALL else os.cpu_count() or 1


def _results(todo: list[_Job], workers: int) -> Iterator[_Result]:
    """Results in the order of `todo`, from worker processes when there are several."""
    if workers <= 1 or len(todo) <= _CHUNK:
        yield from map(_pack_one, todo)
        return
    # spawn: forking a process that has started torch's threads can deadlock
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        chunks = iter(todo[i : i + _CHUNK] for i in range(0, len(todo), _CHUNK))
        with _without_interrupts():  # the first chunks start the workers
            pending = [pool.submit(_work, chunk) for chunk in islice(chunks, 4 * workers)]
        try:
            while pending:  # a bounded window: finished frames never pile up in memory
                results: Iterable[_Result] = pending.pop(0).result()
                pending.extend(pool.submit(_work, chunk) for chunk in islice(chunks, 1))
                yield from results
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """In a worker: end when the parent was killed; it would otherwise wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold SIGINT back, here for a moment and in processes started meanwhile for good.

    Ctrl-C goes to every process of a terminal's job; each worker would answer with a traceback, and this process ends
    them anyway.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _below(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def store_folder(cache: Path, dataset: Source, config: FeatureConfig) -> Path:
    """Where the store of `dataset` with `config` is kept: one folder a collection, frame rate and configuration."""
    key = f"{dataset.root.resolve()}\n{dataset.subset}\n{_settings(dataset, config)}"
    return cache / f"{dataset.subset}-{config.features}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:12]}"


def pack_cached(
    cache: Path,
    dataset: Source,
    config: FeatureConfig,
    *,
    strict: bool = False,
    may_be_empty: bool = False,
    progress: Progress = silent,
) -> FrameStore:
    """:func:`pack` into the folder that `cache` keeps for `dataset` and `config`; raises as it does."""
    folder = store_folder(cache, dataset, config)
    return pack(dataset, config, folder, strict=strict, may_be_empty=may_be_empty, progress=progress)
