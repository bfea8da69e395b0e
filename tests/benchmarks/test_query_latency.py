from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import query_latency
from benchmarks.query_latency import BRUTE, EXACT, METADATA, PRODUCT
from covsearch.stages import align_with


def test_every_way_is_timed_and_the_exact_ones_agree() -> None:
    result = query_latency.measure(count=300, queries=30, searches=3, runs=1, seed=3, sample=False)
    ways = result["in_process"]
    assert set(ways) == {EXACT, BRUTE, PRODUCT, METADATA}
    assert [ways[name]["recall_at_10"] for name in (EXACT, BRUTE, PRODUCT)] == [1.0, 1.0, 1.0]
    assert ways[METADATA]["recall_at_10"] < 0.2  # what chance gives: the comparison is one
    for way in ways.values():
        assert way["queries"] == 30
        assert 0 < way["p50_ms"] <= way["p99_ms"]
    for search in result["searches"].values():
        assert search["queries"] == 3
        assert ways[EXACT]["p50_ms"] / 1000 < search["min_s"] <= search["p50_s"] <= search["p99_s"]
        assert search["cpu_s"] > 0
    assert 300 * 516 * 12 / 1e6 < result["chroma_mb"] < result["index_mb"]
    table = query_latency.markdown(result)
    assert f"| the head alone | {ways[EXACT]['p50_ms']:.1f} ms |" in table
    assert "| default query, 1 core | " in table
    wall = result["processes"]["covsearch query P_22, of 300"]["wall_s"]
    assert wall["min"] <= wall["median"] <= wall["max"]
    assert wall["min"] > result["processes"]["python alone"]["wall_s"]["max"]


def test_tracks_are_made_of_the_samples_tunes() -> None:
    made = query_latency.medleys(90, np.random.default_rng(0))
    lengths = np.diff(made.first)
    assert (len(made), made.frames.shape[1]) == (90, 12)
    assert 516 <= lengths.min() < 560 < 730 < lengths.max() <= 774
    assert len({made.track(row).tobytes() for row in range(90)}) == 90
    query = made.track(0)
    same = align_with(query, [np.roll(query, 3, axis=1), *(made.track(row) for row in range(1, 20))], 3, 3)
    assert same[0] > 1 + same[1:].max()


def test_titles_are_made_up_where_the_real_ones_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(query_latency, "TITLES", tmp_path / "missing")
    performances = query_latency.make_performances(400, np.random.default_rng(0))
    assert list(performances)[21] == "P_22"
    assert 12 < np.mean([len(p.title) for p in performances.values()]) < 24
