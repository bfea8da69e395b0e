"""The whole way from folders to a report, against a plain recomputation."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from collection import write_collection
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from untrained import write_untrained

from covsearch.dataset.datacos import open_dataset
from covsearch.embedding import embed_files
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.evaluate.held_out import PairsReport, evaluate_pairs
from covsearch.models import load_checkpoint
from covsearch.workspace import Workspace

TEST = ("W_1", "W_4", "W_6", "W_8")


@pytest.fixture
def world(toy: Path, tmp_path: Path) -> tuple[Path, Path]:
    return toy, write_untrained(tmp_path / "checkpoint", toy, test=TEST)


def evaluate(root: Path, folder: Path, **options: object) -> PairsReport:
    home = Workspace(root.parent / "home")
    return evaluate_pairs(root, folder, home, replicates=60, **options)  # type: ignore[arg-type]


def slow_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    rolled = [np.roll(b, key) for key in range(12)]
    return float(1 - max(a @ r / np.linalg.norm(a) / np.linalg.norm(r) for r in rolled))


def slow_mean(path: Path) -> NDArray[np.float64]:
    """Mean of unit frames after block means of the fewest frames that bring them down to the model's 64."""
    with h5py.File(path) as h5:
        chroma = np.asarray(h5["hpcp"], dtype=np.float64)
    frames = chroma / np.linalg.norm(chroma, axis=1, keepdims=True)
    block = -(-len(frames) // 64)
    mean: NDArray[np.float64] = np.mean(
        [frames[k : k + block].mean(axis=0) for k in range(0, len(frames), block)], axis=0
    )
    return mean


def test_equals_reading_embedding_and_scoring_pair_by_pair(world: tuple[Path, Path]) -> None:
    root, folder = world
    report = evaluate(root, folder)
    checkpoint, files = load_checkpoint(folder), open_dataset(root, ("hpcp",)).files
    with (folder / "pairs.csv").open() as f:
        rows = [row for row in csv.DictReader(f) if row["part"] == "test"]
    pids = {row[side] for row in rows for side in ("pid_a", "pid_b")}
    vectors = {pid: embed_files(checkpoint, files[pid], 86.13).astype(np.float64) for pid in pids}
    means = {pid: slow_mean(files[pid]["hpcp"]) for pid in pids}
    squares = [(vectors[row["pid_a"]] - vectors[row["pid_b"]]) ** 2 for row in rows]
    p = [1 / (1 + np.exp(-(checkpoint.alpha @ square + checkpoint.beta))) for square in squares]
    distance = [slow_distance(means[row["pid_a"]], means[row["pid_b"]]) for row in rows]
    label = [int(row["label"]) for row in rows]
    model, chroma, random = report.systems
    assert report.label.tolist() == label
    np.testing.assert_allclose(report.probability, p, atol=1e-5)
    assert model.auc == pytest.approx(roc_auc_score(label, p))
    assert model.accuracy == np.mean((np.array(p) < 0.5) == (np.array(label) == 0))
    assert chroma.auc == pytest.approx(roc_auc_score(label, distance))
    assert (model.name, chroma.name, random.name) == (checkpoint.fingerprint, "mean chroma", "random")


def test_mean_chroma_finds_transposed_versions_and_noise_does_not(world: tuple[Path, Path]) -> None:
    report = evaluate(*world, pairs="all")
    _, chroma, random = report.systems
    assert chroma.auc > 0.99
    assert random.ci.low < 0.5 < random.ci.high
    assert (report.works, report.performances, len(report.label), report.covers) == (4, 12, 66, 12)
    assert any("worse than mean chroma" in note for note in report.notes)


def test_the_same_seed_gives_the_same_report_and_a_second_run_packs_nothing(world: tuple[Path, Path]) -> None:
    stages: list[str] = []

    def progress(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    first = evaluate(*world, pairs="all", seed=3, progress=progress).to_dict()
    assert {"packing features", "embedding", "mean chroma", "bootstrap over works"} == set(stages)
    stages.clear()
    assert evaluate(*world, pairs="all", seed=3, progress=progress).to_dict() == first
    assert "packing features" not in stages
    assert evaluate(*world, pairs="all", seed=4).to_dict()["systems"] != first["systems"]


def test_json_is_complete_and_plain(world: tuple[Path, Path]) -> None:
    report = evaluate(*world)
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    model, chroma, _ = values["systems"]
    assert (values["protocol"], values["kind"], values["subset"]) == ("held-out works", "balanced", "toy")
    assert (values["pairs"], values["covers"]) == (20, 10)
    assert values["bootstrap"] == {
        "over": "works",
        "level": 0.95,
        "replicates": 60,
        "redrawn": report.redrawn,
        "seed": 0,
    }
    assert model["ci"] == [report.systems[0].ci.low, report.systems[0].ci.high]
    assert model["difference"] == pytest.approx(model["auc"] - chroma["auc"])
    assert chroma["accuracy"] is None
    assert chroma["difference"] is None
    assert "roc" not in model


def test_zero_shot_uses_every_work(world: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_collection(tmp_path / "other", works=3, versions=2, subset="other")
    report = evaluate(other, world[1], pairs="all")
    assert (report.protocol, report.works, report.performances, report.covers) == ("zero-shot", 3, 6, 3)


def test_a_broken_file_is_left_out_and_told(world: tuple[Path, Path]) -> None:
    root, folder = world
    (root / "da-tacos_toy_subset_hpcp" / "W_1_hpcp" / "P_1_hpcp.h5").write_bytes(b"not HDF5")
    report = evaluate(root, folder, pairs="all")
    assert report.performances == 11
    assert any("1 left out, first" in note and "P_1_hpcp.h5" in note for note in report.notes)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"pairs": "many"}, UsageError, r"one of all, balanced, not 'many'"),
        ({"subset": "benchmark"}, NotFoundError, "no subset 'benchmark'; it has"),
        ({"replicates": 0}, UsageError, "at least 1 replicate"),
    ],
)
def test_what_cannot_be_is_said(
    world: tuple[Path, Path], change: dict[str, object], error: type[Exception], message: str
) -> None:
    root, folder = world
    options = {"replicates": 10, **change}
    with pytest.raises(error, match=message):
        evaluate_pairs(root, folder, Workspace(root.parent / "home"), **options)  # type: ignore[arg-type]


def test_missing_dataset_and_checkpoint(world: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not there"):
        evaluate(tmp_path / "nowhere", world[1])
    with pytest.raises(NotFoundError, match="expected a checkpoint folder"):
        evaluate(world[0], tmp_path / "nothing")


def test_pairs_of_a_namesake_are_refused(world: tuple[Path, Path]) -> None:
    root, folder = world
    path = folder / "pairs.csv"
    path.write_text(path.read_text() + "P_1,P_999,1,test\n")
    with pytest.raises(ArtefactError, match="'P_999' is not in this collection"):
        evaluate(root, folder)
