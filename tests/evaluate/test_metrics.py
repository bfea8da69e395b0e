"""Accuracy, AUC and ROC against hand computations, definitions and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.evaluate import metrics

Case = tuple[NDArray[np.float64], NDArray[np.int64]]


@st.composite
def scored_pairs(draw: st.DrawFn) -> Case:
    """Few distinct scores, so that ties are common; both classes occur."""
    n = draw(st.integers(2, 40))
    score = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    label = draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))
    return np.array(score) / 8, np.array([0, 1, *label])


def slow_auc(score: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    covers = [s for s, y in zip(score, label, strict=True) if y == 0]
    others = [s for s, y in zip(score, label, strict=True) if y == 1]
    wins = [1.0 if o > c else 0.5 if o == c else 0.0 for c in covers for o in others]
    return sum(wins) / len(wins)


def test_accuracy_by_hand_and_half_itself_is_a_non_cover() -> None:
    p = [0.1, 0.49, 0.5, 0.9, 0.2]
    assert metrics.accuracy(p, [0, 0, 1, 1, 1]) == pytest.approx(4 / 5)
    assert metrics.accuracy([0.5], [0]) == 0.0
    assert metrics.accuracy([0.5], [1]) == 1.0
    assert metrics.accuracy(p, [0, 0, 1, 1, 1], threshold=0.15) == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("score", "label", "expected"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0),
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 0.0),
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1], 0.5),
        ([0.1, 0.6, 0.4, 0.9], [0, 0, 1, 1], 0.75),
        ([0.1, 0.4, 0.4, 0.9], [0, 0, 1, 1], 0.875),
    ],
)
def test_auc_of_tiny_cases(score: list[float], label: list[int], expected: float) -> None:
    assert metrics.auc(score, label) == expected


@given(scored_pairs())
def test_auc_is_how_often_a_non_cover_scores_above_a_cover(case: Case) -> None:
    assert metrics.auc(*case) == pytest.approx(slow_auc(*case), abs=1e-12)


@given(scored_pairs())
def test_auc_is_invariant_to_increasing_transforms(case: Case) -> None:
    score, label = case
    assert metrics.auc(np.exp(3 * score) - 7, label) == pytest.approx(metrics.auc(score, label), abs=1e-12)


@given(scored_pairs())
def test_auc_of_negated_scores_is_the_complement(case: Case) -> None:
    score, label = case
    assert metrics.auc(-score, label) == pytest.approx(1 - metrics.auc(score, label), abs=1e-12)


@given(scored_pairs(), st.integers(0, 2**32))
def test_pair_order_changes_nothing(case: Case, seed: int) -> None:
    score, label = case
    order = np.random.default_rng(seed).permutation(len(score))
    assert metrics.auc(score[order], label[order]) == pytest.approx(metrics.auc(score, label), abs=1e-12)
    assert metrics.accuracy(score[order], label[order]) == metrics.accuracy(score, label)


@given(scored_pairs())
def test_area_under_the_roc_points_is_the_auc(case: Case) -> None:
    curve = metrics.roc(*case)
    assert (curve.false_alarms[0], curve.found[0]) == (0, 0)
    assert (curve.false_alarms[-1], curve.found[-1]) == (1, 1)
    assert np.trapezoid(curve.found, curve.false_alarms) == pytest.approx(slow_auc(*case), abs=1e-12)


def test_roc_finds_covers_at_low_scores() -> None:
    curve = metrics.roc([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1])
    points = list(zip(curve.false_alarms.tolist(), curve.found.tolist(), strict=True))
    assert points == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]


@pytest.mark.parametrize(
    ("score", "label", "message"),
    [
        ([0.1, 0.2], [0], r"one length, got \(2,\) and \(1,\)"),
        ([0.1, 0.2], [0, 2], r"labels must be 0 \(cover\) or 1 \(non-cover\), got 0, 2"),
        ([0.1, np.nan], [0, 1], "1 of 2 are not"),
        ([0.1, 0.2], [1, 1], "got 0 and 2"),
        ([0.1, 0.2], [0, 0], "got 2 and 0"),
        ([], [], "got 0 and 0"),
    ],
)
def test_what_has_no_auc_is_refused(score: list[float], label: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        metrics.auc(score, label)
    with pytest.raises(UsageError, match=message):
        metrics.roc(score, label)


def test_accuracy_refuses_distances_and_emptiness() -> None:
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\], got 0.1 to 1.7"):
        metrics.accuracy([0.1, 1.7], [0, 1])
    with pytest.raises(UsageError, match="at least one pair"):
        metrics.accuracy([], [])
