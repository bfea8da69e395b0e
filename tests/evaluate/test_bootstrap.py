"""The bootstrap over works against literal copies of works, and its laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import bootstrap_over_works, percentile_interval


@dataclass(frozen=True)
class Case:
    """All pairs of a small collection with tied scores."""

    score: NDArray[np.float64]
    label: NDArray[np.int64]
    a: list[str]
    b: list[str]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    wids = ["W_1", "W_1", "W_2", *draw(st.lists(st.sampled_from(["W_1", "W_2", "W_3", "W_4"]), max_size=6))]
    i, j = np.triu_indices(len(wids), 1)
    a, b = [wids[k] for k in i], [wids[k] for k in j]
    score = draw(st.lists(st.integers(0, 5), min_size=len(a), max_size=len(a)))
    label = np.array([int(x != y) for x, y in zip(a, b, strict=True)])
    return Case(np.array(score, dtype=np.float64), label, a, b)


def literal_replicate(case: Case, drawn: list[str]) -> float | None:
    """AUC over a multiset of pairs, each written out as often as its works were drawn."""
    score, label = [], []
    rows = list(zip(case.score.tolist(), case.label.tolist(), case.a, case.b, strict=True))
    for s, y, wa, wb in rows:
        if y == 0:
            copies = sum(1 for w in drawn if w == wa)
        else:
            copies = sum(1 for w in drawn for v in drawn if (w, v) == (wa, wb))
        score += [s] * copies
        label += [y] * copies
    return None if len(set(label)) < 2 else float(roc_auc_score(label, score))


@settings(max_examples=50)
@given(cases(), st.integers(0, 2**32))
def test_equals_works_copied_out_one_by_one(case: Case, seed: int) -> None:
    names = sorted(set(case.a) | set(case.b))
    rng = np.random.default_rng(seed)
    expected: list[float] = []
    redrawn = 0
    while len(expected) < 7:
        value = literal_replicate(case, [names[k] for k in rng.integers(len(names), size=len(names))])
        redrawn += value is None
        expected += [] if value is None else [value]
    result = bootstrap_over_works({"x": case.score}, case.label, case.a, case.b, replicates=7, seed=seed)
    np.testing.assert_allclose(result.auc["x"], expected, rtol=0, atol=1e-12)
    assert (result.works, result.redrawn) == (len(names), redrawn)


@given(cases(), st.integers(0, 2**32))
def test_swapping_sides_and_pair_order_change_nothing(case: Case, seed: int) -> None:
    def run(score: ArrayLike, label: ArrayLike, a: list[str], b: list[str]) -> NDArray[np.float64]:
        return bootstrap_over_works({"x": score}, label, a, b, replicates=5).auc["x"]

    reference = run(case.score, case.label, case.a, case.b)
    np.testing.assert_array_equal(run(case.score, case.label, case.b, case.a), reference)
    order = np.random.default_rng(seed).permutation(len(case.label))
    moved = run(case.score[order], case.label[order], [case.a[k] for k in order], [case.b[k] for k in order])
    np.testing.assert_array_equal(moved, reference)
    np.testing.assert_array_equal(run(case.score**3 - 2, case.label, case.a, case.b), reference)


def collection(works: int, noise: float, seed: int) -> Case:
    """Two performances a work; a pair's score is its label plus noise."""
    wids = [f"W_{k}" for k in range(works) for _ in range(2)]
    i, j = np.triu_indices(len(wids), 1)
    a, b = [wids[k] for k in i], [wids[k] for k in j]
    label = np.array([int(x != y) for x, y in zip(a, b, strict=True)])
    return Case(label + noise * np.random.default_rng(seed).standard_normal(len(label)), label, a, b)


def test_interval_holds_the_point_and_narrows_with_more_works() -> None:
    widths = []
    for works in (10, 40):
        case = collection(works, 1.0, seed=3)
        result = bootstrap_over_works({"x": case.score}, case.label, case.a, case.b, replicates=400)
        interval = result.interval("x")
        assert interval.low < roc_auc_score(case.label, case.score) < interval.high
        assert 0 <= interval.low < interval.high <= 1
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0]


def test_copies_of_a_work_are_not_independent_evidence() -> None:
    """Ten copies of one pair must not narrow the interval, which resampling pairs would do."""
    case = collection(12, 1.0, seed=5)
    many = [np.tile(x, 10) for x in (case.score, case.label)]
    once = bootstrap_over_works({"x": case.score}, case.label, case.a, case.b, replicates=200)
    tenfold = bootstrap_over_works({"x": many[0]}, many[1], case.a * 10, case.b * 10, replicates=200)
    np.testing.assert_allclose(tenfold.auc["x"], once.auc["x"], atol=1e-12)


def test_difference_is_paired() -> None:
    case = collection(15, 0.5, seed=2)
    rng = np.random.default_rng(0)
    worse = case.score + 3 * rng.standard_normal(len(case.score))
    scores = {"good": case.score, "same": 2 * case.score + 1, "worse": worse}
    result = bootstrap_over_works(scores, case.label, case.a, case.b, replicates=300)
    same, better = result.difference("good", "same"), result.difference("good", "worse")
    assert (same.low, same.high) == (0, 0)
    assert 0 < better.low < better.high
    alone = bootstrap_over_works({"worse": worse}, case.label, case.a, case.b, replicates=300)
    np.testing.assert_array_equal(alone.auc["worse"], result.auc["worse"])


def test_seed_decides_everything_and_progress_counts_to_the_end() -> None:
    case = collection(8, 1.0, seed=0)
    seen: list[tuple[str, int, int]] = []

    def run(seed: int) -> NDArray[np.float64]:
        def progress(stage: str, done: int, total: int) -> None:
            seen.append((stage, done, total))

        scores = {"x": case.score}
        result = bootstrap_over_works(scores, case.label, case.a, case.b, replicates=20, seed=seed, progress=progress)
        return result.auc["x"]

    first = run(4)
    np.testing.assert_array_equal(first, run(4))
    assert not np.array_equal(first, run(5))
    assert seen == [("bootstrap over works", k, 20) for k in range(1, 21)] * 3


def test_percentiles_of_a_known_sample() -> None:
    interval = percentile_interval(np.arange(101) / 100)
    assert (interval.low, interval.high) == pytest.approx((0.025, 0.975))
    half = percentile_interval(np.arange(101) / 100, level=0.5)
    assert (half.low, half.high) == pytest.approx((0.25, 0.75))


@pytest.mark.parametrize(
    ("label", "a", "b", "replicates", "message"),
    [
        ([0, 1], ["W_1", "W_1"], ["W_1", "W_1"], 5, "pair 1 of works W_1 and W_1 has label 1"),
        ([0, 0], ["W_1", "W_1"], ["W_1", "W_2"], 5, "got 2 and 0"),
        ([0, 1], ["W_1"], ["W_1"], 5, "2 labels need as many works, got 1 and 1"),
        ([0, 1], ["W_1", "W_1"], ["W_1", "W_2"], 0, "at least 1 replicate, not 0"),
    ],
)
def test_contradictions_are_refused(
    label: list[int], a: list[str], b: list[str], replicates: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bootstrap_over_works({"x": [0.2, 0.4]}, label, a, b, replicates=replicates)
