"""The loop learns, resumes to the bit, keeps the best epoch and refuses what it should."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from collection import write_collection

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.pairs import Pairs, read_pairs
from covsearch.dataset.splits import read_split
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.features.store import FrameStore
from covsearch.models import Siamese, bundled_checkpoint, load_checkpoint, save_checkpoint
from covsearch.training import loop
from covsearch.training.batches import training_batches
from covsearch.training.card import summary
from covsearch.training.loop import TrainReport, pair_scores, train
from covsearch.training.presets import PRESETS, configure
from covsearch.training.run import run_training
from covsearch.training.source import TrainingSource
from covsearch.workspace import Workspace

MODEL = ModelConfig(features=FeatureConfig("hpcp", 256))
QUICK = TrainConfig(
    train_pairs=40, validation_pairs=12, test_pairs=12, epochs=4, batch_pairs=8, rotate_keys=True, schedule="cosine"
)


def weights(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where :func:`whole` was trained."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(store: FrameStore, pairs: dict[str, Pairs], ran: Path) -> TrainReport:
    """Four epochs."""
    return train(store, pairs, MODEL, QUICK, ran)


def test_killed_training_ends_with_the_weights_of_an_unbroken_one(
    whole: TrainReport,
    store: FrameStore,
    pairs: dict[str, Pairs],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, calls = loop.save_state, []

    def dies_in_epoch_3(*args: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "save_state", dies_in_epoch_3)
    with pytest.raises(KeyboardInterrupt):
        train(store, pairs, MODEL, QUICK, tmp_path / "broken")
    monkeypatch.setattr(loop, "save_state", real)
    assert len((tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()) == 2
    resumed = train(store, pairs, MODEL, QUICK, tmp_path / "broken")
    for name, value in weights(whole.model).items():
        np.testing.assert_array_equal(weights(resumed.model)[name], value, err_msg=name)
    assert resumed.best_epoch == whole.best_epoch
    assert [e.train_loss for e in resumed.history] == [e.train_loss for e in whole.history]
    written = [json.loads(line)["epoch"] for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert written == [1, 2, 3, 4]


def test_seed_decides_everything(store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path) -> None:
    short = TrainConfig(**{**vars(QUICK), "epochs": 1})
    first, again = (train(store, pairs, MODEL, short, tmp_path / name) for name in ("a", "b"))
    other = train(store, pairs, MODEL, TrainConfig(**{**vars(short), "seed": 1}), tmp_path / "c")
    assert first.history[0].train_loss == again.history[0].train_loss != other.history[0].train_loss


def test_it_learns_a_collection_that_can_be_learned(store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path) -> None:
    """On its training pairs: 16 epochs bring the loss well below chance (ln 2)."""
    pairs_of = {"train_pairs": 40, "validation_pairs": 12, "test_pairs": 12, "batch_pairs": 8}
    longer = TrainConfig(**pairs_of, epochs=16, learning_rate=1e-3)
    report = train(store, pairs, ModelConfig(alpha="positive", features=MODEL.features), longer, tmp_path / "run")
    assert report.history[-1].train_loss < 0.35 < 0.5 < report.history[0].train_loss
    assert report.history[-1].train_accuracy > 0.85


def test_best_validation_accuracy_is_kept(whole: TrainReport, store: FrameStore, pairs: dict[str, Pairs]) -> None:
    best = max(whole.history, key=lambda e: (e.validation_accuracy, -e.validation_loss))
    assert whole.best_epoch == best.epoch
    scores = pair_scores(whole.model, store, pairs["validation"])
    p = 1 / (1 + np.exp(-scores.astype(np.float64)))
    slow = np.mean([(q < 0.5) == (y == 0) for q, y in zip(p, pairs["validation"].label, strict=True)])
    assert best.validation_accuracy == pytest.approx(slow)


def test_early_stopping_and_schedule(store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path) -> None:
    frozen = TrainConfig(**{**vars(QUICK), "learning_rate": 1e-9, "patience": 2, "epochs": 40})
    report = train(store, pairs, MODEL, frozen, tmp_path / "run")
    assert len(report.history) < 40
    assert len(report.history) - report.best_epoch == 2
    rates = [loop._learning_rate(QUICK, epoch) for epoch in (1, 2, 3, 4)]
    assert rates == pytest.approx([5e-4 * f for f in (1, 0.853553, 0.5, 0.146447)], rel=1e-5)


def test_each_track_of_a_batch_is_embedded_once(store: FrameStore, pairs: dict[str, Pairs]) -> None:
    model = Siamese(MODEL)
    seen = []
    for batch in training_batches(store, pairs["train"], model, TrainConfig(batch_pairs=16), np.random.default_rng(0)):
        tracks = batch.frames.reshape(len(batch.frames), -1).numpy()
        assert len(np.unique(tracks, axis=0)) == len(tracks)
        assert set(batch.a.tolist()) | set(batch.b.tolist()) == set(range(len(tracks)))
        seen += batch.label.tolist()
    assert sorted(seen) == sorted(pairs["train"].label.tolist())


def test_scores_of_pairs_are_the_heads(store: FrameStore, pairs: dict[str, Pairs]) -> None:
    torch.manual_seed(0)
    model = Siamese(MODEL).eval()
    got = pair_scores(model, store, pairs["test"])
    for k in (0, 3, 7):
        rows = [int(pairs["test"].a[k]), int(pairs["test"].b[k])]
        frames, lengths = store.batch(rows, 256)
        slow = model(torch.from_numpy(frames), torch.from_numpy(lengths), torch.tensor([0]), torch.tensor([1]))
        assert got[k] == pytest.approx(slow.item(), abs=1e-5)


def test_another_configuration_does_not_go_on_with_a_state(
    whole: TrainReport, ran: Path, store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path
) -> None:
    shutil.copytree(ran, tmp_path / "run")
    with pytest.raises(UsageError, match="holds a training with other choices"):
        train(store, pairs, MODEL, TrainConfig(**{**vars(QUICK), "epochs": 5}), tmp_path / "run")
    (tmp_path / "run" / "state.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ArtefactError, match="expected the state of a training"):
        train(store, pairs, MODEL, QUICK, tmp_path / "run")


def test_run_writes_a_whole_checkpoint(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    workspace = Workspace(tmp_path / "home")
    config, training = configure("report", {"epochs": 1, "frames": 256, "seed": 3})
    out, trained = run_training(TrainingSource(root), config, training, workspace)
    assert out == tmp_path / "home" / "models" / "cnn-toy-seed3"
    assert {p.name for p in out.iterdir()} == {
        "model.safetensors", "config.toml", "README.md", "split.json", "pairs.csv", "metrics.jsonl",
    }  # fmt: skip
    checkpoint = load_checkpoint(out)
    assert checkpoint.config == config
    split = read_split(out / "split.json")
    assert len(split.train) == 9
    test = read_pairs(out / "pairs.csv", trained.store.pids, "test")
    assert {trained.store.wids[i] for i in test.a} <= set(split.test)
    assert summary(trained)["pairs"] == {"train": 54, "validation": 18, "test": 18}
    card = (out / "README.md").read_text()
    assert "by works, seed 3" in card
    assert "Leaky" not in card
    with pytest.raises(UsageError, match="already holds a trained model"):
        run_training(TrainingSource(root), config, training, workspace)


def test_leaky_protocol_says_so(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=6, frames=120)
    config, training = configure("report", {"epochs": 1, "frames": 256, "split": "pairs"})
    out, _ = run_training(TrainingSource(root), config, training, Workspace(tmp_path / "home"))
    assert "**Leaky protocol.**" in (out / "README.md").read_text()
    assert json.loads((out / "split.json").read_text())["by"] == "pairs"
    assert read_split(out / "split.json").test == ()


def test_presets() -> None:
    model, training = configure("report", {})
    assert (model.pooling, model.alpha, model.norm) == ("unmasked", "signed", "batch")
    assert training == TrainConfig()
    assert (training.epochs, training.learning_rate, training.rotate_keys) == (20, 5e-4, False)
    assert (training.weight_decay, training.schedule, training.patience) == (0, "constant", 0)
    model, training = configure("cnn", {"seed": 7, "pooling": "unmasked", "frames": 256, "epochs": None})
    assert (model.pooling, training.seed, training.loss) == ("unmasked", 7, "supcon")
    assert (model.features.key, model.features.frames) == ("normalised", 256)
    assert training.epochs == PRESETS["cnn"]["epochs"]
    model, training = configure("default", {})
    assert model == load_checkpoint(bundled_checkpoint()).config
    assert (training.start, configure("default", {"start": "scratch"})[1].start) == ("bundled", "")
    model, training = configure("invariant", {})
    assert (model.branch, model.features.rate, model.features.key) == ("invariant", SLOW_RATE, "played")
    assert (training.average, training.keep, training.precision) == (0.995, "last", "bfloat16")
    with pytest.raises(UsageError, match=r"preset must be one of \['cnn', 'default', 'invariant', 'report'\]"):
        configure("paper", {})
    with pytest.raises(UsageError, match="epochs must be at least 1"):
        configure("report", {"epochs": 0})
    with pytest.raises(UsageError, match=r"unknown choices \['epoch'\]"):
        configure("report", {"epoch": 3})


@pytest.mark.parametrize(("rate", "kept"), [(0.9, 0), (1e-3, 4)])
def test_the_first_weights_are_kept_where_no_epoch_is_better(
    whole: TrainReport, store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path, rate: float, kept: int
) -> None:
    first = whole.model if kept == 0 else Siamese(MODEL)
    save_checkpoint(tmp_path / "first", first, MODEL)
    tuned = replace(QUICK, start=str(tmp_path / "first"), learning_rate=rate)
    report = train(store, pairs, MODEL, tuned, tmp_path / "tuned")
    assert (report.best_epoch > 0) == (kept > 0)
    scores = pair_scores(report.model, store, pairs["validation"])
    assert report.validation_accuracy == loop.accuracy_at_half(scores, pairs["validation"].label)
    if not kept:
        for name, value in weights(whole.model).items():
            np.testing.assert_array_equal(weights(report.model)[name], value, err_msg=name)


def test_a_training_begins_with_the_weights_that_are_named(tmp_path: Path) -> None:
    first = Siamese(MODEL)
    save_checkpoint(tmp_path / "first", first, MODEL)
    begun = loop.begin(MODEL, replace(QUICK, start=str(tmp_path / "first")))
    for name, value in weights(first).items():
        np.testing.assert_array_equal(weights(begun)[name], value, err_msg=name)
    bundled = load_checkpoint(bundled_checkpoint())
    assert weights(loop.begin(bundled.config, replace(QUICK, start="bundled"))).keys() == weights(bundled.model).keys()
    with pytest.raises(UsageError, match="a model of another branch"):
        loop.begin(replace(MODEL, branch="invariant"), replace(QUICK, start=str(tmp_path / "first")))
    with pytest.raises(NotFoundError):
        loop.begin(MODEL, replace(QUICK, start=str(tmp_path / "none")))
