"""The whole way from folders to a report of retrieval, against a plain recomputation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from published import made_up_calibration
from untrained import write_untrained

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.embedding import embed_files
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.evaluate import cliques
from covsearch.evaluate.held_out import evaluate_pairs
from covsearch.evaluate.retrieval_report import RetrievalReport, evaluate_retrieval
from covsearch.index.calibration import write_calibration
from covsearch.models import load_checkpoint
from covsearch.workspace import Workspace

TEST = ("W_1", "W_4", "W_6", "W_8")


@pytest.fixture
def world(toy: Path, tmp_path: Path) -> tuple[Path, Path]:
    return toy, write_untrained(tmp_path / "checkpoint", toy, test=TEST)


def evaluate(root: Path, *folders: Path, **options: object) -> RetrievalReport:
    home = Workspace(root.parent / "home")
    return evaluate_retrieval(root, folders, home, **{"replicates": 60, "frame_rate": 2.7, **options})  # type: ignore[arg-type]


def test_equals_embedding_and_sorting_query_by_query(world: tuple[Path, Path]) -> None:
    root, folder = world
    report = evaluate(root, folder)
    checkpoint, dataset = load_checkpoint(folder), open_dataset(root, ("hpcp",))
    works = {pid: p.wid for pid, p in dataset.performances.items() if p.wid in TEST}
    vectors = {pid: embed_files(checkpoint, dataset.files[pid], dataset.frame_rate).astype(np.float64) for pid in works}
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
    assert all(min(s.seconds.query, s.seconds.track) > 0 for s in (model, ftm, chroma))
    assert (random.seconds.track, random.seconds.at, random.seconds.query_at) == (0, None, None)
    assert chroma.difference == pytest.approx(chroma.metrics.map - model.metrics.map)


def test_same_seed_same_figures_and_no_second_packing(world: tuple[Path, Path]) -> None:
    stages: list[str] = []

    def figures(seed: int) -> list[dict[str, object]]:
        stages.clear()
        report = evaluate(*world, seed=seed, progress=lambda stage, done, total: stages.append(stage))
        plain = [system.to_dict() for system in report.systems]
        return [{k: v for k, v in system.items() if k != "cpu_seconds"} for system in plain]

    first = figures(3)
    assert {"packing features", "embedding", "baselines read", "ranking by 2D-FTM"} <= set(stages)
    assert figures(3) == first
    assert "packing features" not in stages
    other = figures(4)
    assert [s["map"] for s in other[:3]] == [s["map"] for s in first[:3]]
    assert other[3]["map"] != first[3]["map"]


def test_json_is_plain_and_complete(world: tuple[Path, Path]) -> None:
    report = evaluate(*world, baselines=["random"], scale=500)
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    model, random = values["systems"]
    assert values["models"] == [{"name": model["name"], "features": "hpcp", "protocol": "held-out works"}]
    assert (values["reference"], values["ties"]) == (model["name"], "against the system")
    assert values["bootstrap"] == {"over": "works", "level": 0.95, "replicates": 60, "seed": 0}
    assert (model["name"], model["difference"], model["difference_ci"]) == (values["reference"], None, None)
    assert random["map_ci"] == [report.systems[1].map_ci.low, report.systems[1].map_ci.high]
    assert random["auc"] == report.systems[1].auc
    for system in (model, random):
        seconds = system["cpu_seconds"]
        assert (seconds["at"], seconds["measured"]) == (500, True)
        assert min(seconds["query_at"], seconds["query"]) > 0
    assert list(model["recall"]) == ["1", "5", "10", "50", "100"]
    assert model["recall"]["50"] == 1


def test_auc_is_that_of_all_held_out_pairs(world: tuple[Path, Path]) -> None:
    report = evaluate(*world, baselines=[])
    pairs = evaluate_pairs(*world, Workspace(world[0].parent / "home"), pairs="all", replicates=10)
    assert report.systems[0].auc == pytest.approx(pairs.systems[0].auc, rel=1e-12)


@pytest.fixture
def worlds(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A collection with two features, and two models that each hear another one and had other works held out."""
    root = write_collection(tmp_path / "both", features=("hpcp", "crema"))
    first = write_untrained(tmp_path / "first", root, test=TEST)
    heard = FeatureConfig("crema", 64)
    second = write_untrained(tmp_path / "second", root, test=("W_4", "W_6", "W_7"), features=heard, seed=1)
    return root, first, second


