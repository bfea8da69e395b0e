"""The measurement writes what it measured: JSON with provenance, the same numbers as tables, a figure a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collection import write_collection
from untrained import write_untrained

from benchmarks.studies import calibration
from covsearch.calibrate import calibrate
from covsearch.errors import UsageError
from covsearch.evaluate import held_out
from covsearch.workspace import Workspace


def test_every_model_on_every_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    toy = write_collection(tmp_path / "toy", works=12)
    test = ("W_1", "W_4", "W_6", "W_8")
    folders = [write_untrained(tmp_path / f"m{k}", toy, test=test, alpha="positive", seed=k) for k in (0, 1)]
    home = Workspace(tmp_path / "home")
    calibrate(folders[0], toy, home)
    monkeypatch.setattr(held_out, "sample_root", lambda: toy)
    monkeypatch.setattr(held_out, "bundled_checkpoint", lambda: folders[0])
    monkeypatch.setattr(calibration, "REAL", write_collection(tmp_path / "real", works=4, versions=2, subset="real"))
    monkeypatch.setenv("COVSEARCH_HOME", str(home.home))
    out = tmp_path / "results" / "study.json"
    monkeypatch.setattr("sys.argv", ["calibration", "--out", str(out), "--model", str(folders[1])])
    with pytest.raises(UsageError, match="is not calibrated: run `covsearch calibrate`"):
        calibration.main()
    calibrate(folders[1], toy, home)
    capsys.readouterr()
    calibration.main()

    result = json.loads(out.read_text())
    assert result["provenance"]["command"].startswith("python -m benchmarks.studies.calibration --out ")
    assert [(run["subset"], run["kind"]) for run in result["runs"]] == [
        ("toy", "balanced"), ("toy", "all"), ("real", "balanced"), ("real", "all"),
    ] * 2  # fmt: skip
    models = [run["model"] for run in result["runs"]]
    assert len(set(models)) == 2
    table = out.with_suffix(".md").read_text()
    assert capsys.readouterr().out == table + "\n"
    rows = [line[2:-2].split(" | ") for line in table.splitlines()[2:10]]
    for row, run in zip(rows, result["runs"], strict=True):
        assert row[:2] == [run["model"], run["subset"]]
        assert row[3:5] == [f"{run['accuracy_at_0.5']:.3f}", f"{run['accuracy']:.3f}"]
        for cell, name in zip(row[5:], ("before", "temperature", "after"), strict=True):
            assert cell.startswith(f"{run['ece'][name]['ece']:.3f} [{run['ece'][name]['ci'][0]:.3f}, ")
    figures = sorted(path.name for path in out.parent.glob("*.png"))
    assert figures == sorted(["study.png", f"study_{models[4]}.png"])
