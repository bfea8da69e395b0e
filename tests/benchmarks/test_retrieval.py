"""The study writes what it measured: JSON with provenance, the same numbers as a table, and figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collection import write_collection
from untrained import write_untrained

from benchmarks import retrieval
from covsearch.evaluate import retrieval_report


def test_parts_of_the_sample_and_real_recordings(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_untrained(tmp_path / "checkpoint", toy, test=("W_1", "W_4", "W_6", "W_8"))
    monkeypatch.setattr(retrieval_report, "sample_root", lambda: toy)
    monkeypatch.setitem(retrieval.SAMPLE, "chorales", lambda performance: performance.wid in ("W_1", "W_4"))
    monkeypatch.setattr(retrieval, "REAL", write_collection(tmp_path / "real", works=4, versions=2, subset="real"))
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "home"))
    out = tmp_path / "results" / "study.json"
    arguments = ["--model", str(model), "--out", str(out), "--replicates", "30", "--seed", "5"]
    monkeypatch.setattr("sys.argv", ["retrieval", *arguments])
    retrieval.main()

    result = json.loads(out.read_text())
    assert result["provenance"]["seed"] == 5
    assert result["provenance"]["command"].startswith("python -m benchmarks.retrieval --model ")
    seen = [(run["collection"], run["protocol"], run["queries"]) for run in result["runs"]]
    assert seen == [
        ("toy, all", "held-out works", 12),
        ("toy, chorales", "held-out works", 6),
        ("toy, tunes", "held-out works", 12),
        ("real", "zero-shot", 8),
    ]
    table = out.with_suffix(".md").read_text()
    assert capsys.readouterr().out == table + "\n"
    rows = [line.split(" | ") for line in table.splitlines()[2:18]]
    systems = [system for run in result["runs"] for system in run["systems"]]
    for row, system in zip(rows, systems, strict=True):
        assert row[1] == system["name"]
        assert row[2].startswith(f"{system['map']:.3f} [{system['map_ci'][0]:.3f}, ")
    assert len(list(out.parent.glob("study_*.png"))) == 8
