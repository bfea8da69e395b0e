"""The ablation: which rows there are, equal budgets, what is measured, and going on after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collection import write_collection
from sklearn.metrics import average_precision_score

from benchmarks.studies import ablation
from covsearch.config import TrainConfig
from covsearch.dataset.pairs import Pairs
from covsearch.models import BRANCHES

PLAIN = {"map": 0.3, "auc": {"all": 0.8, "chorales": 0.7, "tunes": 0.6}, "tracks": 9}


@pytest.fixture
def toy_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_collection(tmp_path / "toy", works=40, versions=3, frames=60)
    monkeypatch.setattr(ablation, "sample_root", lambda: root)
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "home"))
    ablation.reference.cache_clear()


def test_rows_are_the_whole_grid(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(ablation.rows())
    assert len(set(rows)) == len(rows)
    assert {row[0] for row in rows} == set(BRANCHES) & set(ablation.SEES)
    cnn = {row[1:] for row in rows if row[0] == "cnn"}
    assert cnn == {
        (loss, pooling, keys)
        for loss in TrainConfig.LOSSES
        for pooling in ("masked", "unmasked")
        for keys in ("played", "transposed")
    }
    told = capsys.readouterr().err
    for branch in ablation.SEES:
        assert (f"skipped the branch {branch}:" in told) == (branch not in BRANCHES)


def test_rows_differ_in_what_their_names_say() -> None:
    for row in ablation.rows():
        config, training = ablation.configured(row, 2, 7)
        assert (config.branch, training.loss, config.pooling) == row[:3]
        assert training.rotate_keys == (row[3] == "transposed")
        assert (config.features.key, training.seed, training.epochs) == ("played", 2, 7)


@pytest.mark.usefixtures("toy_sample")
def test_every_training_hears_as_many_performances() -> None:
    """Pairs repeat their tracks, so an epoch of works is shorter; the number of epochs makes up for it."""
    epochs = {}
    for branch, loss, pooling, keys in ablation.rows():
        config, training = ablation.configured((branch, loss, pooling, keys), 0, 1)
        store = ablation.packed(config.features)
        performances, frames = ablation.heard(store, config, training)
        assert performances <= frames <= performances * store.lengths.max() * 1.5  # tempo changes lengthen some
        epochs[loss] = ablation.equal_epochs(10, 0, performances)
        assert abs(epochs[loss] * performances - 10 * ablation.reference(0)) <= performances / 2
    assert epochs["pairs"] == 10 < epochs["batch"] == epochs["supcon"]


def test_map_of_pair_scores_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    wids = tuple(f"W_{work}" for work in rng.integers(0, 6, 20))
    rows = np.flatnonzero(rng.random(20) < 0.8)  # some tracks of the store are in no pair
    a, b = (rows[side] for side in np.triu_indices(len(rows), 1))
    label = np.array([int(wids[i] != wids[j]) for i, j in zip(a, b, strict=True)])
    scores = rng.normal(size=len(a)).astype(np.float32)
    precision = []
    for query in rows:
        mine = (a == query) | (b == query)
        if (label[mine] == 0).any():
            precision.append(average_precision_score(label[mine] == 0, -scores[mine]))
    got = ablation.mean_average_precision(scores, Pairs(a, b, label), wids)
    assert got == pytest.approx(np.mean(precision))


def run(monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["ablation", "--out", str(out), *arguments])
    ablation.main()


def test_a_second_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[tuple[ablation.Row, int]] = []

    def judge(row: ablation.Row, seed: int, epochs: int) -> dict[str, Any]:
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((row, seed))
        value = 0.2 + 0.1 * seed + 0.01 * len(row[1])
        auc = {"all": value, "chorales": 0.5, "tunes": 0.5}
        return {"map": value, "auc": auc, "epochs": epochs, "best_epoch": 1, "frames": 2_500_000, "seconds": 2.0}

    monkeypatch.setattr(ablation, "judge", judge)
    monkeypatch.setattr(ablation, "baseline", lambda: PLAIN)
    out = tmp_path / "results" / "ablation.json"
    arguments = ["--epochs", "4", "--seeds", "2", "--only", "cnn, supcon"]
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, out, *arguments)
    first = trained.copy()
    assert [seed for _, seed in first] == [0, 0, 0]
    assert len(json.loads(out.read_text())["runs"]) == 3
    trained.clear()
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, out, *arguments)
    assert not set(first) & set(trained)
    trained.clear()
    run(monkeypatch, out, *arguments)
    table = out.with_suffix(".md").read_text().splitlines()
    assert "| cnn | supcon | masked | played | 0.310 ± 0.071 | 0.310 ± 0.071 | 0.500 ± 0.000 |" in table[2]
    assert table[2].endswith("| 2 | 4 | 2.5 | 2 |")
    assert len(table[2:6]) == 4 == sum(line.startswith("| cnn") for line in table)
    assert table[6] == "| *mean chroma, best of 12 keys* | - | - | - | 0.300 | 0.800 | 0.700 | 0.600 | - | - | - | - |"
    trained.clear()
    run(monkeypatch, out, *arguments)
    assert trained == []


def test_trainings_of_another_length_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ablation.json"
    out.write_text(json.dumps({"epochs": 4, "baseline": PLAIN, "runs": {}}))
    with pytest.raises(SystemExit):
        run(monkeypatch, out, "--epochs", "5")
    assert "holds trainings of 4 epochs" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, out, "--epochs", "4", "--only", "rnn")
    assert "no row has 'rnn' in its name" in capsys.readouterr().err