def test_several_models_rank_what_all_may_be_judged_on_and_differ_from_the_first(
    worlds: tuple[Path, Path, Path],
) -> None:
    root, first, second = worlds
    report = evaluate(root, first, second, first, baselines=["random"])
    names = [load_checkpoint(folder).fingerprint for folder in (first, second)]
    assert [(m.name, m.features, m.protocol) for m in report.models] == [
        (names[0], "hpcp", "held-out works"),
        (names[1], "crema", "held-out works"),
    ]
    assert [s.name for s in report.systems] == [*names, "random"]
    assert (report.works, report.performances, report.protocol) == (2, 6, "held-out works")
    assert any(note == "queries and collection are what every model may be judged on" for note in report.notes)
    assert any(note.startswith(f"{names[1]}: held-out works") for note in report.notes)
    for folder, system in zip((first, second), report.systems, strict=False):
        alone = evaluate(root, folder, baselines=[], keep=lambda performance: performance.wid in ("W_4", "W_6"))
        assert alone.systems[0].ranks.rank.tolist() == system.ranks.rank.tolist()
        np.testing.assert_allclose(alone.systems[0].ranks.distance, system.ranks.distance, rtol=1e-5)
    expected = report.systems[1].metrics.map - report.systems[0].metrics.map
    assert report.systems[1].difference == pytest.approx(expected)


def test_a_performance_that_one_model_cannot_hear_is_ranked_by_none(worlds: tuple[Path, Path, Path]) -> None:
    root, first, second = worlds
    (path,) = root.rglob("P_10_crema.h5")  # W_4
    path.write_bytes(b"not HDF5")
    assert evaluate(root, first, baselines=[]).performances == 12
    report = evaluate(root, first, second, baselines=["2D-FTM"])
    assert {len(s.ranks.query) for s in report.systems} == {report.performances} == {5}
    assert sum("1 left out, first" in note and "P_10_crema" in note for note in report.notes) == 1
    for path in root.rglob("P_1[0-9]_crema.h5"):
        path.write_bytes(b"not HDF5")
    with pytest.raises(ArtefactError, match="could be read"):
        evaluate(root, first, second, keep=lambda performance: performance.wid == "W_4")


def test_models_without_a_common_held_out_work_are_refused(worlds: tuple[Path, Path, Path], tmp_path: Path) -> None:
    root, first, _ = worlds
    other = write_untrained(tmp_path / "third", root, test=("W_2", "W_3"), seed=2)
    with pytest.raises(UsageError, match=r"no performance of toy is fair to all of .*first and .*third"):
        evaluate(root, first, other)


def test_what_aligns_ranks_beside_the_others(world: tuple[Path, Path]) -> None:
    report = evaluate(*world, baselines=["Qmax"], scale=1_000)
    for system in report.systems[1:]:
        assert system.metrics.map > 0.95
        assert not system.seconds.measured
        assert system.seconds.query_at == pytest.approx(system.seconds.query * 1_000 / 12)


def test_another_collection_is_searched_whole_with_single_works_as_distractors(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    other = write_collection(tmp_path / "other", works=4, versions=2, subset="other", frames=1400, frame_rate=None)
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
        ({"part": "most"}, UsageError, r"part must be one of train, validation, test, not 'most'"),
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


def test_a_calibrated_model_is_judged_as_it_searches_unless_told_otherwise(toy: Path, tmp_path: Path) -> None:
    folder = write_untrained(tmp_path / "checkpoint", toy, test=TEST)
    name = load_checkpoint(folder).fingerprint
    write_calibration(folder, made_up_calibration(model=name))
    found = {}
    for align in ("candidates", "all", "none"):
        report = evaluate_retrieval(toy, [folder], Workspace(tmp_path / "home"), align=align, baselines=["random"])
        found[align] = [(system.name, system.metrics.map) for system in report.systems[:-1]]
    assert [one for one, _ in found["candidates"]] == [name, f"{name}, aligned"]
    assert [one for one, _ in found["all"]] == [name, f"{name}, all aligned"]
    assert found["none"] == found["all"][:1] == found["candidates"][:1]
    assert found["candidates"][1][1] == found["all"][1][1] == 1 > found["none"][0][1]


def test_a_protocol_is_checked_before_a_file_is_read(world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"protocol datacos has .*this has 12 performances \(4 works of 3\)"):
        evaluate(*world, protocol="datacos", progress=lambda stage, done, total: pytest.fail(f"{stage} began"))
    monkeypatch.setitem(cliques.PROTOCOLS, "toy", {3: 4})
    report = evaluate(*world, protocol="toy", baselines=["random"])
    assert report.notes[0] == "protocol toy: works and performances are this benchmark's"
    next(world[0].rglob("P_1[0-2]_hpcp.h5")).write_bytes(b"not HDF5")
    with pytest.raises(UsageError, match=r"this has 11 performances \(3 works of 3, 1 work of 2\)"):
        evaluate(*world, protocol="toy", baselines=["random"])
