"""The harness, short: it finds nothing wrong with a real server, and what is wrong it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from milvus_server import milvus_database
from postgres_server import database

from benchmarks.consistent_songs import build, change, look, rows_of, song
from benchmarks.store_consistency import Together
from benchmarks.writer_deaths import Deaths
from covsearch.dataset.performance import Performance
from covsearch.rows import publish_rows, read_rows
from covsearch.store import store_of
from covsearch.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY = pytest.mark.skipif(not os.environ.get("COVSEARCH_TEST_NIGHTLY"), reason="takes a minute: `make nightly`")
SHORT = ["--reads", "12", "--publishes", "3", "--adders", "3", "--every", "9"]


@pytest.mark.parametrize("engine", ["PostgreSQL", pytest.param("Milvus and PostgreSQL", marks=NIGHTLY)])
def test_nothing_is_torn_lost_or_doubled_and_every_kill_leaves_old_or_new(tmp_path: Path, engine: str) -> None:
    """In a process of its own: forks of one with threads are not safe.

    At every ninth step, and at every call of Milvus; `benchmarks/results/store_consistency.md` has more.
    """
    store = (database if engine == "PostgreSQL" else milvus_database)(str(tmp_path))
    command = [sys.executable, "-m", "benchmarks.store_consistency", *SHORT, "--store", store, "--out", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "store_consistency.json").read_text())["engines"][engine]
    assert found["together"]["reads"] >= 12
    assert found["together"]["states"] > 1
    assert found["deaths"]["kills"] == found["deaths"]["old"] + found["deaths"]["new"] > 10
    assert found["deaths"]["old"] > 0
    assert found["deaths"]["new"] > 0
    assert (found["deaths"]["calls"] > 10) == (engine != "PostgreSQL")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path, database(str(tmp_path)))
    build(made)
    return made


def test_a_state_of_two_publications_is_seen_to_be_torn(workspace: Workspace) -> None:
    change(workspace, 1)
    assert store_of(workspace).read(look)["torn"] == 0
    with store_of(workspace).writing():
        before, head, rows = read_rows(workspace)
        publish_rows(workspace, before, head, rows.take([*range(7), *range(8, 48)]) + rows_of(["own 7"], 2))
    assert store_of(workspace).read(look)["torn"] == 1


def test_a_song_with_the_sound_of_another_is_seen(workspace: Workspace) -> None:
    with psycopg.connect(str(workspace.store)) as connection:
        vector = song("own 5", 9)[1].astype("<f4").tobytes()
        connection.execute("UPDATE covsearch.recordings SET vector = %s WHERE id = 3", [vector])
    assert store_of(workspace).read(look)["torn"] == 1


def test_half_of_an_addition_is_seen(workspace: Workspace) -> None:
    with store_of(workspace).writing():
        before, head, rows = read_rows(workspace)
        publish_rows(workspace, before, head, rows + rows_of(["added 1 0"], 0))
    assert store_of(workspace).read(look)["torn"] == 1


def test_what_is_not_good_is_told() -> None:
    good = Together(10, 1, 1, 2, 0, 0, 0, 0)
    assert good.good
    for wrong in ("torn", "lost", "doubled", "failed"):
        assert not replace(good, **{wrong: 1}).good
    kills = Deaths(3, 0, 1, 6, 4, 2, 0, 0)
    assert kills.good
    assert not replace(kills, broken=1, old=3).good
    assert not replace(kills, left=1).good
    assert not replace(kills, old=3).good
    assert isinstance(song("x", 1)[0], Performance)
