"""Features of a folder of audio by one and two processes, and by a Dask cluster, with workers killed in the middle.

Run ``python -m benchmarks.ingestion``: it makes ``--files`` short MP3s of chords, and extracts their HPCP into a new
folder each time: by one local worker, by two, by a Dask cluster of two worker processes on 127.0.0.1, by the same with
one of them killed when half is done, and by the same with everything killed (scheduler, workers, command) when half is
done and started again. It counts what was lost, what was made twice and what differs. After every way it writes
``benchmarks/results/ingestion.md`` and ``.json``, where runs of other numbers of files stay. It ends with 1 if any of
these counts is not zero.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import soundfile

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.collections.extract import extract_folder

RATE, WAYS = 44_100, 5
_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True)
class Cluster:
    """A scheduler and workers, each a process of this machine."""

    address: str
    processes: list[subprocess.Popen[bytes]]

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """All but the scheduler."""
        return self.processes[1:]

    def kill(self) -> None:
        """End all at once, without a word."""
        for process in self.processes:
            process.kill()
            process.wait()


@contextmanager
def cluster(workers: int = 2) -> Iterator[Cluster]:
    """Start a Dask cluster on 127.0.0.1; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "scheduler.json"
        local = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(told)]
        started = Cluster("", [_dask("scheduler", *local, "--port", "0")])
        try:
            until = time.monotonic() + 120
            while not told.is_file() or not told.read_text():
                if time.monotonic() > until:
                    raise RuntimeError("the scheduler did not start")
                time.sleep(0.1)
            for _ in range(workers):
                started.processes.append(_dask("worker", *local, "--nthreads", "1", "--no-nanny"))
            yield Cluster(json.loads(told.read_text())["address"], started.processes)
        finally:
            started.kill()


def _dask(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "dask", *words], **_QUIET)  # type: ignore[call-overload, no-any-return]


