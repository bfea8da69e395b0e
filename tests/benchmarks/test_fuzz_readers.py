"""The fuzzer finds what is planted, and a short run over every reader finds nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from benchmarks.children import run_child
from benchmarks.fuzz_readers import Judge, fuzz_blindly, summary
from covsearch.errors import ArtefactError, CovsearchError
from tests.hostile.mutate import mutate
from tests.hostile.targets import TARGETS


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_readers_refuse_or_read(tmp_path: Path, name: str) -> None:
    if name in ("MIDI", "beats text", "chord text"):
        pytest.importorskip("mido", reason="needs the extra 'scores'")
    (tmp_path / "work").mkdir()
    target = TARGETS[name]
    seeds = list(target.seeds(tmp_path / "work"))
    for data in seeds:
        target.read(tmp_path / "work", data)
    judge = Judge(lambda data: target.read(tmp_path / "work", data), CovsearchError, tmp_path / "outcome.json")
    fuzz_blindly(judge, seeds, seconds=3600, seed=7, most=120)
    counts = json.loads((tmp_path / "outcome.json").read_text())
    assert counts["findings"] == []
    assert counts["executions"] == 120
    assert 0 < counts["accepted"] < 120  # else the mutations are too mild, or too wild to reach anything


def test_what_is_planted_is_found_once_for_each_place(tmp_path: Path) -> None:
    def reader(data: bytes) -> None:
        if len(data) < 8:
            raise ArtefactError("too short")
        if data[0] > 127:
            raise KeyError(data[0])
        assert data[1] < 128

    judge = Judge(reader, CovsearchError, tmp_path / "outcome.json")
    fuzz_blindly(judge, [bytes(8)], seconds=3600, seed=0, most=2000)
    findings = judge.save()["findings"]
    assert sorted(finding["what"].split(" ")[0] for finding in findings) == ["AssertionError", "KeyError"]
    row = {"reader": "planted", "ended": "well", "peak_mb": 9, **judge.save()}
    assert "2,000 executions, 2 findings" in summary([row], "command")


def test_mutations_are_the_same_every_time_and_reach_every_length() -> None:
    seeds = [b"0123456789", b"abc"]
    first, again = ([mutate(seeds[0], seeds, rng) for _ in range(500)] for rng in (random.Random(3), random.Random(3)))
    assert first == again
    assert len(set(first)) > 400
    assert {0} < {len(data) for data in first}
    assert mutate(b"", [b""], random.Random(0)) is not None


def test_a_child_is_measured_alone_and_its_end_is_told() -> None:
    import sys

    ballast = bytearray(200 * 2**20)
    ballast[:: 2**12] = b"x" * len(ballast[:: 2**12])
    done = run_child([sys.executable, "-c", "print('here')"])
    assert (done.exit_code, done.output) == (0, "here\n")
    assert done.peak_mb < 100
    assert run_child([sys.executable, "-c", "import os; os.abort()"]).exit_code == -6
    assert run_child([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=0.3).exit_code is None
    assert run_child([sys.executable, "-c", "bytearray(2**30)"], memory=2**29).exit_code == 1
    del ballast
