"""The table of the report made again: figures beside the report's, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies import reproduction


def run(model: str, split: str, seed: int, auc: float) -> dict[str, Any]:
    return {
        "model": model,
        "split": split,
        "seed": seed,
        "pairs": {"train": 3000, "validation": 100, "test": 90},
        "validation_accuracy": 0.6,
        "test_accuracy": 0.5,
        "test_auc": auc,
        "seconds": 90.0,
    }


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    runs = [run(m, s, seed, 0.5 + 0.1 * seed) for seed in (0, 1) for s in ("pairs", "works") for m in ("cnn", "hybrid")]
    within = [{"seed": seed, "difference": 0.0, "low": -0.0001, "high": 0.25} for seed in (0, 1)]
    differences = [{"split": split, "within": within} for split in ("pairs", "works")]
    told = {"page": "/here/report.html", "collection": "toy", "quick": False, "runs": runs, "differences": differences}
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def test_figures_stand_beside_the_reports(
    printed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduction, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["reproduction", str(printed), "--note", "Busy."])
    reproduction.main()
    table = (tmp_path / "reproduce.md").read_text(encoding="utf-8")
    assert table == capsys.readouterr().out.removesuffix("\n")
    assert table.startswith("Busy.\n\n## toy\n\nThe report's protocol. Seeds: 2. ")
    assert "split by pairs 3,000 / 100 / 90; split by works 3,000 / 100 / 90. 8 trainings took 12 minutes" in table
    assert "| CNN | test AUC | 0.70 | 0.550 ± 0.071 | 0.550 ± 0.071 |" in table
    assert "| CNN + quantum | validation accuracy | 0.68 | 0.600 ± 0.000 | 0.600 ± 0.000 |" in table
    assert "- split by works: AUC of the quantum model less the CNN's: seed 0 +0.000 [+0.000, +0.250], seed 1" in table
    assert "/here" not in (tmp_path / "reproduce.json").read_text(encoding="utf-8")
