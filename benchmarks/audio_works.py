"""The sample's works as audio: each performance played again as it was for the sample, kept in a folder."""

from __future__ import annotations

import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.make_sample.__main__ import SEED
from benchmarks.make_sample.features import cached, save
from benchmarks.make_sample.performance import assign
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


def played(part: str, work: Path, kind: str = "", jobs: int = 1) -> list[Played]:
    """Performances of the sample's works of one part, rendered; what is in `work` already is not made again.

    Parameters
    ----------
    part : str
        ``train``, ``validation`` or ``test``.
    work : Path
        Keeps scores, as JSON, and audio, as float16 at 44.1 kHz: 5 MB a minute.
    kind : str
        ``chorale`` or ``tune``, or else both.
    jobs : int
        Processes.
    """
    works = set(getattr(sample_split(), part))
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["wid"] in works and kind in ("", row["kind"])]
    for folder in ("settings", "audio"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(_one, rows, [work] * len(rows)))


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
