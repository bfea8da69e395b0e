"""Both ways are timed fairly, and "without" really is without."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from published import make_chroma, make_performances, publish, random_head, unit_vectors

from benchmarks import cost_of_safety
from benchmarks.cost_of_safety import (
    CHECKED,
    FIRST,
    OPEN_QUERY,
    PROCESS,
    PUBLISH,
    QUERY,
    UNCHECKED,
    UNFLUSHED,
    Way,
    building,
    compared,
    markdown,
    take_turns,
    time_queries,
    timed,
)
from benchmarks.unchecked import FLUSHING, READING, WRITING, without
from covsearch import durable
from covsearch import indexing as build
from covsearch.errors import ArtefactError
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


def test_ways_take_turns_in_alternating_order_and_the_first_round_is_not_counted() -> None:
    calls: list[str] = []

    def way(name: str) -> Way:
        return Way(lambda: float(calls.append(name) or len(calls)))

    seconds = take_turns({name: way(name) for name in "ab"}, 3)
    assert "".join(calls) == "baabbaab"
    assert seconds == {"a": [3.0, 6.0, 7.0], "b": [4.0, 5.0, 8.0]}


def test_the_ratio_is_taken_within_a_round() -> None:
    """A machine that is ten times slower for one round changes nothing."""
    row = compared(QUERY, {CHECKED: [0.004, 0.04, 0.004], UNCHECKED: [0.002, 0.02, 0.002]})
    assert (row["ratios"], row["ms"], row["goal"]) == ({UNCHECKED: 2.0}, {CHECKED: 4.0, UNCHECKED: 2.0}, 1.05)


def test_timing_is_a_mean_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [5.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work() -> None:
        clock[0] += 0.25

    assert timed(work, calls=3)() == 0.25


def test_without_reads_what_is_refused_with(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ids = publish(workspace).folder / "ids.json"
    expected = open_searcher(workspace).query("P_22")
    ids.write_text(ids.read_text() + " ")
    with pytest.raises(ArtefactError):
        open_searcher(workspace)
    with without(READING):
        assert open_searcher(workspace).query("P_22") == expected
    with pytest.raises(ArtefactError):
        open_searcher(workspace)


def test_without_publishes_no_checksums_and_looks_at_nothing(tmp_path: Path) -> None:
    with without(WRITING):
        generation = publish(Workspace(tmp_path))
    assert {file.sha256 for file in generation.manifest.files.values()} == {""}
    rng = np.random.default_rng(0)
    vectors = unit_vectors(rng, 3) * np.float32(2)
    given = (Workspace(tmp_path), ["P_1", "P_2", "P_3"], vectors, random_head(rng), make_performances(rng, 3))
    more = {
        "fingerprint": "x",
        "features": generation.manifest.features,
        "subset": "s",
        "frame_rate": 1.0,
        "parts": {"chroma": make_chroma(3)},
    }
    with without(WRITING):
        assert build.publish(*given, model_files=generation.model_files(), **more).name == "gen-0002"  # type: ignore[arg-type]
    with pytest.raises(ArtefactError, match="of length 1"):
        build.publish(*given, model_files=generation.model_files(), **more)  # type: ignore[arg-type]


def test_without_flushing_flushes_nothing(tmp_path: Path) -> None:
    flushed = durable.sync
    with without(FLUSHING):
        assert durable.sync(tmp_path / "not there") is None
    assert durable.sync is flushed


def test_both_command_lines_answer_the_same_and_only_one_refuses(tmp_path: Path) -> None:
    ids = publish(Workspace(tmp_path)).folder / "ids.json"

    def run(which: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks.unchecked", which, "--home", str(tmp_path), "query", "P_22"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("checked").stdout == run("unchecked").stdout != ""
    ids.write_text(ids.read_text() + " ")
    assert (run("checked").returncode, run("unchecked").returncode) == (4, 0)


def test_everything_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = time_queries(tmp_path, 100, rounds=1, seed=0)
    assert [row["what"] for row in rows] == [PROCESS, OPEN_QUERY, QUERY, FIRST]
    assert all(row["ratios"][UNCHECKED] > 0 for row in rows)
    built = compared(PUBLISH, take_turns(building(lambda: 0.5), 1))
    page = markdown({"rows": [*rows, built], "performances": 100, "provenance": {"load_1min": 1.0, "cores": 2}})
    assert f"| {PUBLISH} | 500.00 | 500.00 | 1.000 |  | 0.0 |" in page
    assert UNFLUSHED in built["ms"]


def test_an_index_that_is_not_remembered_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_of_safety, "MARGIN_NS", 0)
    with pytest.raises(RuntimeError, match="not remembered"):
        time_queries(tmp_path, 40, rounds=1, seed=0)
