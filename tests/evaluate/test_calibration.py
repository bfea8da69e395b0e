"""Fitting and judging calibrations, against plain recomputations and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from published import made_up_calibration

from covsearch.errors import ArtefactError, UsageError
from covsearch.evaluate.calibration import (
    BINS,
    best_threshold,
    class_weights,
    fit_calibration,
    judge_calibration,
    reliability,
)
from covsearch.index.calibration import HOTTEST

labels = st.lists(st.integers(0, 1), min_size=4, max_size=40).filter(lambda y: 0 < sum(y) < len(y))


def drawn(n: int, slope: float, intercept: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores whose truth is σ(slope s + intercept)."""
    rng = np.random.default_rng(seed)
    s = rng.normal(0, 2, n)
    return s, (rng.random(n) < 1 / (1 + np.exp(-(slope * s + intercept)))).astype(np.int64)


def slow_loss(slope: float, intercept: float, s: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """Cross-entropy on Platt's targets, classes weighing one half each."""
    total = 0.0
    count = {0: int(np.sum(label == 0)), 1: int(np.sum(label == 1))}
    for value, y in zip(s.tolist(), label.tolist(), strict=True):
        target = (count[1] + 1) / (count[1] + 2) if y else 1 / (count[0] + 2)
        p = 1 / (1 + math.exp(-(slope * value + intercept)))
        total -= (target * math.log(p) + (1 - target) * math.log(1 - p)) / (2 * count[y])
    return total


def test_platt_and_temperature_are_where_the_loss_is_least() -> None:
    s, label = drawn(300, 1.5, 0.7)
    fitted = fit_calibration(s, label)
    best = slow_loss(fitted.slope, fitted.intercept, s, label)
    for slope, intercept in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.01, -0.01)):
        assert slow_loss(fitted.slope + slope, fitted.intercept + intercept, s, label) > best
    tempered = slow_loss(1 / fitted.temperature, 0, s, label)
    assert best < tempered
    for change in (-0.01, 0.01):
        assert slow_loss(1 / fitted.temperature + change, 0, s, label) > tempered


def test_many_pairs_give_back_the_truth() -> None:
    """At even odds the intercept is the truth's, less the log odds of the classes drawn."""
    s, label = drawn(200_000, 1.5, 0.7)
    fitted = fit_calibration(s, label)
    share = float(np.mean(label))
    assert fitted.slope == pytest.approx(1.5, abs=0.03)
    assert fitted.intercept == pytest.approx(0.7 - math.log(share / (1 - share)), abs=0.03)


def test_how_many_non_covers_there_are_does_not_move_the_fit() -> None:
    s, label = drawn(500, 1.0, 0.3)
    others = np.flatnonzero(label == 1)
    more, twice = np.concatenate([s, s[others]]), np.concatenate([label, label[others]])
    once, again = fit_calibration(s, label), fit_calibration(more, twice)
    assert again.slope == pytest.approx(once.slope, rel=0.02)
    assert again.intercept == pytest.approx(once.intercept, abs=0.02)
    assert again.threshold == pytest.approx(once.threshold)


def test_pairs_that_are_told_apart_without_a_mistake_give_a_finite_fit() -> None:
    fitted = fit_calibration([-3.0, -2.0, 2.0, 3.0], [0, 0, 1, 1])
    assert 0 < fitted.slope < 10
    assert fitted.intercept == pytest.approx(0, abs=1e-6)
    assert fitted.threshold == pytest.approx(0.5)
    assert 0 < fit_calibration([-900.0, -800.0, 800.0, 900.0], [0, 0, 1, 1]).threshold < 1


def test_a_model_that_ranks_the_wrong_way_round_is_refused() -> None:
    s, label = drawn(300, -1.0, 0.0)
    with pytest.raises(ArtefactError, match=r"covers do not score below non-covers .* train the model again"):
        fit_calibration(s, label)
    with pytest.raises(ArtefactError, match=r"all 6 pairs score 0\.7: no threshold"):
        fit_calibration([0.7] * 6, [0, 1] * 3)


def test_a_bias_that_no_temperature_can_mend_is_platts_to_mend() -> None:
    """Few covers, whose softened targets are the softest, ask for p above 0.5; s far below 0 has none to give."""
    s, label = drawn(2000, 1.0, 0.0)
    kept = np.concatenate([np.flatnonzero(label == 0)[:5], np.flatnonzero(label == 1)])
    s, label = s[kept], label[kept]
    fitted, shifted = fit_calibration(s, label), fit_calibration(s - 60, label)
    assert shifted.temperature == HOTTEST
    assert shifted.slope == pytest.approx(fitted.slope, rel=1e-5)
    assert shifted.intercept == pytest.approx(fitted.intercept + 60 * fitted.slope, rel=1e-5)


@pytest.mark.parametrize("label", [[0, 0, 0], [1, 1, 1]])
def test_one_class_is_refused(label: list[int]) -> None:
    with pytest.raises(UsageError, match="needs covers and non-covers"):
        fit_calibration([0.1, 0.2, 0.3], label)
    with pytest.raises(UsageError, match="needs covers and non-covers"):
        judge_calibration([0.1, 0.2, 0.3], label, [1, 1, 1], [1, 1, 1], made_up_calibration())


