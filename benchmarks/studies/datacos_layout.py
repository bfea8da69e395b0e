"""Synthesised covers written as Da-TACOS's benchmark is: one work in three has 13 performances, the others one.

Every work is a song of its own. Where there are more works than songs, a song is heard again turned upside down (each
pitch class p as -p), then backwards, then both: another composition with the same statistics.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import CHROMA
from covsearch.errors import UsageError
from covsearch.evaluate.distractors import HARDNESS
from covsearch.progress import Progress, silent
from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.song import Song

SUBSET = "benchmark"
VERSIONS, CLIQUES = 13, 3  # of such a work; one work in so many is one
FINER = 32  # frames of a file for one of 2.69 frames/s
TURNS = ("as it is", "upside down", "backwards", "upside down and backwards")
_SPREAD, _STEPS = 0.25, 512  # of a frame about its mean; values of [0, 1] that are told apart, so that files pack well
_UPSIDE_DOWN = -np.arange(12) % 12


@dataclass(frozen=True)
class PlannedWork:
    """One work of the collection: its number from 1, and the numbers of its performances."""

    number: int
    pids: range

    @property
    def wid(self) -> str:
        """``W_1``."""
        return f"W_{self.number}"


def plan(works: int) -> list[PlannedWork]:
    """`works` works, every third with 13 performances.

    Raises
    ------
    UsageError
        For fewer works than one of 13 and one of 1 take.
    """
    if works < CLIQUES:
        raise UsageError(f"expected at least {CLIQUES} works, not {works}")
    found, pid = [], 1
    for number in range(1, works + 1):
        size = VERSIONS if number % CLIQUES == 0 else 1
        found.append(PlannedWork(number, range(pid, pid + size)))
        pid += size
    return found


def write_collection(
    root: Path, works: int, songs: Sequence[Song], seed: int, progress: Progress = silent
) -> tuple[int, int]:
    """Write what is not there yet; the same files whenever and however often it is stopped.

    Parameters
    ----------
    root : Path
        A folder, made when missing.
    works : int
    songs : sequence of Song
        At least a quarter as many.
    seed : int
    progress : Progress

    Returns
    -------
    (int, int)
        Files written now, and bytes of all files.

    Raises
    ------
    UsageError
        When there are too few songs.
    """
    if works > len(TURNS) * len(songs):
        raise UsageError(f"{works:,} works need {-(-works // len(TURNS)):,} songs, there are {len(songs):,}: name more")
    maker, planned, written, size = CoverMaker(songs), plan(works), 0, 0
    order = np.random.default_rng([seed, 1]).permutation(len(songs))
    for done, work in enumerate(planned, 1):
        paths = [_path(root, work, pid) for pid in work.pids]
        if not all(path.is_file() for path in paths):
            turn, place = divmod(work.number - 1, len(songs))
            rng = np.random.default_rng([seed, 2, work.number])
            batch, lengths = maker.make([int(order[place])] * len(paths), rng, hardness=HARDNESS)
            for path, cover, length in zip(paths, batch, lengths.tolist(), strict=True):
                _write(path, work, as_hpcp(turned(cover[:length], turn), rng))
            written += len(paths)
        size += sum(path.stat().st_size for path in paths)
        progress("writing Da-TACOS's layout", done, len(planned))
    _write_metadata(root, planned)
    return written, size


def turned(cover: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    """A cover (L, 12) as a composition of its own: see :data:`TURNS`."""
    upside = cover[:, _UPSIDE_DOWN] if turn % 2 else cover
    return upside[::-1] if turn >= 2 else upside


def as_hpcp(slow: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Frames of 2.69/s with C first, (L, 12), as HPCP of 86.13 frames/s with A first, (32 L, 12), values in [0, 1]."""
    fine = np.repeat(np.roll(slow, -CHROMA["hpcp"].first_bin, axis=1), FINER, axis=0)
    fine = fine * (1 + _SPREAD * rng.uniform(-1, 1, fine.shape).astype(np.float32))
    highest = fine.max(axis=1, keepdims=True)
    np.divide(fine, highest, out=fine, where=highest > 0)
    return np.asarray(np.rint(fine * _STEPS) / _STEPS, dtype=np.float32)


def _path(root: Path, work: PlannedWork, pid: int) -> Path:
    return root / f"da-tacos_{SUBSET}_subset_hpcp" / f"{work.wid}_hpcp" / f"P_{pid}_hpcp.h5"


def _write(path: Path, work: PlannedWork, frames: NDArray[np.float32]) -> None:
    """One file, in one step: a killed run leaves none that is half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    with h5py.File(draft, "w") as file:
        file.attrs["label"], file.attrs["track_id"] = np.bytes_(work.wid), np.bytes_(path.name.removesuffix("_hpcp.h5"))
        file.create_dataset("hpcp", data=frames, compression="gzip", compression_opts=1, shuffle=True)
    draft.replace(path)


def _write_metadata(root: Path, planned: Sequence[PlannedWork]) -> None:
    records = {work.wid: {f"P_{pid}": _record(work, pid) for pid in work.pids} for work in planned}
    folder = root / "da-tacos_metadata"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"da-tacos_{SUBSET}_subset_metadata.json").write_text(json.dumps(records), encoding="utf-8")


def _record(work: PlannedWork, pid: int) -> dict[str, str]:
    return {
        "work_title": f"Song {work.number}",
        "work_artist": "",
        "perf_title": f"Song {work.number}",
        "perf_artist": f"Singer {pid}",
        "release_year": "",
        "work_id": work.wid,
        "perf_id": f"P_{pid}",
        "instrumental": "No",
    }
