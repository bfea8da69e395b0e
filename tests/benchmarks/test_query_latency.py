from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import query_latency
from benchmarks.query_latency import BRUTE, EXACT, METADATA, PRODUCT, TWO_STAGE


def test_every_way_is_timed_and_the_exact_ones_agree() -> None:
    result = query_latency.measure(count=300, queries=30, runs=1, seed=3)
    ways = result["in_process"]
    assert set(ways) == {EXACT, TWO_STAGE, BRUTE, PRODUCT, METADATA}
    assert [ways[name]["recall_at_10"] for name in (EXACT, BRUTE, PRODUCT)] == [1.0, 1.0, 1.0]
    assert ways[TWO_STAGE]["recall_at_10"] > 0.4  # 100 of 299 candidates
    assert ways[METADATA]["recall_at_10"] < 0.2  # what chance gives: the comparison is one
    for way in ways.values():
        assert way["queries"] == 30
        assert 0 < way["p50_ms"] <= way["p99_ms"]
    wall = result["processes"]["covsearch query P_22"]["wall_s"]
    assert wall["min"] <= wall["median"] <= wall["max"]
    assert wall["min"] > result["processes"]["python alone"]["wall_s"]["max"]


def test_titles_are_made_up_where_the_real_ones_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(query_latency, "TITLES", tmp_path / "missing")
    performances = query_latency.make_performances(400, np.random.default_rng(0))
    assert list(performances)[21] == "P_22"
    assert 12 < np.mean([len(p.title) for p in performances.values()]) < 24