@given(labels, st.integers(0, 10_000))
def test_the_threshold_is_right_most_often_of_all(label: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    s = rng.integers(-4, 5, len(label)) / 2.0  # ties
    if len(set(s.tolist())) < 2:
        with pytest.raises(ArtefactError, match="no threshold tells them apart"):
            best_threshold(s, label)
        return
    y = np.array(label)

    def right(threshold: float) -> float:
        said = np.where(1 / (1 + np.exp(-s)) < threshold, 0, 1)
        return float(np.mean([np.mean(said[y == k] == k) for k in (0, 1)]))

    threshold = best_threshold(s, label)
    values = np.unique(1 / (1 + np.exp(-s)))
    assert right(threshold) == pytest.approx(max(right(float(t)) for t in (values[:-1] + values[1:]) / 2))


def slow_reliability(p: NDArray[np.float64], label: NDArray[np.int64], bins: int) -> list[tuple[float, float, float]]:
    """Bins filled one distinct p after the other; a bin is full at its share of the weight."""
    weight = {k: 0.5 / np.sum(label == k) for k in (0, 1)}
    filled: dict[int, list[tuple[float, int]]] = {}
    mass = 0.0
    for value in np.unique(p):
        mass += sum(weight[int(y)] for y in label[p == value])
        place = min(bins - 1, max(0, math.ceil(mass * bins - 1e-9) - 1))
        filled.setdefault(place, []).extend((float(value), int(y)) for y in label[p == value])
    made = []
    for place in sorted(filled):
        w = np.array([weight[y] for _, y in filled[place]])
        q, y = np.array(filled[place]).T
        made.append((float(w @ q / w.sum()), float(w @ y / w.sum()), float(w.sum())))
    return made


@given(labels, st.integers(0, 10_000), st.integers(1, 8))
def test_bins_are_those_of_filling_them_one_by_one(label: list[int], seed: int, bins: int) -> None:
    p = np.random.default_rng(seed).integers(0, 12, len(label)) / 11.0
    diagram = reliability(p, label, bins=bins)
    slow = slow_reliability(p, np.array(label), bins)
    np.testing.assert_allclose(np.stack([diagram.predicted, diagram.observed, diagram.weight], axis=1), slow)
    assert diagram.ece == pytest.approx(sum(w * abs(q - y) for q, y, w in slow))
    assert 0 <= diagram.ece <= 1
    assert diagram.weight.sum() == pytest.approx(1)


def test_p_that_means_what_it_says_has_next_to_no_error() -> None:
    s, label = drawn(100_000, 1.0, 0.0)
    p = 1 / (1 + np.exp(-s))
    equal = np.ones(len(label))
    assert reliability(p, label, equal).ece < 0.01
    assert reliability(p**3, label, equal).ece > 0.1
    assert reliability(np.full(100, 0.5), np.repeat([0, 1], 50)).ece == pytest.approx(0)
    assert reliability(np.full(100, 0.9), np.repeat([0, 1], 50)).ece == pytest.approx(0.4)


def test_p_outside_of_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\], got -1 to 2"):
        reliability([-1.0, 2.0], [0, 1])


@given(labels)
def test_classes_weigh_one_half_each(label: list[int]) -> None:
    y = np.array(label)
    weights = class_weights(y)
    assert [float(weights[y == k].sum()) for k in (0, 1)] == pytest.approx([0.5, 0.5])
    assert len(set(weights[y == 0].tolist())) == 1


def world(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of 30 performances of ten works, covers scoring lower."""
    rng = np.random.default_rng(seed)
    work = np.repeat(np.arange(10), 3)
    a, b = np.triu_indices(30, 1)
    label = (work[a] != work[b]).astype(np.int64)
    return rng.normal(2.0 * label - 1.5, 1.2), label, work[a], work[b]


def test_judging_is_what_it_is_by_hand_and_its_interval_holds_calibrated_works() -> None:
    s, label, a, b = world(0)
    fitted = fit_calibration(s, label)
    judged = judge_calibration(s, label, a, b, fitted, replicates=50)
    p = 1 / (1 + np.exp(-s))
    for threshold, value in ((0.5, judged.accuracy), (fitted.threshold, judged.accuracy_calibrated)):
        covers, others = p[label == 0] < threshold, p[label == 1] >= threshold
        assert value == pytest.approx((covers.mean() + others.mean()) / 2)
    assert judged.accuracy_calibrated >= judged.accuracy
    after = 1 / (1 + np.exp(-(fitted.slope * s + fitted.intercept)))
    assert judged.before.ece == pytest.approx(reliability(p, label).ece)
    assert judged.after.ece == pytest.approx(reliability(after, label).ece)
    assert judged.after.ece < judged.before.ece
    for some in (judged.before, judged.temperature, judged.after):
        assert 0 <= some.ci.low < some.ci.high <= 1
    values = judged.to_dict()
    assert values["ece"]["after"] == {"ece": judged.after.ece, "ci": [judged.after.ci.low, judged.after.ci.high]}
    assert values["bins"] == BINS
    assert f"ECE {judged.before.ece:.3f} before, {judged.after.ece:.3f} after" in judged.sentence()


def test_the_bootstrap_is_over_works_and_seeded() -> None:
    s, label, a, b = world(1)
    one, same, other = (
        judge_calibration(s, label, a, b, made_up_calibration(), replicates=30, seed=seed).after.ci
        for seed in (0, 0, 1)
    )
    assert one == same != other
    with pytest.raises(UsageError, match="label"):
        judge_calibration(s, label, a, np.roll(b, 1), made_up_calibration(), replicates=3)
    with pytest.raises(UsageError, match="at least 1 replicate"):
        judge_calibration(s, label, a, b, made_up_calibration(), replicates=0)
