"""Batches of synthesised covers and of the collection's own works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from numpy.typing import NDArray
from songs import make_song

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.pairs import Pairs, pairs_by_work
from covsearch.dataset.splits import draw_split
from covsearch.errors import UsageError
from covsearch.features.pack import pack
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection
from covsearch.training import loop
from covsearch.training.loop import train
from covsearch.training.mixture import MixedBatches, check_features

FEATURES = FeatureConfig("hpcp", 256, SLOW_RATE)
MODEL = ModelConfig("invariant", alpha="positive", features=FEATURES)
TRAINING = TrainConfig(
    loss="batch",
    batch_works=4,
    batch_versions=2,
    epochs=3,
    epoch_steps=5,
    cover_frames=40,
    average=0.9,
    keep="last",
    clip=1.0,
    synthesize="songs",
)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> tuple[FrameStore, dict[str, Pairs]]:
    root = write_collection(tmp_path_factory.mktemp("toy"), works=9, versions=3, frames=168)
    dataset = open_dataset(root, ["hpcp"], frame_rate=4 * SLOW_RATE)
    store = pack(dataset, FEATURES, tmp_path_factory.mktemp("store"))
    sizes = {"train": 20, "validation": 6, "test": 6}
    return store, dict(pairs_by_work(store.wids, draw_split(store.wids, 0), sizes, 0))


def mixed(slow: tuple[FrameStore, dict[str, Pairs]], training: TrainConfig = TRAINING) -> MixedBatches:
    songs = [SongCollection(str(k), CoverMaker([make_song(s) for s in range(6 * k, 6 * k + 6)])) for k in (0, 1)]
    return MixedBatches(slow[0], slow[1]["train"], songs, training)


def test_an_epoch_is_batches_of_one_kind_each(slow: tuple[FrameStore, dict[str, Pairs]]) -> None:
    batches, model = mixed(slow), Siamese(MODEL)
    assert batches.shares.sum() == pytest.approx(1)
    made = list(batches(model, np.random.default_rng(0), 0.0))
    assert len(made) == 5
    for batch in made:
        assert batch.frames.shape[0] == len(batch.lengths) == len(batch.works)
        same = batch.works[batch.a] == batch.works[batch.b]
        assert ((batch.label == 0) == same).all()
        assert 0 < int((batch.label == 0).sum()) < len(batch.label)
    again = list(batches(model, np.random.default_rng(0), 0.0))
    assert all((a.frames == b.frames).all() for a, b in zip(made, again, strict=True))


def test_a_killed_training_on_covers_ends_with_the_weights_of_an_unbroken_one(
    slow: tuple[FrameStore, dict[str, Pairs]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, pairs = slow
    whole = train(store, pairs, MODEL, TRAINING, tmp_path / "whole", batches=mixed(slow))
    real, calls = loop.save_state, []

    def dies_after_the_second_epoch(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", dies_after_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        train(store, pairs, MODEL, TRAINING, tmp_path / "broken", batches=mixed(slow))
    monkeypatch.setattr(loop, "save_state", real)
    resumed = train(store, pairs, MODEL, TRAINING, tmp_path / "broken", batches=mixed(slow))
    assert whole.best_epoch == resumed.best_epoch == 3
    for (name, a), b in zip(whole.model.state_dict().items(), resumed.model.state_dict().values(), strict=True):
        assert (a == b).all(), name
    assert [e.train_loss for e in whole.history] == [e.train_loss for e in resumed.history]


def test_the_average_lags_behind_the_weights(slow: tuple[FrameStore, dict[str, Pairs]], tmp_path: Path) -> None:
    store, pairs = slow
    plain = TrainConfig(**{**vars(TRAINING), "average": 0.0})
    a = train(store, pairs, MODEL, TRAINING, tmp_path / "average", batches=mixed(slow))
    b = train(store, pairs, MODEL, plain, tmp_path / "plain", batches=mixed(slow, plain))
    assert [e.train_loss for e in a.history] == [e.train_loss for e in b.history]  # what is trained is the same
    assert not (a.model.branch.dense.weight == b.model.branch.dense.weight).all()


def test_features_that_covers_are_not_made_of_are_refused() -> None:
    check_features(FEATURES)
    for wrong in (FeatureConfig("hpcp+crema", 256, SLOW_RATE), FeatureConfig("hpcp", 256)):
        with pytest.raises(UsageError, match=r"covers are synthesised as HPCP at 2\.69 frames/s"):
            check_features(wrong)
    with pytest.raises(UsageError, match="choose --loss supcon or batch, not pairs"):
        TrainConfig(synthesize="music21")


def test_a_source_is_heard_as_much_as_it_has_notes_and_the_store_as_it_has_works(
    slow: tuple[FrameStore, dict[str, Pairs]],
) -> None:
    store, pairs = slow
    makers = [CoverMaker([make_song(0)]), CoverMaker([make_song(1), make_song(2, bars=24)])]
    batches = MixedBatches(store, pairs["train"], [SongCollection("x", maker) for maker in makers], TRAINING)
    own = len({store.wids[i] for i in [*pairs["train"].a.tolist(), *pairs["train"].b.tolist()]})
    np.testing.assert_allclose(batches.shares, [own / (own + 3), 3 / (own + 3) / 4, 3 / (own + 3) * 3 / 4])


class Listening(CoverMaker):
    """Remembers the hardness of every batch that it makes."""

    def make(
        self, which: Sequence[int], rng: np.random.Generator, *, hardness: float, frames: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        heard.append(hardness)
        return super().make(which, rng, hardness=hardness, frames=frames)


heard: list[float] = []


def test_covers_are_short_all_of_one_source_and_harder_from_batch_to_batch(
    slow: tuple[FrameStore, dict[str, Pairs]],
) -> None:
    training = replace(TRAINING, epoch_steps=12, first_hardness=0.2, last_hardness=0.8)
    songs = [SongCollection("x", Listening([make_song(s) for s in range(6)]))]
    batches, model = MixedBatches(slow[0], slow[1]["train"], songs, training), Siamese(MODEL)
    heard.clear()
    due, covers = [], 0
    for step, batch in enumerate(batches(model, np.random.default_rng(0), 1 / 3)):
        if len(heard) == covers:
            continue
        covers += 1
        due.append(0.2 + 0.6 * (1 / 3 + step / 12 / 3))
        assert sorted(batch.works.bincount(minlength=6).tolist()) == [0, 0, 2, 2, 2, 2]
        assert int(batch.lengths.max()) <= training.cover_frames
        assert len(batch.a) == 8 * 7 // 2
        assert int((batch.label == 0).sum()) == 4
        for row, length in zip(batch.frames, batch.lengths.tolist(), strict=True):
            assert (row[length:] == 0).all()
    assert step == 11
    assert 0 < covers < 12
    assert heard == pytest.approx(due)
    assert heard == sorted(heard)
