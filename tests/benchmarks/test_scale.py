"""Candidates in a large collection: the searches that are compared, on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from published import made_up_calibration, make_chroma, unit_vectors
from untrained import write_untrained

from benchmarks import scale
from covsearch.index.calibration import write_calibration
from covsearch.models import load_checkpoint


def test_every_search_is_a_row_and_aligning_all_finds_the_melodies(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_untrained(tmp_path / "model", toy, test=("W_1", "W_4", "W_6", "W_8"))
    write_calibration(folder, made_up_calibration(model=load_checkpoint(folder).fingerprint))
    rng = np.random.default_rng(0)
    monkeypatch.setattr(scale, "bundled_checkpoint", lambda: folder)
    monkeypatch.setattr(scale, "sample_root", lambda: toy)
    monkeypatch.setattr(scale, "distractors", lambda _m, _s, count, *_: (unit_vectors(rng, count), make_chroma(count)))
    monkeypatch.setattr(scale, "CANDIDATES", (10, 20, 1000))
    monkeypatch.setattr(scale, "FINE", (5, 10))
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "home"))
    real = write_collection(tmp_path / "real", works=4, versions=2, subset="real")
    out = tmp_path / "scale.json"
    arguments = ["--synthesize", "songs", "--count", "60", "--whole", "4", "--timed", "2", "--dataset", str(real)]
    monkeypatch.setattr("sys.argv", ["scale", *arguments, "--out", str(out)])
    scale.main()

    runs = json.loads(out.read_text())["runs"]
    assert [(run["collection"], run["performances"], run["distractors"], run["queries"]) for run in runs] == [
        ("toy", 60, 48, 12),
        ("real", 60, 52, 8),
    ]
    for run in runs:
        searches = run["searches"]
        asked = [(row["candidates"], row["fine"]) for row in searches]
        assert asked == [(None, None), (10, 5), (10, 10), (20, 5), (20, 10), (60, 60)]
        assert set(run["recall_of_head"]) == {"10", "20"}
        assert searches[-1]["some"]["map"] == 1
        assert "map" not in searches[-1]
        for row in searches[1:-1]:  # what the head does not bring, no alignment finds
            assert row["recall@10"] <= run["recall_of_head"][str(row["candidates"])] + 1e-12
        assert all(row["cpu_s"] > 0 for row in searches)
    table = out.with_suffix(".md").read_text()
    assert capsys.readouterr().out.endswith(table + "\n")
    assert table.count("\n| 20 | 10 | ") == table.count("\n| all | all | ") == table.count("\n| none |  | ") == 2
