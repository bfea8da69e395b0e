"""The comparator: its numbers by hand, its laws by property."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import ModelConfig
from covsearch.models import Siamese
from covsearch.models.head import WeightedSquaredDistance, pair_loss


def test_score_by_hand() -> None:
    head = WeightedSquaredDistance("signed", dim=3)
    with torch.no_grad():
        head.raw_alpha.copy_(torch.tensor([1.0, -2.0, 0.5]))
        head.beta.fill_(0.25)
    score = head(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.0, 0.0, 5.0]]))
    assert score.item() == pytest.approx(1 * 1 - 2 * 4 + 0.5 * 4 + 0.25)


def test_loss_by_hand() -> None:
    """-[(1-y) log(1-p) + y log p]: label 1 (non-cover) is pulled to p = 1, label 0 (cover) to p = 0."""
    scores = torch.tensor([2.0, -1.0, 0.5])
    label = torch.tensor([1, 0, 0])
    p = [1 / (1 + math.exp(-s)) for s in scores.tolist()]
    by_hand = -(math.log(p[0]) + math.log(1 - p[1]) + math.log(1 - p[2])) / 3
    assert pair_loss(scores, label).item() == pytest.approx(by_hand, rel=1e-6)


def test_training_pulls_covers_to_zero_and_non_covers_to_one() -> None:
    torch.manual_seed(0)
    scores = torch.zeros(2, requires_grad=True)
    pair_loss(scores, torch.tensor([0, 1])).backward()
    assert scores.grad is not None
    assert scores.grad[0] > 0  # descent lowers the cover's p
    assert scores.grad[1] < 0


@given(seed=st.integers(0, 1000), alpha=st.sampled_from(["signed", "positive"]))
def test_symmetric_and_beta_at_distance_zero(seed: int, alpha: str) -> None:
    torch.manual_seed(seed)
    head = WeightedSquaredDistance(alpha)
    a, b = torch.randn(2, 4, 128)
    torch.testing.assert_close(head(a, b), head(b, a))
    torch.testing.assert_close(head(a, a), head.beta.expand(4))


@given(seed=st.integers(0, 1000))
def test_positive_head_is_a_metric_squared(seed: int) -> None:
    torch.manual_seed(seed)
    head = WeightedSquaredDistance("positive")
    a, b, c = torch.randn(3, 1, 128)
    root = [(head(x, y) - head.beta).clamp(min=0).sqrt() for x, y in ((a, b), (b, c), (a, c))]
    assert bool(head.alpha.min() > 0)
    assert root[2] <= root[0] + root[1] + 1e-4


def test_both_sides_go_through_the_same_branch() -> None:
    torch.manual_seed(0)
    model = Siamese(ModelConfig()).eval()
    frames = torch.rand(3, 300, 12)
    lengths = torch.tensor([300, 280, 120])
    first, second = torch.tensor([0, 1, 0]), torch.tensor([1, 0, 0])
    scores = model(frames, lengths, first, second)
    torch.testing.assert_close(scores[0], scores[1])
    torch.testing.assert_close(scores[2], model.head.beta)
    vectors = model.embed(frames, lengths)
    torch.testing.assert_close(scores[0], model.head(vectors[:1], vectors[1:2])[0])


def test_probability_is_the_sigmoid_of_the_score() -> None:
    scores = torch.tensor([-30.0, 0.0, 30.0])
    torch.testing.assert_close(torch.sigmoid(scores), torch.tensor([0.0, 0.5, 1.0]), atol=1e-6, rtol=0)
