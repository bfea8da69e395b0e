"""Batches of works and the losses on them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.pairs import Pairs
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.models.head import WeightedSquaredDistance
from covsearch.training.batches import Batch, training_batches
from covsearch.training.loop import train
from covsearch.training.losses import LOSSES, BatchLoss, PairLoss, SupConLoss, balanced_loss, contrastive_loss

MODEL = ModelConfig(alpha="positive", features=FeatureConfig("hpcp", 256))
SUPCON = TrainConfig(
    train_pairs=40,
    validation_pairs=12,
    test_pairs=12,
    loss="supcon",
    batch_works=4,
    batch_versions=2,
    epochs=3,
    vary_time=True,
    rotate_keys=True,
)


def test_an_epoch_sees_every_work_once_and_only_training_tracks(store: FrameStore, pairs: dict[str, Pairs]) -> None:
    trained = {store.wids[i] for i in (*pairs["train"].a, *pairs["train"].b)}
    numbers = np.unique(store.wids, return_inverse=True)[1]
    by_number = {int(n): wid for n, wid in zip(numbers, store.wids, strict=True)}
    seen: Counter[str] = Counter()
    for batch in training_batches(store, pairs["train"], Siamese(MODEL), SUPCON, np.random.default_rng(0)):
        works = Counter(by_number[n] for n in batch.works.tolist())
        assert set(works.values()) == {2}
        seen.update(works.keys())
        n = len(batch.works)
        assert len(batch.label) == n * (n - 1) // 2
        same = batch.works[batch.a] == batch.works[batch.b]
        assert torch.equal(batch.label == 0, same)
    assert set(seen) <= trained
    assert set(seen.values()) == {1}
    assert len(seen) == len(trained)


def toy_batch() -> tuple[torch.Tensor, Batch]:
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(5, 128), dim=1).requires_grad_()
    works = torch.tensor([0, 0, 1, 1, 2])
    a, b = torch.triu_indices(5, 5, 1)
    label = (works[a] != works[b]).long()
    return vectors, Batch(torch.zeros(5, 1, 12), torch.ones(5, dtype=torch.long), works, a, b, label)


def test_supcon_against_a_loop() -> None:
    """Khosla et al. (2020), equation 2, over anchors that have a positive; plus the balanced head loss."""
    vectors, batch = toy_batch()
    head = WeightedSquaredDistance("positive")
    v, works = vectors.detach().double().numpy(), batch.works.tolist()
    terms = []
    for i in range(5):
        others = [j for j in range(5) if j != i]
        positives = [j for j in others if works[j] == works[i]]
        if positives:
            norm = np.log(sum(np.exp(v[i] @ v[j] / 0.1) for j in others))
            terms.append(-np.mean([v[i] @ v[j] / 0.1 - norm for j in positives]))
    scores = head(vectors.detach()[batch.a], vectors.detach()[batch.b]).detach().double().numpy()
    p = 1 / (1 + np.exp(-scores))
    label = batch.label.numpy()
    balanced = (-np.log(1 - p[label == 0]).mean() - np.log(p[label == 1]).mean()) / 2
    loss, got = SupConLoss(SUPCON)(vectors, head, batch)
    assert loss.item() == pytest.approx(np.mean(terms) + balanced, rel=1e-4)
    np.testing.assert_allclose(got.detach().numpy(), scores, atol=1e-5)


def test_under_supcon_the_head_does_not_pull_the_branch() -> None:
    vectors, batch = toy_batch()
    head = WeightedSquaredDistance("positive")
    gradients = []
    for beta in (-4.0, 3.0):
        vectors.grad = None
        with torch.no_grad():
            head.beta.fill_(beta)
        SupConLoss(SUPCON)(vectors, head, batch)[0].backward()
        assert vectors.grad is not None
        gradients.append(vectors.grad.clone())
        assert head.raw_alpha.grad is not None
    torch.testing.assert_close(gradients[0], gradients[1])


def test_pair_loss_pulls_both() -> None:
    vectors, batch = toy_batch()
    head = WeightedSquaredDistance("signed")
    PairLoss(SUPCON)(vectors, head, batch)[0].backward()
    assert vectors.grad is not None
    assert vectors.grad.abs().max() > 0
    assert head.beta.grad is not None


@pytest.mark.parametrize("seed", range(3))
def test_contrastive_loss_is_that_of_pytorch_metric_learning(seed: int) -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses", reason="of dev")
    rng = torch.Generator().manual_seed(seed)
    works = torch.randint(9, (24,), generator=rng)
    drawn = torch.nn.functional.normalize(torch.randn(24, 128, generator=rng, dtype=torch.float64), dim=1)
    ours, theirs = (drawn.clone().requires_grad_() for _ in range(2))
    loss, expected = contrastive_loss(ours, works, 0.1), losses.SupConLoss(temperature=0.1)(theirs, works)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    loss.backward()
    expected.backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    along = theirs.grad - (theirs.grad * drawn).sum(dim=1, keepdim=True) * drawn  # theirs divides by the length first
    own = ours.grad - (ours.grad * drawn).sum(dim=1, keepdim=True) * drawn
    torch.testing.assert_close(own, along)


def test_without_versions_there_is_nothing_to_contrast() -> None:
    vectors, _ = toy_batch()
    assert contrastive_loss(vectors, torch.arange(5), 0.1).item() == 0
    assert torch.isfinite(contrastive_loss(vectors, torch.zeros(5, dtype=torch.long), 0.1))


def test_every_loss_can_be_configured() -> None:
    assert tuple(LOSSES) == TrainConfig.LOSSES


@pytest.mark.parametrize("alpha", ["positive", "signed"])
def test_batch_loss_against_a_loop(alpha: str) -> None:
    """Cross-entropy of every pair, the mean over covers and that over non-covers weighing the same."""
    vectors, batch = toy_batch()
    head = WeightedSquaredDistance(alpha)
    v, works = vectors.detach().double().numpy(), batch.works.tolist()
    weights, beta = head.alpha.detach().double().numpy(), head.beta.item()
    terms: dict[bool, list[float]] = {True: [], False: []}
    for i in range(5):
        for j in range(i + 1, 5):
            p = 1 / (1 + np.exp(-(np.sum(weights * (v[i] - v[j]) ** 2) + beta)))
            cover = works[i] == works[j]
            terms[cover].append(-np.log(1 - p if cover else p))
    assert {kind: len(some) for kind, some in terms.items()} == {True: 2, False: 8}
    loss, scores = BatchLoss(SUPCON)(vectors, head, batch)
    assert loss.item() == pytest.approx((np.mean(terms[True]) + np.mean(terms[False])) / 2, rel=1e-5)
    torch.testing.assert_close(scores, head(vectors[batch.a], vectors[batch.b]))


def test_batch_loss_trains_head_and_branch(store: FrameStore, pairs: dict[str, Pairs]) -> None:
    torch.manual_seed(0)
    model = Siamese(MODEL).train()
    training = dataclasses.replace(SUPCON, loss="batch")
    batch = next(training_batches(store, pairs["train"], model, training, np.random.default_rng(0)))
    BatchLoss(training)(model.embed(batch.frames, batch.lengths), model.head, batch)[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_batch_of_one_kind_has_a_finite_loss() -> None:
    scores = torch.tensor([-1.0, 2.0])
    covers = torch.zeros(2, dtype=torch.long)
    assert balanced_loss(scores, covers).item() == pytest.approx(np.mean(np.log1p(np.exp([-1.0, 2.0]))))


@pytest.mark.parametrize("works", [2, 3, 7])
def test_no_batch_lacks_non_covers(works: int, store: FrameStore, pairs: dict[str, Pairs]) -> None:
    """Three works in twos would leave one alone."""
    numbers = np.unique(store.wids, return_inverse=True)[1]
    few = np.unique(numbers[pairs["train"].a])[:works]
    inside = np.isin(numbers[pairs["train"].a], few) & np.isin(numbers[pairs["train"].b], few)
    training = dataclasses.replace(SUPCON, loss="batch", batch_works=2)
    some = pairs["train"].take(np.flatnonzero(inside))
    seen = 0
    for batch in training_batches(store, some, Siamese(MODEL), training, np.random.default_rng(0)):
        assert set(batch.label.tolist()) == {0, 1}
        seen += len(set(batch.works.tolist()))
    assert seen == works


def test_frames_are_masked_while_training(store: FrameStore, pairs: dict[str, Pairs]) -> None:
    plain = dataclasses.replace(SUPCON, loss="batch", vary_time=False, rotate_keys=False)
    masked = dataclasses.replace(plain, mask_frames=True)
    seen = []
    for training in (plain, masked, masked):
        batches = training_batches(store, pairs["train"], Siamese(MODEL), training, np.random.default_rng(0))
        seen.append([(batch.frames, batch.lengths) for batch in batches])
    frames, lengths = (sum(int(n.sum()) for _, n in one) for one in seen[:2])
    assert 0.85 * frames <= lengths < frames
    for (x, n), (y, m) in zip(*seen[1:], strict=True):
        assert torch.equal(x, y)
        assert torch.equal(n, m)


@pytest.mark.parametrize("loss", ["batch", "supcon"])
def test_training_repeats_itself(loss: str, store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path) -> None:
    training = dataclasses.replace(SUPCON, loss=loss, mask_frames=True)
    first, second = (train(store, pairs, MODEL, training, tmp_path / name) for name in ("a", "b"))
    other = train(store, pairs, MODEL, dataclasses.replace(training, seed=1, epochs=1), tmp_path / "c")
    assert [e.train_loss for e in first.history] == [e.train_loss for e in second.history]
    assert first.history[0].train_loss != other.history[0].train_loss
    for name, value in first.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name


@pytest.mark.parametrize("loss", ["batch", "supcon"])
def test_it_learns_a_collection_that_can_be_learned(
    loss: str, store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path
) -> None:
    longer = dataclasses.replace(SUPCON, loss=loss, epochs=60, learning_rate=5e-4, rotate_keys=False, vary_time=False)
    report = train(store, pairs, MODEL, longer, tmp_path / "run")
    assert report.history[-1].train_loss < 0.6 * report.history[0].train_loss
    assert report.history[-1].train_accuracy > 0.65
