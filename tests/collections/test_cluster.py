"""Extracting by Dask workers of their own processes, which share the file system because they share the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from features.audio.sounds import tones, write

pytest.importorskip("distributed", reason="needs the extra 'dask'")

from covsearch.collections.extract import extract_folder

FILES = 8


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler on 127.0.0.1, and its two workers."""
    told = tmp_path / "scheduler.json"
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    started = [_dask("scheduler", *local, "--port", "0", "--scheduler-file", str(told))]
    try:
        started += [
            _dask("worker", "--scheduler-file", str(told), *local, "--nthreads", "1", "--no-nanny") for _ in range(2)
        ]
        until = time.monotonic() + 120
        while not told.is_file() or not told.read_text():
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.1)
        yield json.loads(told.read_text())["address"], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _dask(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dask", *words]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet)


def chroma(out: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted((out / "Music_subset_hpcp").rglob("*")):
        if path.is_file():
            with h5py.File(path) as file:
                found[path.name] = file["hpcp"][:]
    return found


def test_a_worker_killed_in_the_middle_costs_nothing_and_doubles_nothing(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    (address, workers), music = cluster, tmp_path / "Music"
    music.mkdir()
    for number in range(FILES):
        write(music / f"{number}.wav", tones(1.5, number))
    (music / "poison.flac").write_bytes(b"fLaC" + bytes(1000))
    seen: list[int] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage.startswith("extracting"):
            seen.append(done)
            if done == 2:
                os.kill(workers[0].pid, signal.SIGKILL)

    report = extract_folder(music, tmp_path / "out", scheduler=address, progress=progress)
    assert workers[0].wait(10) == -signal.SIGKILL
    assert workers[1].poll() is None
    assert (report.extracted, report.kept, [skip.path for skip in report.skipped]) == (FILES, 0, ["poison.flac"])
    assert seen[-1] == len(seen)  # every file was counted once
    found, here = chroma(tmp_path / "out"), tmp_path / "here"
    assert list(found) == [f"P_{number}_hpcp.h5" for number in range(1, FILES + 1)]
    extract_folder(music, here, workers=1)
    for name, known in chroma(here).items():
        assert np.array_equal(found[name], known)
    again = extract_folder(music, tmp_path / "out", scheduler=address)
    assert (again.extracted, again.kept, again.skipped) == (0, FILES, report.skipped)
