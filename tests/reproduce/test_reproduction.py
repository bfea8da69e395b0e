"""The report made again: everything is on the page, the figures are the checkpoints', and nothing is trained twice."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from collection import write_collection
from sklearn.metrics import roc_auc_score

from covsearch.cli import cli
from covsearch.errors import CovsearchError, UsageError
from covsearch.evaluate.held_out import evaluate_pairs
from covsearch.reproduce import Reproduction, reproduce
from covsearch.reproduce.plan import Run, plan
from covsearch.training.source import TrainingSource
from covsearch.workspace import Workspace


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def collection(place: Path) -> Path:
    return write_collection(place / "toy", works=15, versions=3, frames=300)


@pytest.fixture(scope="module")
def made(place: Path, collection: Path) -> Reproduction:
    source = TrainingSource(collection)
    return reproduce(source, place / "out", Workspace(place / "home"), seeds=1, quick=True)


def test_every_figure_and_table_of_the_report_is_on_the_page(made: Reproduction) -> None:
    page = (made.folder / "report.md").read_text(encoding="utf-8")
    for number in range(2, 11):  # Figure 1 is CREMA, which this collection has not
        assert f"Figure {number}: " in page
    assert "Figure 1 of the report shows CREMA, which this collection does not have." in page
    assert "Table 3: " in page
    assert "Table 4: " in page
    pictures = re.findall(r"\]\((figures/[^)]+)\)", page)
    assert len(pictures) == len(set(pictures)) == 2 + 1 + 12 + 2
    for path in pictures:
        assert (made.folder / path).read_bytes().startswith(b"\x89PNG")
        assert f'src="{path}"' in made.page.read_text(encoding="utf-8")


def test_figures_are_those_of_the_checkpoints(made: Reproduction, collection: Path, place: Path) -> None:
    for one in made.judged:
        folder = made.folder / "models" / one.run.folder
        report = evaluate_pairs(collection, folder, Workspace(place / "home"), replicates=2)
        assert one.auc == pytest.approx(report.systems[0].auc, abs=1e-6)
        assert one.accuracy == report.systems[0].accuracy
        assert one.auc == pytest.approx(roc_auc_score(one.label, one.score), abs=1e-12)
        assert one.pairs["test"] == len(one.label)
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert one.best["validation_accuracy"] == max(row["validation_accuracy"] for row in rows)
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert f"best validation accuracy in epoch {one.best_epoch} " in card


def test_both_models_are_asked_the_same_pairs(made: Reproduction) -> None:
    for split in ("pairs", "works"):
        cnn, hybrid = (one for one in made.judged if one.run.split == split)
        assert np.array_equal(cnn.label, hybrid.label)
        assert np.array_equal(cnn.work_a, hybrid.work_a)
        pairs = [(made.folder / "models" / one.run.folder / "pairs.csv").read_text() for one in (cnn, hybrid)]
        assert pairs[0] == pairs[1]


def test_the_page_says_how_it_was_made_and_how_little_it_had(made: Reproduction, collection: Path) -> None:
    page = (made.folder / "report.md").read_text(encoding="utf-8")
    assert f"| command | covsearch reproduce {collection} --seeds 1 --quick --out {made.folder} |" in page
    got = sum(made.judged[0].pairs.values())
    assert f"split by pairs: {got} pairs instead of 1,000, as the collection has no more pairs of covers" in page
    assert "test pairs: no statement; at least 50 are needed" in page
    assert "| the report | 20 | 0.0005 | Adam | binary cross-entropy | 2,000 |" in page
    assert "| here | 4 | 0.0005 | Adam | binary cross-entropy | 512 |" in page


def test_only_the_split_by_works_keeps_works_apart(made: Reproduction) -> None:
    for one in made.judged:
        lines = (made.folder / "models" / one.run.folder / "pairs.csv").read_text().splitlines()[1:]
        works: dict[str, set[int]] = {}
        for a, b, _, part in (line.split(",") for line in lines):
            works.setdefault(part, set()).update((int(pid[2:]) - 1) // 3 for pid in (a, b))
        assert bool(works["train"] & works["test"]) == (one.run.split == "pairs")


def test_what_is_there_is_not_trained_again(made: Reproduction, collection: Path, place: Path) -> None:
    weights = {run: made.folder / "models" / run.folder / "model.safetensors" for run in plan(1)}
    before = {run: path.read_bytes() for run, path in weights.items()}
    lost = Run("hybrid", "works", 0)
    shutil.rmtree(weights[lost].parent)
    told: list[str] = []
    again = reproduce(
        TrainingSource(collection), made.folder, Workspace(place / "home"), seeds=1, quick=True, tell=told.append
    )
    assert told == ["training 4 of 4: CNN + quantum, split by works, seed 0"]
    assert {run: path.read_bytes() for run, path in weights.items()} == before
    assert again.to_dict()["differences"] == made.to_dict()["differences"]


def test_the_command_prints_the_same_figures(made: Reproduction, collection: Path, place: Path) -> None:
    arguments = ["--home", str(place / "home"), "reproduce", str(collection), "--out", str(made.folder), "--seeds", "1"]
    result = CliRunner().invoke(cli, [*arguments, "--quick", "--json"])
    assert result.exit_code == 0, result.output
    printed, own = json.loads(result.stdout)["runs"], json.loads(json.dumps(made.to_dict()["runs"]))
    for run in (*printed, *own):
        del run["seconds"]  # one of them was trained again meanwhile
    assert printed == own


def test_a_report_of_other_choices_is_not_continued(made: Reproduction, collection: Path, place: Path) -> None:
    with pytest.raises(UsageError, match=r"--quick.*another --out"):
        reproduce(TrainingSource(collection), made.folder, Workspace(place / "home"), seeds=1)


def test_no_seeds_are_refused() -> None:
    with pytest.raises(CovsearchError, match="at least 1 seed is needed, not 0"):
        plan(0)
