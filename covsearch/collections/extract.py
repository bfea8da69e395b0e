"""From a folder of audio to HDF5 features in Da-TACOS's layout, for covsearch and whatever else reads that.

::

    out/Music_subset_hpcp/W_1_hpcp/P_1_hpcp.h5      HPCP at hop 512, 86.13 frames/s
    out/Music_metadata/Music_subset_metadata.json   titles, artists, years
    out/Music_files.csv                             which file each performance is
    out/Music_quarantine.jsonl                      which files cannot be read, and why
    out/covsearch.toml                              name and frame rate
"""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from covsearch.collections.audio import collection_name
from covsearch.collections.hands import Hands, hands
from covsearch.collections.hdf5 import drop_drafts, move_hpcp
from covsearch.collections.pool import Job
from covsearch.collections.quarantine import Quarantine
from covsearch.collections.scan import AudioFile, none_read, scan_audio
from covsearch.collections.tags import Tags
from covsearch.collections.worker import is_written
from covsearch.dataset.frame_rate import DATACOS_RATE, DECLARATION
from covsearch.dataset.layout import Skipped
from covsearch.dataset.metadata import UNKNOWN
from covsearch.dataset.performance import Performance
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.features.audio import DATASET_HOP
from covsearch.progress import Progress, silent

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.-]+")
_COLUMNS = ("performance", "work", "file")


@dataclass(frozen=True)
class ExtractReport:
    """What extracting did.

    Attributes
    ----------
    extracted : int
        Files of which HPCP was written.
    kept : int
        Files of which it was there already.
    unknown_works : int
        Files whose work nothing names; the metadata says so.
    skipped : tuple of Skipped
    folder : str
        Of the features.
    seconds : float
        Wall-clock time.
    unused_metadata : tuple of str
        Ids that the CSV of metadata names and that the folder has not.
    """

    extracted: int
    kept: int
    unknown_works: int
    skipped: tuple[Skipped, ...]
    folder: str
    seconds: float
    unused_metadata: tuple[str, ...] = ()


