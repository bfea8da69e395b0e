"""The study writes what it measured: JSON with provenance, the same numbers as a table, and figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collection import write_collection
from untrained import write_untrained

from benchmarks import eval_pairs
from covsearch.evaluate import held_out


def test_sample_and_real_recordings_once_balanced_and_once_all(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_untrained(tmp_path / "checkpoint", toy, test=("W_1", "W_4", "W_6", "W_8"))
    monkeypatch.setattr(held_out, "sample_root", lambda: toy)
    monkeypatch.setattr(eval_pairs, "REAL", write_collection(tmp_path / "real", works=4, versions=2, subset="real"))
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "home"))
    out = tmp_path / "results" / "study.json"
    arguments = ["--model", str(model), "--out", str(out), "--replicates", "30", "--seed", "5"]
    monkeypatch.setattr("sys.argv", ["eval_pairs", *arguments])
    eval_pairs.main()

    result = json.loads(out.read_text())
    assert result["provenance"]["seed"] == 5
    assert result["provenance"]["command"].startswith("python -m benchmarks.eval_pairs --model ")
    seen = [(run["subset"], run["kind"], run["protocol"]) for run in result["runs"]]
    assert seen == [
        ("toy", "balanced", "held-out works"),
        ("toy", "all", "held-out works"),
        ("real", "balanced", "zero-shot"),
        ("real", "all", "zero-shot"),
    ]
    table = out.with_suffix(".md").read_text()
    assert capsys.readouterr().out == table + "\n"
    rows = [line.split(" | ") for line in table.splitlines()[2:14]]
    systems = [system for run in result["runs"] for system in run["systems"]]
    for row, system in zip(rows, systems, strict=True):
        assert row[2] == system["name"]
        assert row[4].startswith(f"{system['auc']:.3f} [{system['ci'][0]:.3f}, ")
