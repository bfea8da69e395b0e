"""Training the learned aligner: repeatable, resumable, and on what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from songs import make_song

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.errors import CovsearchError, UsageError
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.models.aligner import AlignerNet, folded
from covsearch.ranking.learned import Aligner
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection
from covsearch.training import aligner as training_module
from covsearch.training import aligner_pairs
from covsearch.training.aligner import Material, fit, judge, split_songs
from covsearch.training.aligner_pairs import (
    PairGroups,
    Pool,
    covers_pool,
    judged_groups,
    matrices,
    mean_average_precision,
    training_groups,
)

CONFIG = AlignerConfig(width=4)
TRAINING = AlignerTraining("songs", steps=8, epoch_steps=3, songs=4, versions=2, anchors=3, first_hardness=0.1)


@pytest.fixture(scope="module")
def material() -> Material:
    collection = SongCollection("tiny", CoverMaker([make_song(seed) for seed in range(8)]))
    model = load_checkpoint(bundled_checkpoint()).model
    held_out, kept = split_songs(8, np.random.default_rng(0))
    judged = covers_pool(collection.maker, held_out, model, CONFIG, TRAINING, 0.1, np.random.default_rng(1))
    return Material([collection], [kept], {"tiny": judged})


def weights(net: AlignerNet) -> dict[str, list[float]]:
    return {name: value.ravel().tolist() for name, value in folded(net).items()}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(material: Material, tmp_path: Path) -> None:
    first, again = (fit(CONFIG, TRAINING, material, tmp_path / name)[0] for name in "ab")
    other = fit(CONFIG, replace(TRAINING, seed=1), material, tmp_path / "c")[0]
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)


def test_a_training_that_was_killed_ends_with_the_weights_of_a_whole_one(material: Material, tmp_path: Path) -> None:
    def kill(stage: str, done: int, total: int) -> None:
        if stage == "training, epoch 2" and done == 2:
            raise KeyboardInterrupt

    whole, history = fit(CONFIG, TRAINING, material, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(CONFIG, TRAINING, material, tmp_path / "broken", kill)
    assert len((tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()) == 1
    stages: list[str] = []
    resumed, rows = fit(CONFIG, TRAINING, material, tmp_path / "broken", lambda stage, *_: stages.append(stage))
    assert stages[0] == "training, epoch 2"
    assert weights(resumed) == weights(whole)
    untimed = [[{k: v for k, v in row.items() if k != "seconds"} for row in some] for some in (history, rows)]
    assert untimed[0] == untimed[1]


def test_the_curve_has_every_epoch(material: Material, tmp_path: Path) -> None:
    history = fit(CONFIG, TRAINING, material, tmp_path)[1]
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows == history
    assert [row["steps"] for row in rows] == [3, 3, 2]
    assert all(0 < row["map_tiny"] <= 1 for row in rows)
    assert [row["hardness"] for row in rows] == pytest.approx([0.1, 0.325, 0.55])
    assert rows[0]["learning_rate"] == TRAINING.learning_rate > rows[1]["learning_rate"] > rows[2]["learning_rate"]


def test_other_choices_do_not_go_on_with_a_training(material: Material, tmp_path: Path) -> None:
    fit(CONFIG, replace(TRAINING, steps=2), material, tmp_path)
    with pytest.raises(UsageError, match="holds a training with other choices"):
        fit(CONFIG, TRAINING, material, tmp_path)


def test_minutes_end_a_training_too(material: Material, tmp_path: Path) -> None:
    history = fit(CONFIG, replace(TRAINING, steps=0, minutes=1e-6), material, tmp_path)[1]
    assert [row["steps"] for row in history] == [3]


def test_steps_on_one_pool_learn_to_tell_its_covers(material: Material) -> None:
    training = replace(TRAINING, songs=6, versions=3, anchors=8, precision="float32")
    model, rng = load_checkpoint(bundled_checkpoint()).model, np.random.default_rng(0)
    pool = covers_pool(material.collections[0].maker, np.arange(6), model, CONFIG, training, 0.2, rng)
    torch.manual_seed(0)
    net = AlignerNet(CONFIG)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    steps = [training_module._step(net, optimizer, pool, CONFIG, training, rng) for _ in range(60)]
    first, last = np.mean(steps[:10], axis=0), np.mean(steps[-10:], axis=0)
    assert last[0] < 0.8 * first[0]
    assert last[1] > 0.5  # by chance 0.25


def test_a_loss_that_is_not_finite_ends_it(material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_module, "_logits", lambda *_: torch.full((12,), torch.nan, requires_grad=True))
    with pytest.raises(CovsearchError, match="the loss became nan: lower the learning rate"):
        fit(CONFIG, TRAINING, material, tmp_path)


def test_what_is_judged_while_training_is_what_answers(material: Material, tmp_path: Path) -> None:
    training = replace(TRAINING, precision="float32")
    net, _ = fit(CONFIG, training, material, tmp_path)
    pool = material.judged["tiny"]
    groups = judged_groups(pool, 5)
    x, sizes = matrices(pool, groups, CONFIG)
    answers = Aligner(CONFIG, folded(net))
    cut = [np.ascontiguousarray(one[:, :h, :w]) for one, (h, w) in zip(x.numpy(), sizes.tolist(), strict=True)]
    scores = np.array([answers.logit(one) for one in cut], dtype=np.float32)
    with torch.inference_mode():
        np.testing.assert_allclose(net(x, sizes).numpy(), scores, atol=1e-4)
    assert judge(net, pool, CONFIG, training) == mean_average_precision(scores, groups)


def make_pool(works: Sequence[int]) -> Pool:
    rng = np.random.default_rng(0)
    near = np.stack([rng.permutation(len(works)) for _ in works])
    return Pool([], np.array(works), near)


def test_a_step_has_one_cover_an_anchor_and_negatives_of_other_songs() -> None:
    pool = make_pool(np.repeat(np.arange(20), 3).tolist())
    training = AlignerTraining("songs", anchors=7, negatives=4, hard=2)
    groups = training_groups(pool, training, np.random.default_rng(1))
    assert groups.a.reshape(7, 5).tolist() == [[int(one)] * 5 for one in groups.a[groups.start]]
    assert len(set(groups.a.tolist())) == 7
    same = (pool.work[groups.a] == pool.work[groups.b]).reshape(7, 5)
    assert same.tolist() == [[True, False, False, False, False]] * 7
    assert groups.cover.reshape(7, 5).tolist() == same.tolist()
    assert (groups.a != groups.b).all()
    for anchor, hard in zip(groups.a[groups.start].tolist(), groups.b.reshape(7, 5)[:, 1:3].tolist(), strict=True):
        others = [one for one in pool.near[anchor].tolist() if pool.work[one] != pool.work[anchor]]
        assert set(hard) <= set(others[:30])


def test_every_performance_with_a_cover_is_judged_against_its_nearest() -> None:
    pool = make_pool([0, 0, 1, 2, 2, 2, 3, 4])
    groups = judged_groups(pool, 2)
    assert groups.a[groups.start].tolist() == [0, 1, 3, 4, 5]
    assert np.diff([*groups.start, len(groups.a)]).tolist() == [3, 3, 4, 4, 4]
    for anchor, start in zip((0, 1, 3, 4, 5), groups.start.tolist(), strict=True):
        others = [one for one in pool.near[anchor].tolist() if pool.work[one] != pool.work[anchor]]
        size = int((groups.a == anchor).sum())
        assert groups.b[start + size - 2 : start + size].tolist() == others[:2]


def test_average_precision_counts_ties_against_the_network() -> None:
    cover = np.array([True, False, False, True, True, False])
    groups = PairGroups(np.zeros(6, int), np.zeros(6, int), cover, np.array([0, 3]))
    score = np.array([1.0, 2.0, 0.0, 5.0, 3.0, 3.0], dtype=np.float32)
    assert mean_average_precision(score, groups) == pytest.approx((1 / 2 + (1 + 2 / 3) / 2) / 2)


def test_excerpts_are_the_same_part_of_every_cover_and_crops_are_not() -> None:
    tracks = [np.repeat(np.arange(size, dtype=np.float32)[:, None] / size, 12, axis=1) for size in (400, 600) * 40]
    training = AlignerTraining("songs", versions=2, excerpts=1.0)
    cut = aligner_pairs._cut(tracks, training, np.random.default_rng(0))
    shares = np.array([len(one) / len(whole) for one, whole in zip(cut, tracks, strict=True)]).reshape(40, 2)
    starts = np.array([one[0, 0] for one in cut]).reshape(40, 2)
    np.testing.assert_allclose(shares[:, 0], shares[:, 1], atol=0.01)
    np.testing.assert_allclose(starts[:, 0], starts[:, 1], atol=0.01)
    assert 0.14 < shares.min() < 0.3
    cut = aligner_pairs._cut(tracks, replace(training, excerpts=0.0), np.random.default_rng(0))
    shares = np.array([len(one) / len(whole) for one, whole in zip(cut, tracks, strict=True)])
    assert 0.25 < np.mean(shares == 1) < 0.75
    assert shares.min() > 0.39
    whole = aligner_pairs._cut(tracks, replace(training, excerpts=0.0, cropped=0.0), np.random.default_rng(0))
    assert all(np.array_equal(one, track) for one, track in zip(whole, tracks, strict=True))


def test_songs_held_out_are_not_trained_on() -> None:
    held_out, kept = split_songs(100, np.random.default_rng(3))
    assert len(held_out) == 5
    assert sorted([*held_out.tolist(), *kept.tolist()]) == list(range(100))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"synthesize": ""}, "name folders of MIDI files, or music21"),
        ({"minutes": 5.0}, "set one and leave the other 0"),
        ({"steps": 0}, "set one and leave the other 0"),
        ({"hard": 4}, "4 hard negatives must be among the 3 negatives"),
        ({"last_hardness": 1.5}, "last_hardness must be 0 to 1, not 1.5"),
        ({"anchors": 0}, "anchors must be at least 1, not 0"),
        ({"learning_rate": 1.0}, "learning_rate must lie between 0 and 1"),
        ({"precision": "int8"}, "precision must be float32 or bfloat16"),
    ],
)
def test_choices_out_of_range_are_refused(choices: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        AlignerTraining(**{"synthesize": "songs", **choices})  # type: ignore[arg-type]