def extract_folder(
    folder: Path,
    out: Path,
    *,
    metadata: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> ExtractReport:
    """Write HPCP of all audio files of a folder. A run that was stopped goes on where it was.

    What is named as of another work than in an earlier run, is moved to that work's folder.
    A file whose worker dies is tried twice more. One that cannot be read is remembered with its reason, and is tried
    again when it has changed.

    Parameters
    ----------
    folder, out : Path
        Of audio, and of features.
    metadata : Path, optional
        A CSV of works, titles, artists and years by path, as for :func:`covsearch.indexing.build_index`.
    workers : int, optional
        Processes; by default one a core.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``, whose workers do the work. They must see both folders at the
        same paths.
    progress : Progress

    Raises
    ------
    NotFoundError
        When `folder` is not there.
    ArtefactError
        When it has no audio file that can be read, or what an earlier run left in `out` is damaged.
    UsageError
        When `out` is `folder` or in it.
    UsageError, MissingExtraError, CovsearchError
        When the scheduler cannot be used, see :func:`covsearch.collections.cluster.connected`; CovsearchError also
        when nothing can be decoded or written here.
    """
    started = time.perf_counter()
    if not folder.is_dir():
        raise NotFoundError(
            f"{folder} is {'not a folder' if folder.exists() else 'not there'}; expected a folder of audio"
        )
    root, out = folder.resolve(), out.absolute()
    if out.resolve().is_relative_to(root):
        raise UsageError(
            f"{out} is in {folder}, which would be a collection of features then, and of audio no more; "
            "say --out of a folder that is elsewhere"
        )
    files, skipped = scan_audio(root)
    name = _NOT_IN_A_NAME.sub("-", collection_name(root)).strip("-.") or "audio"
    listed, held = out / f"{name}_files.csv", out / f"{name}_quarantine.jsonl"
    fresh, made_out = [path for path in (listed, held) if not path.exists()], not out.exists()
    with hands(workers, scheduler) as hand:
        reader = _Reader(root, files, hand, Quarantine(held), skipped, progress)
        performances = {id_: found.performance(id_) for id_, found in reader.tags().items()}
        tracks = read_tracks(metadata) if metadata else None
        if tracks:
            performances = tracks.applied(performances)
        before = _listed(listed)
        numbers = _numbered(before, performances)
        for id_, names in before.items():
            if names != numbers[id_] and (old := _target(out, name, *names)).is_file():
                move_hpcp(old, _target(out, name, *numbers[id_]), numbers[id_][1])
        _list(listed, numbers)
        targets = {file.id: _target(out, name, *numbers[file.id]) for file in files if file.id in performances}
        todo = [file for file in files if file.id in targets and not is_written(targets[file.id], file.mtime_ns)]
        written = reader.write([_job(file, targets[file.id], *numbers[file.id], listed) for file in todo])
    kept = len(targets) - len(todo)
    if not written and not kept:
        _undo(out / f"{name}_subset_hpcp", fresh, [out] if made_out else [])
        raise ArtefactError(none_read(root, skipped))
    there = [id_ for id_ in numbers if id_ in performances and _target(out, name, *numbers[id_]).is_file()]
    _describe(out, name, {id_: (numbers[id_], performances[id_]) for id_ in there})
    unknown = sum(performances[id_].wid is None for id_ in there)
    unused = tracks.not_in(performances) if tracks else ()
    return ExtractReport(written, kept, unknown, tuple(skipped), str(out), time.perf_counter() - started, unused)


def _undo(features: Path, files: Sequence[Path], folders: Sequence[Path]) -> None:
    """Leave nothing of a run that wrote no features: its files go, and folders that are empty."""
    for path in files:
        path.unlink(missing_ok=True)
    for folder in [*features.glob("W_*_hpcp"), features, *folders]:
        if folder.is_dir() and next(folder.iterdir(), None) is None:
            folder.rmdir()


def _job(file: AudioFile, target: Path, pid: str, wid: str, listed: Path) -> Job:
    """What a worker is asked to write; it must see what this process wrote."""
    names = {"label": wid, "track_id": pid, "hdf5": str(target), "hop": DATASET_HOP}
    return {"id": file.id, "path": str(file.path), "needs": [str(file.path), str(listed)], **names}


def _target(out: Path, name: str, pid: str, wid: str) -> Path:
    """Where the features of a performance are written."""
    return out / f"{name}_subset_hpcp" / f"{wid}_hpcp" / f"{pid}_hpcp.h5"


@dataclass(frozen=True)
class _Reader:
    """Has files read, and puts those that cannot be among `skipped`, and for good ones into the quarantine."""

    root: Path
    files: Sequence[AudioFile]
    hand: Hands
    quarantine: Quarantine
    skipped: list[Skipped]
    progress: Progress

    def tags(self) -> dict[str, Tags]:
        """The tags of all files that are not in quarantine."""
        held = {file.id: reason for file in self.files if (reason := self.quarantine.reason(file)) is not None}
        self.skipped.extend(Skipped(id_, reason) for id_, reason in held.items())
        asked = [file for file in self.files if file.id not in held]
        needs = [str(self.root)]
        jobs = [{"id": file.id, "path": str(file.path), "tags": True, "needs": needs} for file in asked]
        return {job["id"]: Tags(**told["tags"]) for job, told in self._read("reading tags", jobs)}

    def write(self, jobs: Sequence[Job]) -> int:
        """Write features; of how many files."""
        return sum(1 for _ in self._read("extracting HPCP", jobs))

    def _read(self, stage: str, jobs: Sequence[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
        """The answers of files that could be read."""
        by_id = {file.id: file for file in self.files}
        failed = 0
        for done, (job, told) in enumerate(self.hand(jobs), 1):
            if "hdf5" in job:
                drop_drafts(Path(job["hdf5"]))
            if "refused" in told:
                failed += 1
                self.skipped.append(Skipped(job["id"], told["refused"]))
                if told.get("died") or not told.get("may_pass"):
                    self.quarantine.add(by_id[job["id"]], told["refused"])
            else:
                yield job, told
            self.progress(f"{stage} · {failed:,} failed" if failed else stage, done, len(jobs))


def _listed(path: Path) -> dict[str, tuple[str, str]]:
    """PID and WID of every file that an earlier run gave."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as text:
        try:
            return {row["file"]: (row["performance"], row["work"]) for row in csv.DictReader(text)}
        except (KeyError, csv.Error) as e:
            raise ArtefactError(f"{path}: expected the columns {', '.join(_COLUMNS)}; delete the folder") from e


def _list(path: Path, numbers: Mapping[str, tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".tmp-{path.name}")
    with draft.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerows([_COLUMNS, *((pid, wid, id_) for id_, (pid, wid) in numbers.items())])
    draft.replace(path)


def _numbered(
    before: Mapping[str, tuple[str, str]], performances: Mapping[str, Performance]
) -> dict[str, tuple[str, str]]:
    """PID and WID of every file: those of an earlier run as far as they fit the works, and the next ones for others.

    A file of an unknown work has a WID of its own: every file is in the folder of some work.
    """
    numbers = dict(before)
    works, taken = dict[tuple[str, str], str](), set[str]()  # of files of one work, or of one file
    last = [max((int(name[2:]) for name in column), default=0) for column in zip(*before.values(), strict=True)]
    pids, wids = last or [0, 0]
    for id_ in [*filter(performances.__contains__, before), *sorted(performances.keys() - before.keys())]:
        work = performances[id_].wid
        key = ("", id_) if work is None else (work, "")
        pid, wid = before.get(id_, ("", ""))
        if not pid:
            pids += 1
            pid = f"P_{pids}"
        if key not in works and (not wid or wid in taken):
            wids += 1
            wid = f"W_{wids}"
        numbers[id_] = pid, works.setdefault(key, wid)
        taken.add(numbers[id_][1])
    return numbers


def _describe(out: Path, name: str, found: Mapping[str, tuple[tuple[str, str], Performance]]) -> None:
    """Write the metadata JSON and the declaration."""
    records: dict[str, dict[str, Any]] = {}
    for (pid, wid), performance in found.values():
        records.setdefault(wid, {})[pid] = {
            "work_title": performance.work_title,
            "work_artist": performance.work_artist,
            "perf_title": performance.title,
            "perf_artist": performance.artist,
            "release_year": str(performance.year or ""),
            "work_id": wid,
            "perf_id": pid,
            "instrumental": "",
            **({UNKNOWN: True} if performance.wid is None else {}),
        }
    path = out / f"{name}_metadata" / f"{name}_subset_metadata.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    (out / DECLARATION).write_text(tomli_w.dumps({"name": name, "frame_rate": DATACOS_RATE}), encoding="utf-8")
