"""The study writes what it judged after every size, and goes on where it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from collection import write_collection
from songs import make_song

from benchmarks import detection
from covsearch.evaluate import distractors as made
from covsearch.evaluate.detection_report import Prepared
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps the sample's frames and the distractors."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def out(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the results go, of a few sizes with songs in the place of files."""
    found = [SongCollection("tunes", CoverMaker([make_song(s) for s in range(3)]))]
    monkeypatch.setattr(made, "open_collections", lambda *_: found)
    monkeypatch.setattr(detection, "SIZES", (1, 8, 300))
    monkeypatch.setattr(detection, "REAL", write_collection(tmp_path / "real", works=4, versions=2, subset="real"))
    monkeypatch.setattr(Prepared, "judge", few(Prepared.judge))
    monkeypatch.setenv("COVSEARCH_HOME", str(home))
    path = tmp_path / "results" / "study.json"
    arguments = ["--synthesize", "/far/away/tunes", "--out", str(path), "--replicates", "20", "--queries", "2"]
    monkeypatch.setattr("sys.argv", ["detection", *arguments])
    return path


def few(judge: object) -> object:
    """The same of at most three queries at every size."""

    def of_some(self: Prepared, size: int, queries: int | None, **options: object) -> object:
        return judge(self, size, queries or 3, **options)  # type: ignore[operator]

    return of_some


def test_both_collections_at_every_size(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detection.main()
    result = json.loads(out.read_text())
    assert result["provenance"]["command"] == "python -m benchmarks.detection --synthesize tunes"
    seen = {run["subset"]: [(s["performances"], s["queries"]) for s in run["sizes"]] for run in result["runs"]}
    assert seen == {"sample": [(1, 3), (8, 3), (261, 3), (300, 2)], "real": [(1, 3), (7, 3), (8, 2), (300, 2)]}
    table = out.with_suffix(".md").read_text()
    assert capsys.readouterr().out.endswith(table + "\n")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if re.match(r"\| \d", line)]
    for row, size in zip(rows, [size for run in result["runs"] for size in run["sizes"]], strict=True):
        assert row[0] == f"{size['performances']:,}"
        assert row[2].startswith(f"{size['detected']['value']:.3f} [")
        assert row[-1] == f"{size['same_recording']['called_among_1000000_by_probability_alone']:.3f}"
    assert "/far/away" not in out.read_text() + table


def test_what_is_there_is_not_judged_again(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detection.main()
    whole = json.loads(out.read_text())
    cut = json.loads(out.read_text())
    run = cut["runs"].pop()
    run["sizes"], run["seconds"] = run["sizes"][:2], run["seconds"][:2]
    out.write_text(json.dumps({**cut, "runs": [*cut["runs"], run]}))
    judged: list[int] = []
    judge = detection._judge
    monkeypatch.setattr(detection, "_judge", lambda p, size, args: judged.append(size) or judge(p, size, args))
    detection.main()
    assert judged == [8, 300]
    again = json.loads(out.read_text())
    for one, other in zip(whole["runs"], again["runs"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
