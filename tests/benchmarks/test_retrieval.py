"""The study writes what it measured: JSON with provenance, the same numbers as a table, and figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from published import made_up_calibration
from untrained import write_untrained

from benchmarks import readme_table, retrieval
from covsearch.evaluate import retrieval_report
from covsearch.evaluate.bootstrap import Interval
from covsearch.evaluate.ranks import rank_covers, retrieval_metrics
from covsearch.evaluate.system_report import Seconds, SystemReport
from covsearch.index.calibration import write_calibration
from covsearch.models import load_checkpoint


def test_parts_of_the_sample_and_real_recordings(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test = ("W_1", "W_4", "W_6", "W_8")
    sources = ("/songs/POP909 + music21", "")
    models = [
        write_untrained(tmp_path / f"checkpoint{k}", toy, test=test, seed=k, synthesize=sources[k]) for k in (0, 1)
    ]
    searching = load_checkpoint(models[0]).fingerprint
    write_calibration(models[0], made_up_calibration(model=searching))
    monkeypatch.setattr(retrieval_report, "sample_root", lambda: toy)
    monkeypatch.setitem(retrieval.SAMPLE, "chorales", lambda performance: performance.wid in ("W_1", "W_4"))
    monkeypatch.setattr(retrieval, "REAL", write_collection(tmp_path / "real", works=4, versions=2, subset="real"))
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "home"))
    out = tmp_path / "results" / "study.json"
    monkeypatch.setattr(retrieval, "RETRIEVAL_BASELINES", ("2D-FTM", "random"))
    monkeypatch.setattr(retrieval, "SCALE", 100)
    arguments = [*(f"--model={model}" for model in models), "--out", str(out), "--replicates", "30", "--seed", "5"]
    monkeypatch.setattr("sys.argv", ["retrieval", *arguments])
    retrieval.main()

    result = json.loads(out.read_text())
    assert result["provenance"]["seed"] == 5
    assert result["provenance"]["command"].startswith("python -m benchmarks.retrieval --model=")
    seen = [(run["collection"], *{m["protocol"] for m in run["models"]}, run["queries"]) for run in result["runs"]]
    assert seen == [
        ("toy, all", "held-out works", 12),
        ("toy, chorales", "held-out works", 6),
        ("toy, tunes", "held-out works", 12),
        ("real", "zero-shot", 8),
    ]
    table = out.with_suffix(".md").read_text()
    assert capsys.readouterr().out == table + "\n"
    names = [model["name"] for model in result["runs"][0]["models"]]
    assert list(result["trained"]) == names
    assert [training["covers_of"] for training in result["trained"].values()] == [["POP909", "music21"], []]
    heard = "covers synthesised from POP909, covers synthesised from music21, training works of toy; supcon, 20 epochs"
    assert f"- {names[0]} was trained on {heard}\n" in table
    assert f"- {names[1]} was trained on training works of toy; supcon, 20 epochs\n" in table
    monkeypatch.setattr(readme_table, "RESULTS", out.parent)
    monkeypatch.setattr(readme_table, "RETRIEVAL", "study")
    monkeypatch.setattr(readme_table, "COLLECTIONS", ("toy, all", "real"))
    monkeypatch.setitem(readme_table.SYSTEMS, "cnn, covers, aligned", "the report's CNN as it searches")
    rows_of_readme = [line.split(" | ")[0] for line in readme_table.table().splitlines()[2:]]
    assert rows_of_readme == [
        "| the report's CNN, same training data",
        "| the report's CNN, trained on the sample alone",
        "| 2D-FTM",
        "| the report's CNN as it searches",
    ]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith(("| toy", "| real"))]
    systems = [system for run in result["runs"] for system in run["systems"]]
    assert len(rows) == 4 * 5  # two models, the one as it searches and two baselines in each of four collections
    assert [row[1] for row in rows[:5]] == [names[0], f"{searching}, aligned", names[1], "2D-FTM", "random"]
    for row, system in zip(rows, systems, strict=True):
        assert row[1] == system["name"]
        assert row[2].startswith(f"{system['map']:.3f} [{system['map_ci'][0]:.3f}, ")
        assert row[3] == f"{system['auc']:.3f}"
        assert system["cpu_seconds"]["at"] == 100
        assert row[-2] == f"{system['cpu_seconds']['query_at']:.1e}"


def test_seconds_that_were_not_measured_are_said_to_be_about_so_long() -> None:
    table = np.random.default_rng(0).random((4, 4))
    ranks = rank_covers(lambda queries: table[queries], [0, 0, 1, 1])

    def cell(seconds: Seconds) -> tuple[str, ...]:
        metrics = retrieval_metrics(ranks)
        return retrieval.row("real", SystemReport("x", metrics, 0.5, Interval(0, 1), None, None, seconds, ranks))[-3:]

    assert cell(Seconds(0.5, 0.25, 15_000, 937.5, measured=False)) == ("2.5e-01", "≈ 9.4e+02", "5.0e-01")
    assert cell(Seconds(0.5, 0.25, 15_000, 2.0)) == ("2.5e-01", "2.0e+00", "5.0e-01")
    assert cell(Seconds(0.5, 0.25)) == ("2.5e-01", "", "5.0e-01")
