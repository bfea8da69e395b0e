"""Batches of works and the losses on them."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.pairs import Pairs
from covsearch.errors import MissingExtraError
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.models.head import WeightedSquaredDistance
from covsearch.training.batches import Batch, training_batches
from covsearch.training.loop import train
from covsearch.training.losses import LOSSES, PairLoss, SupConLoss

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
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
    loss, got = SupConLoss(SUPCON)(vectors, head, batch)
    assert loss.item() == pytest.approx(np.mean(terms) + balanced, rel=1e-4)
    np.testing.assert_allclose(got.detach().numpy(), scores, atol=1e-5)


def test_under_supcon_the_head_does_not_pull_the_branch() -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
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


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'covsearch\[train\]'"):
        SupConLoss(SUPCON)
    assert sorted(LOSSES) == ["pairs", "supcon"]


def test_supcon_training_repeats_itself(store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
    first, second = (train(store, pairs, MODEL, SUPCON, tmp_path / name) for name in ("a", "b"))
    assert [e.train_loss for e in first.history] == [e.train_loss for e in second.history]


def test_supcon_learns_a_collection_that_can_be_learned(
    store: FrameStore, pairs: dict[str, Pairs], tmp_path: Path
) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
    longer = dataclasses.replace(SUPCON, epochs=60, learning_rate=5e-4, rotate_keys=False, vary_time=False)
    report = train(store, pairs, MODEL, longer, tmp_path / "run")
    assert report.history[-1].train_loss < 0.6 * report.history[0].train_loss
    assert report.history[-1].train_accuracy > 0.65
