"""The comparison is fair and counted right, and the committed results say what the report of them says."""

from __future__ import annotations

import json

import pytest

from benchmarks.provenance import RESULTS
from benchmarks.quantum_step import (
    BATCHES,
    BOTH,
    GOALS,
    INFERENCE,
    LAYERS,
    STEP,
    WARM_UP,
    compared,
    markdown,
    take_turns,
    time_block,
    time_step,
)


def test_ways_take_turns_and_warming_up_is_not_counted() -> None:
    calls: list[str] = []
    seconds = take_turns({name: lambda name=name: calls.append(name) for name in "ab"}, 3, calls=2)  # type: ignore[misc]
    assert "".join(calls) == "aaabbb" * (WARM_UP + 3)
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def test_the_ratio_is_taken_within_a_round() -> None:
    """A machine that is ten times slower for one round changes nothing."""
    row = compared("x", {"batch": 1}, {"fast": [0.001, 0.01, 0.001], "slow": [0.004, 0.04, 0.004]})
    assert (row["ratio"], row["value"]) == ("slow / fast", 4.0)
    assert row["ms"] == {"fast": 1.0, "slow": 4.0}


def test_everything_is_timed() -> None:
    assert [row["what"] for row in time_block(4, 1, rounds=1)] == [BOTH, INFERENCE]
    rows = time_step(4, 64, rounds=1)
    assert [row["ratio"] for row in rows] == ["hybrid / cnn", "bottleneck / cnn"]
    assert all(row["value"] > 0 for row in rows)


def test_the_committed_results_meet_their_goals() -> None:
    result = json.loads((RESULTS / "quantum_step.json").read_text(encoding="utf-8"))
    assert (RESULTS / "quantum_step.md").read_text(encoding="utf-8") == markdown(result)
    found = {(row["what"], row["batch"], row.get("layers")) for row in result["times"] if row["what"] != STEP}
    assert found == {(what, batch, layers) for what in (BOTH, INFERENCE) for batch in BATCHES for layers in LAYERS}
    for row in result["times"]:
        assert row["value"] <= GOALS[STEP] if row["what"] == STEP else row["value"] >= GOALS[row["what"]], row
    for dtype, limit in (("float32", 1e-5), ("float64", 1e-12)):
        assert max(result["worst_errors"][dtype].values()) == pytest.approx(0, abs=limit)
