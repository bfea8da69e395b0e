"""The whole way from folders to a report of retrieval, against a plain recomputation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from untrained import write_untrained

from covsearch.dataset.datacos import open_dataset
from covsearch.embed import embed_files
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.evaluate.retrieval_report import RetrievalReport, evaluate_retrieval
from covsearch.models import load_checkpoint
from covsearch.workspace import Workspace

TEST = ("W_1", "W_4", "W_6", "W_8")


@pytest.fixture
def world(toy: Path, tmp_path: Path) -> tuple[Path, Path]:
    return toy, write_untrained(tmp_path / "checkpoint", toy, test=TEST)


def evaluate(root: Path, folder: Path, **options: object) -> RetrievalReport:
    home = Workspace(root.parent / "home")
    return evaluate_retrieval(root, folder, home, **{"replicates": 60, "frame_rate": 2.7, **options})  # type: ignore[arg-type]


def test_equals_embedding_and_sorting_query_by_query(world: tuple[Path, Path]) -> None:
    root, folder = world
    report = evaluate(root, folder)
    checkpoint, dataset = load_checkpoint(folder), open_dataset(root, ("hpcp",))
    works = {pid: p.wid for pid, p in dataset.performances.items() if p.wid in TEST}
    rate = dataset.frame_rate
    vectors = {pid: embed_files(checkpoint, dataset.files[pid], rate).astype(np.float64) for pid in works}
    precision, first = [], []
    for query in works:
        others = sorted(
            (float(checkpoint.alpha @ (vectors[query] - vectors[pid]) ** 2), pid) for pid in works if pid != query
        )
        ranks = [k for k, (_, pid) in enumerate(others, 1) if works[pid] == works[query]]
        precision.append(sum(n / k for n, k in enumerate(ranks, 1)) / 2)
        first.append(ranks[0])
    model, ftm, chroma, random = report.systems
    assert (report.works, report.performances, report.queries) == (4, 12, 12)
    assert model.metrics.map == pytest.approx(np.mean(precision))
    assert model.ranks.first.tolist() == first
    assert [s.name for s in report.systems] == [checkpoint.fingerprint, "2D-FTM", "mean chroma", "random"]
    assert min(ftm.metrics.map, chroma.metrics.map) > 0.95 > 0.6 > random.metrics.map
    assert all(s.seconds > 0 for s in report.systems)
    assert chroma.difference == pytest.approx(chroma.metrics.map - model.metrics.map)


def test_same_seed_same_figures_and_no_second_packing(world: tuple[Path, Path]) -> None:
    stages: list[str] = []

    def figures(seed: int) -> list[dict[str, object]]:
        stages.clear()
        report = evaluate(*world, seed=seed, progress=lambda stage, done, total: stages.append(stage))
        plain = [system.as_json() for system in report.systems]
        return [{k: v for k, v in system.items() if k != "seconds_per_query"} for system in plain]

    first = figures(3)
    assert {"packing features", "embedding", "baselines read", "ranking by 2D-FTM"} <= set(stages)
    assert figures(3) == first
    assert "packing features" not in stages
    other = figures(4)
    assert [s["map"] for s in other[:3]] == [s["map"] for s in first[:3]]
    assert other[3]["map"] != first[3]["map"]


def test_json_is_plain_and_complete(world: tuple[Path, Path]) -> None:
    report = evaluate(*world, baselines=["random"])
    values = json.loads(json.dumps(report.as_json(), allow_nan=False))
    model, random = values["systems"]
    assert (values["protocol"], values["ties"]) == ("held-out works", "against the system")
    assert values["bootstrap"] == {"over": "works", "level": 0.95, "replicates": 60, "seed": 0}
    assert (model["name"], model["difference"], model["difference_ci"]) == (values["model"], None, None)
    assert random["map_ci"] == [report.systems[1].map_ci.low, report.systems[1].map_ci.high]
    assert list(model["recall"]) == ["1", "5", "10", "50", "100"]
    assert model["recall"]["50"] == 1


def test_another_collection_is_searched_whole_with_single_works_as_distractors(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    other = write_collection(tmp_path / "other", works=4, versions=2, subset="other")
    for path in (other / "da-tacos_other_subset_hpcp" / "W_3_hpcp").glob("P_6*"):
        path.unlink()
    report = evaluate(other, world[1], frame_rate=None)
    assert (report.protocol, report.works, report.performances, report.queries) == ("zero-shot", 4, 7, 6)
    assert any("1 left out, first W_3/P_6" in note for note in report.notes)
    assert any("86.13 frames/s assumed" in note for note in report.notes)
    assert not any("assumed" in note for note in evaluate(other, world[1]).notes)


def test_parts_of_the_split_and_chosen_performances(world: tuple[Path, Path]) -> None:
    assert evaluate(*world, part="test", baselines=[]).protocol == "held-out works"
    report = evaluate(*world, part="validation", baselines=[])
    assert (report.protocol, report.works) == ("validation works", 2)
    assert any("numbers flatter" in note for note in report.notes)
    report = evaluate(*world, baselines=[], keep=lambda performance: performance.wid in ("W_1", "W_2"))
    assert (report.works, report.queries) == (1, 3)


def test_the_model_is_told_what_it_does_not_beat(world: tuple[Path, Path]) -> None:
    notes = evaluate(*world).notes
    assert any("is worse than mean chroma: 95 % interval of the MAP difference [-0." in note for note in notes)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"part": "most"}, UsageError, r"part must be one of \['train', 'validation', 'test'\], not 'most'"),
        ({"baselines": ["Qmin"]}, UsageError, "no baseline is called 'Qmin'"),
        ({"frame_rate": 0.0}, UsageError, "must be a positive number"),
        ({"subset": "benchmark"}, NotFoundError, "no subset 'benchmark'"),
        ({"keep": lambda performance: False}, ArtefactError, "none of the 4 test works"),
        ({"keep": lambda performance: performance.pid == "P_1"}, UsageError, "none of 1 performances has a cover"),
        ({"replicates": 0}, UsageError, "at least 1 replicate"),
    ],
)
def test_what_cannot_be_is_said(
    world: tuple[Path, Path], change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate(*world, **change)


def test_part_of_a_foreign_collection_and_a_leaky_model_are_refused(world: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_collection(tmp_path / "other", works=3, versions=2, subset="other")
    with pytest.raises(UsageError, match="the test works are of toy, which the model was trained on, not other"):
        evaluate(other, world[1], part="test")
    leaky = write_untrained(tmp_path / "leaky", world[0], by="pairs")
    with pytest.raises(UsageError, match="was trained on pairs of every work of toy"):
        evaluate(world[0], leaky)
    assert evaluate(other, leaky, baselines=[]).protocol == "zero-shot"
