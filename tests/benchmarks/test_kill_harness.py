"""The harness itself, short: it finds nothing broken in the real commands, and what is broken it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from published import publish

from benchmarks.kill_harness import broken, counted
from covsearch.errors import ArtefactError
from covsearch.index.generation import open_generation
from covsearch.workspace import Workspace
from tests.crash.points import AFTER, BEFORE, HALF, STEPS
from tests.crash.state import read_answers, remains

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--operations", "add", "--per-step", "1", "--random", "3", "--reads", "20", "--rebuilds", "3"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A short run, in a process of its own: forks of one with threads are not safe."""
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, "-m", "benchmarks.kill_harness", *SHORT, "--out", str(out)]
    memory = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}  # half of the time is waiting for a disk
    environment = {**os.environ, **memory}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (out / "kill_harness.md").read_text() in run.stdout
    measured: dict[str, Any] = json.loads((out / "kill_harness.json").read_text())
    return measured


def test_no_kill_breaks_the_index_or_the_next_addition(result: dict[str, Any]) -> None:
    row = result["operations"]["add"]
    assert broken([*row["named"], *row["random"]]) == 0
    assert sum(outcome["kills"] for outcome in row["random"]) == 3
    assert {(outcome["step"], outcome["when"]) for outcome in row["named"]} >= {
        (step, when) for step in STEPS for when in (BEFORE, AFTER) if step not in ("make a folder", "remove a file")
    }
    assert {outcome["step"] for outcome in row["named"] if outcome["when"] == HALF} == {
        name for name, step in STEPS.items() if step.half
    }


def test_answers_are_the_new_ones_once_current_is_switched(result: dict[str, Any]) -> None:
    answers = {(o["step"], o["when"]): o["answers"] for o in result["operations"]["add"]["named"]}
    assert answers["switch CURRENT", BEFORE] == answers["give the final name", AFTER] == "old"
    assert answers["switch CURRENT", AFTER] == answers["remove a folder", HALF] == "new"


def test_readers_and_a_second_builder_are_as_they_should(result: dict[str, Any]) -> None:
    assert result["readers"]["reads"] >= 20
    assert result["readers"]["failures"] == 0
    second = result["builders"]["second"]
    assert {name: row["exit_code"] for name, row in second.items()} == {"build-index": 1, "add": 1, "remove": 1}
    assert all(row["stderr"].startswith("Error: another build is running in HOME") for row in second.values())
    assert result["builders"]["answers_meanwhile"]


def test_a_kill_after_which_something_is_wrong_is_counted() -> None:
    well = {"answers": "old", "next": "well"}
    bad = [{"answers": "broken"}, {**well, "next": "failed"}, {**well, "next": "left orphans"}]
    assert broken([well, *bad, well]) == 3


def test_equal_outcomes_are_counted_and_what_broke_keeps_its_moment() -> None:
    well = {"step": "flush one", "answers": "old", "litter": 2, "next": "well"}
    bad = {"step": "flush one", "call": 3, "answers": "broken", "reason": "no"}
    rows = counted([{**well, "call": 1}, bad, {**well, "call": 2, "litter": 1}, {**well, "call": 3, "answers": "new"}])
    assert rows == [
        {"step": "flush one", "answers": "old", "next": "well", "kills": 2},
        {"step": "flush one", "answers": "new", "next": "well", "kills": 1},
        {**bad, "kills": 1},
    ]
    assert broken(rows) == 1


def test_answers_tell_every_generation_from_every_other(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert read_answers(workspace) is None
    answers = []
    for seed in (1, 2, 1):
        publish(workspace, seed=seed, windows=True)
        answers.append(read_answers(workspace))
    assert answers[0] == answers[2] != answers[1]


def test_a_damaged_or_mixed_generation_does_not_answer(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    publish(workspace, seed=1, windows=True)
    publish(workspace, seed=2, windows=True)
    file = open_generation(workspace).folder / "embeddings.safetensors"
    whole = file.read_bytes()
    file.write_bytes((workspace.index / "gen-0001" / file.name).read_bytes())
    with pytest.raises(ArtefactError, match="embeddings"):
        read_answers(workspace)
    file.write_bytes(whole[:-1])
    with pytest.raises(ArtefactError, match="embeddings"):
        read_answers(workspace)


def test_what_lies_there_beside_two_generations_is_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for seed in range(3):
        publish(workspace, seed=seed)
    assert remains(workspace) == []
    (workspace.index / ".tmp-gen-0004").mkdir()
    (workspace.index / ".tmp-CURRENT").touch()
    (workspace.index / "gen-0004").mkdir()
    (workspace.db / "gen-0001.sqlite3").touch()
    assert remains(workspace) == [".tmp-CURRENT", ".tmp-gen-0004", "gen-0001.sqlite3", "gen-0004"]