def make_music(folder: Path, files: int, seconds: float) -> None:
    """Write MP3s of random chords, 0.5 s each; all are different."""
    folder.mkdir(parents=True)
    hold = np.arange(RATE // 2) / RATE
    for number in range(files):
        rng = np.random.default_rng(number)
        chords = 110 * 2 ** (rng.integers(0, 36, (max(1, round(2 * seconds)), 3)) / 12)
        sound = 0.2 * np.sin(2 * np.pi * chords[:, :, None] * hold).sum(axis=1).ravel()
        soundfile.write(folder / f"{number:05}.mp3", sound.astype(np.float32), RATE)


def features(out: Path) -> dict[str, Path]:
    """Name -> every file in the feature folder; a draft that was left would be among them."""
    return {path.name: path for path in out.glob("*_subset_hpcp/**/*") if path.is_file()}


def judged(files: int, out: Path, known: Path | None) -> dict[str, int]:
    """What is missing, what should not be there, and what differs from an earlier run."""
    found = features(out)
    wanted = {f"P_{number + 1}_hpcp.h5" for number in range(files)}
    same = features(known) if known else found
    differing = sum(not np.array_equal(_chroma(found[name]), _chroma(same[name])) for name in wanted & found.keys())
    return {"lost": len(wanted - found.keys()), "left_over": len(found.keys() - wanted), "differing": differing}


def _chroma(path: Path) -> Any:
    with h5py.File(path) as file:
        return file["hpcp"][:]


def by_processes(music: Path, out: Path, workers: int) -> dict[str, Any]:
    """Extract on this machine alone."""
    report = extract_folder(music, out, workers=workers)
    return {"seconds": report.seconds, "extracted": report.extracted}


def by_cluster(music: Path, out: Path, kill: bool) -> dict[str, Any]:
    """Extract by two Dask workers, of which one may be killed when half is done."""
    with cluster() as started:

        def progress(stage: str, done: int, total: int) -> None:
            if kill and stage.startswith("extracting") and done == total // 2:
                os.kill(started.workers[0].pid, signal.SIGKILL)

        report = extract_folder(music, out, scheduler=started.address, progress=progress)
    return {"seconds": report.seconds, "extracted": report.extracted}


def killed_and_restarted(music: Path, out: Path, files: int) -> dict[str, Any]:
    """Kill command, scheduler and workers when half is done; start all again. Seconds are of the second run."""
    with cluster() as started:
        words = ["extract", str(music), "--out", str(out), "--scheduler", started.address]
        command = subprocess.Popen([sys.executable, "-m", "covsearch", *words], **_QUIET)  # type: ignore[call-overload]
        while len(features(out)) < files // 2 and command.poll() is None:
            time.sleep(0.05)
        command.kill()
        command.wait()
        started.kill()
    before = {name: path.stat().st_mtime_ns for name, path in features(out).items() if not name.startswith(".")}
    again = by_cluster(music, out, kill=False)
    after = features(out)
    twice = sum(after[name].stat().st_mtime_ns != when for name, when in before.items() if name in after)
    return {**again, "there_before": len(before), "twice": twice}


def measure(work: Path, files: int, seconds: float) -> Iterator[dict[str, Any]]:
    """All ways, one after the other."""
    music = work / "music"
    make_music(music, files, seconds)
    ways: dict[str, Callable[[Path], dict[str, Any]]] = {
        "1 local worker": lambda out: by_processes(music, out, 1),
        "2 local workers": lambda out: by_processes(music, out, 2),
        "Dask, 2 workers": lambda out: by_cluster(music, out, kill=False),
        "Dask, 2 workers, one killed at half": lambda out: by_cluster(music, out, kill=True),
        "Dask, all killed at half, started again": lambda out: killed_and_restarted(music, out, files),
    }
    first = None
    for number, (way, run) in enumerate(ways.items()):
        out = work / f"features-{number}"
        told = {"twice": 0, **run(out)}
        load = round(os.getloadavg()[1], 1)
        pace = told["extracted"] / told["seconds"]
        yield {"way": way, **told, **judged(files, out, first), "load_5min": load, "files_per_s": pace}
        first = first or out


def summary(runs: Mapping[str, Any]) -> str:
    """All runs as Markdown, that of most files first."""
    return "\n".join(_summary(run) for run in sorted(runs.values(), key=lambda run: -run["files"]))


def _summary(run: Mapping[str, Any]) -> str:
    lines = [
        f"| {row['way']} | {row['extracted']} | {row['files_per_s']:.1f} | {row['lost']} | {row['twice']} | "
        f"{row['left_over']} | {row['differing']} | {row.get('load_5min', row.get('load_1min'))} |"
        for row in run["rows"]
    ]
    ended = "" if len(run["rows"]) == WAYS else f" The run was ended after {len(run['rows'])} of {WAYS} ways."
    return (
        f"HPCP at hop 512 of {run['files']:,} MP3s of {run['seconds_each']:g} s. The machine was shared: the load of "
        f"its {run['provenance']['cores']} cores at the end of each way is in the last column, so files/s say little "
        f"about an idle one.{ended}\n\n"
        "| way | files extracted | files/s | lost | made twice | left over | differing | load |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|\n" + "\n".join(lines) + "\n\n"
        "Where all are killed, files and files/s are of the second run; nothing is *made twice* when no file that was "
        "there after the first run was written again.\n"
    )


def keep(path: Path, run: Mapping[str, Any]) -> None:
    """Write a run beside those of other numbers of files."""
    known = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else {}
    runs = {**known, f"{run['files']} files of {run['seconds_each']:g} s": run}
    write_table(path, {"runs": runs}, summary(runs))


def main() -> int:
    """Run all ways, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each [30]")
    chosen = parser.parse_args()
    words = ["--files", str(chosen.files), "--seconds", f"{chosen.seconds:g}"]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(Path(folder), chosen.files, chosen.seconds):
            rows.append(row)
            run = {"files": chosen.files, "seconds_each": chosen.seconds, "rows": rows}
            keep(RESULTS / "ingestion.json", {"provenance": provenance("ingestion", 0, words), **run})
    return int(any(row[what] for row in rows for what in ("lost", "twice", "left_over", "differing")))


if __name__ == "__main__":
    sys.exit(main())
