"""What a query shows first: found as by brute force, and its chance right on average."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import made_up_calibration, random_head, unit_vectors

from covsearch.evaluate.calibration import Fitted
from covsearch.evaluate.first_matches import (
    COLUMNS,
    FirstMatches,
    first_matches,
    fit_expected,
    judge_first_matches,
)


def test_first_matches_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    vectors, head = unit_vectors(rng, 24), random_head(rng)
    work = np.repeat(np.arange(8), 3)
    found = first_matches(vectors, work, head)
    assert found.searched == 23
    for row in range(24):
        scores = head.scores(vectors[row], vectors)
        others = [k for k in range(24) if k != row]
        nearest = min(others, key=lambda k: scores[k])
        assert found.score[row] == pytest.approx(scores[nearest])
        assert found.cover[row] == (work[nearest] == work[row])


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 10_000), st.integers(1, 10_000))
def test_the_expected_count_makes_chances_right_on_average(cover: list[bool], seed: int, searched: int) -> None:
    first = FirstMatches(np.random.default_rng(seed).normal(-3, 1, len(cover)), np.array(cover), searched)
    expected = fit_expected(first, Fitted(1.3, 0.4, 0.8, 0.5))
    odds = searched / expected
    chances = [1 / (1 + odds * math.exp(1.3 * s + 0.4)) for s in first.score]
    assert np.mean(chances) == pytest.approx((sum(cover) + 0.5) / (len(cover) + 1), abs=1e-6)
    calibration = made_up_calibration(slope=1.3, intercept=0.4, expected=expected)
    assert judge_first_matches(first, calibration).said == pytest.approx(np.mean(chances), abs=1e-9)


def test_judging_counts_what_is_called_a_cover_and_what_is_one() -> None:
    calibration = made_up_calibration(slope=1.0, intercept=0.0, threshold=0.5, expected=1.0)
    first = FirstMatches(np.array([-9.0, -8.0, -4.0, 1.0]), np.array([True, False, True, False]), 100)
    judged = judge_first_matches(first, calibration)
    assert (judged.queries, judged.searched, judged.right) == (4, 100, 0.5)
    assert (judged.found, judged.found_right) == (0.5, 0.5)  # at odds of 100:1, s must be below -log 100
    assert len(judged.row()) == len(COLUMNS) - 1
    none = judge_first_matches(FirstMatches(np.array([3.0]), np.array([False]), 100), calibration)
    assert (none.found, none.found_right, none.row()[-1]) == (0, None, "-")
