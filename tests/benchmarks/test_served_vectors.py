"""Servers find what the flat index finds; the committed results say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from milvus_server import milvus
from postgres_server import server

from benchmarks import many_vectors, served_vectors
from benchmarks.many_vectors import EXACT
from benchmarks.provenance import RESULTS
from benchmarks.served_vectors import MOST, markdown
from tests.benchmarks.test_many_vectors import covers


def test_servers_answer_exactly_in_sizes_that_suit_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server()
    assert milvus()
    monkeypatch.setattr(many_vectors, "embedded_covers", lambda *_: covers())
    monkeypatch.setattr(served_vectors, "MOST", {**MOST, "Milvus Lite, FLAT": 400})
    out = tmp_path / "served.json"
    arguments = ["--count", "400", "600", "--covers", "180", "--queries", "4", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["served_vectors", *arguments])
    served_vectors.main()
    result = json.loads(out.read_text())
    assert [(row["vectors"], row["engine"]) for row in result["runs"]] == [
        (400, EXACT),
        (400, "pgvector, exact"),
        (400, "Milvus Lite, FLAT"),
        (600, EXACT),
        (600, "pgvector, exact"),
    ]
    assert {row["recall"] for row in result["runs"]} == {1}
    assert all(row["own_mb"] > 10 and row["p50_cpu_ms"] > 0 and sum(row["bytes"].values()) for row in result["runs"])
    assert out.with_suffix(".md").read_text() == markdown(result)


def test_the_committed_results_are_exact() -> None:
    result = json.loads((RESULTS / "served_vectors.json").read_text(encoding="utf-8"))
    assert (RESULTS / "served_vectors.md").read_text(encoding="utf-8") == markdown(result)
    assert {row["engine"] for row in result["runs"]} == set(served_vectors.ENGINES)
    assert {row["recall"] for row in result["runs"]} == {1}
    assert all(row["vectors"] <= MOST.get(row["engine"], row["vectors"]) for row in result["runs"])
