"""Extracting by Dask workers of their own processes, which share the file system because they share the machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from features.audio.sounds import tones, write

pytest.importorskip("distributed", reason="needs the extra 'dask'")

from benchmarks.ingestion import Cluster, cluster
from covsearch.collections import cluster as waiting
from covsearch.collections.extract import extract_folder

FILES = 8


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A scheduler on 127.0.0.1, and two workers."""
    monkeypatch.setattr(waiting, "_SECONDS", 600)  # a busy machine is slow, not wrong
    with cluster() as running:
        yield running


def chroma(out: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted((out / "Music_subset_hpcp").rglob("*")):
        if path.is_file():
            with h5py.File(path) as file:
                found[path.name] = file["hpcp"][:]
    return found


def test_a_worker_killed_in_the_middle_costs_nothing_and_doubles_nothing(started: Cluster, tmp_path: Path) -> None:
    (address, workers), music = (started.address, started.workers), tmp_path / "Music"
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
    assert workers[0].wait(600) == -signal.SIGKILL
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
