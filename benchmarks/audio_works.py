"""The sample's works as audio: each performance played again as it was for the sample, kept in a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.make_sample.__main__ import SEED
from benchmarks.make_sample.features import cached, save
from benchmarks.make_sample.performance import Performance, assign
from benchmarks.make_sample.render import render
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.synthesis.corpus import settings_in
from covsearch.synthesis.setting import Setting


@dataclass(frozen=True)
class Played:
    """One performance of the sample: its id, its work's, its row of ``renderings.csv``, and where its samples are."""

    pid: str
    wid: str
    ensemble: str
    file: Path

    def samples(self) -> NDArray[np.float32]:
        """Mono at 44.1 kHz, (N,)."""
        return np.asarray(np.load(self.file), np.float32)


def played(part: str, work: Path, kind: str = "", *, most: int | None = None, jobs: int = 1) -> list[Played]:
    """Performances of the sample's works of one part, rendered; what is in `work` already is not made again.

    Parameters
    ----------
    part : str
        ``train``, ``validation`` or ``test``.
    work : Path
        Keeps scores, as JSON, and audio, as float16 at 44.1 kHz: 5 MB a minute.
    kind : str
        ``chorale`` or ``tune``, or else both.
    most : int, optional
        The first so many performances alone.
    jobs : int
        Processes.
    """
    rows = [row for row in _rows(part) if kind in ("", row["kind"])][:most]
    for folder in ("settings", "audio"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(_one, rows, [work] * len(rows)))


def instruments(work: Path, quarters: float = 12.0) -> Iterator[NDArray[np.float32]]:
    """A validation chorale's first notes by each of General MIDI's 128 programs, in as many tempi: (N,) at 44.1 kHz."""
    setting = _setting(next(row for row in _rows("validation") if row["kind"] == "chorale"), work / "settings")
    parts = tuple(tuple(note for note in part if note[0] < quarters) for part in setting.parts)
    for program in range(128):
        tempo = 60.0 + program
        yield render(replace(setting, parts=parts), Performance(f"program {program}", (program,), tempo, 1.0))


def _rows(part: str) -> list[dict[str, str]]:
    works = set(getattr(sample_split(), part))
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["wid"] in works]


def _one(row: dict[str, str], work: Path) -> Played:
    target = cached(work, "audio", row["pid"])
    if not target.exists():
        setting = _setting(row, work / "settings")
        save(target, render(setting, assign(setting, SEED)).astype(np.float16))
    return Played(row["pid"], row["wid"], row["instruments"], target)


def _setting(row: dict[str, str], cache: Path) -> Setting:
    found = [one for one in settings_in(row["source_file"], cache) if one.number == row["number"]]
    if len(found) != 1:
        raise RuntimeError(f"expected one setting {row['number']} in {row['source_file']}, found {len(found)}")
    return found[0]
