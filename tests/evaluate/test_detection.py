"""Detection by hand: rates, their intervals, rates at given false alarms, and told against so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.errors import UsageError
from covsearch.evaluate.detection import Answers, detected_at, judge_detection, share_of, told_and_so


def answers(probability: list[float], right: list[bool], work: list[int], threshold: float = 0.5) -> Answers:
    told = np.array(probability)
    return Answers(told, told > threshold, np.array(right), np.array(work))


PRESENT = answers([0.9, 0.8, 0.7, 0.4], [True, False, True, True], [0, 0, 1, 1])
ABSENT = answers([0.6, 0.3, 0.2, 0.1], [False] * 4, [0, 0, 1, 1])


def test_detected_is_right_and_called_and_any_call_without_covers_is_a_false_alarm() -> None:
    found = judge_detection(PRESENT, ABSENT, replicates=10)
    assert (found.queries, found.detected.value, found.false_alarms.value) == (4, 0.5, 0.25)


@pytest.mark.parametrize(("alarms", "detected"), [(0.0, 0.5), (0.25, 0.75), (0.49, 0.75), (0.5, 0.75), (1.0, 0.75)])
def test_detection_at_given_false_alarms_needs_no_threshold(alarms: float, detected: float) -> None:
    assert detected_at(PRESENT, ABSENT, alarms) == detected


def test_ties_with_chance_are_not_detected() -> None:
    level = answers([0.5, 0.5], [True, True], [0, 1])
    chance = answers([0.5, 0.5], [False, False], [0, 1])
    assert detected_at(level, chance, 0.0) == 0
    assert detected_at(level, chance, 0.5) == 0
    assert detected_at(level, chance, 1.0) == 1


def test_intervals_are_of_whole_works() -> None:
    """Of works that are all or nothing, half is anything; of works that are half each, half is certain."""
    hits = np.array([True, True, False, False])
    apart = share_of(hits, np.array([0, 0, 1, 1]), replicates=200)
    assert (apart.value, apart.ci.low, apart.ci.high) == (0.5, 0.0, 1.0)
    alike = share_of(hits, np.array([0, 1, 0, 1]), replicates=200)
    assert (alike.value, alike.ci.low, alike.ci.high) == (0.5, 0.5, 0.5)


def test_told_and_so_of_two_bins() -> None:
    told = answers([0.1, 0.3, 0.8, 1.0], [False, True, True, True], [0, 0, 1, 1])
    diagram = told_and_so([told], bins=2)
    assert diagram.predicted == pytest.approx([0.2, 0.9])
    assert diagram.observed == pytest.approx([0.5, 1.0])
    assert diagram.ece == pytest.approx((0.3 + 0.1) / 2)


def test_with_and_without_covers_count_alike() -> None:
    diagram = told_and_so([PRESENT, ABSENT], bins=1)
    assert diagram.predicted == pytest.approx([4.0 / 8])
    assert diagram.observed == pytest.approx([3 / 8])


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_nothing_depends_on_the_order_of_the_queries(one: list[int], other: list[int]) -> None:
    def moved(some: Answers, order: list[int]) -> Answers:
        return Answers(some.probability[order], some.called[order], some.right[order], some.work[order])

    again = judge_detection(moved(PRESENT, one), moved(ABSENT, other), replicates=20)
    assert again.to_dict() == judge_detection(PRESENT, ABSENT, replicates=20).to_dict()


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(UsageError, match="expected no right match among searches without covers"):
        judge_detection(PRESENT, PRESENT)
    with pytest.raises(UsageError, match="their works differ"):
        judge_detection(PRESENT, answers([0.1], [False], [0]))
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\], not 1.5"):
        detected_at(PRESENT, ABSENT, 1.5)
    with pytest.raises(UsageError, match="expected one value a query and at least one query"):
        answers([0.1, 0.2], [False], [0, 1])
    with pytest.raises(UsageError, match="at least one query"):
        answers([], [], [])
