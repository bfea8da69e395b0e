"""The level that chance reaches, and the probabilities above it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.errors import UsageError
from covsearch.ranking.chance import FIRST, LAST, Chance

CHANCE = Chance(offset=-3.6, own=0.0, slope=1.0, bias=-3.5, threshold=0.6)
PLAIN = replace(CHANCE, offset=0.0)
NONE = np.empty(0)


@pytest.mark.parametrize("searched", [1, 2, 87, 319])
def test_a_small_collection_has_the_calibrations_level(searched: int) -> None:
    best = np.linspace(5, -5, searched)
    assert CHANCE.level(best, searched) == pytest.approx(math.log(searched) - 3.6)


def test_nothing_searched_counts_as_one() -> None:
    assert CHANCE.level(NONE, 0) == CHANCE.level(NONE, 1) == -3.6


def test_exponential_ratios_have_the_level_at_which_one_is_expected() -> None:
    """Of N performances N exp(-x) are above x: one above log N."""
    searched = 15_000
    best = -np.log(np.arange(1, 101) / searched)  # the k-th best is where k are expected
    assert PLAIN.level(best, searched) == pytest.approx(math.log(searched))


def test_the_querys_own_ranking_outweighs_the_calibration_where_it_is_long() -> None:
    best = -np.log(np.arange(1, 101) / 15_000)
    usual, shifted = PLAIN.level(best, 15_000), PLAIN.level(best + 2, 15_000)
    assert shifted - usual == pytest.approx(2 * 31 / 34)


def test_what_the_ranking_shows_is_moved_by_a_constant() -> None:
    best = -np.log(np.arange(1, 101) / 15_000)
    moved = replace(PLAIN, own=-1.0).level(best, 15_000)
    assert moved == pytest.approx(PLAIN.level(best, 15_000) - 31 / 34)


@given(st.lists(st.floats(0, 30), max_size=FIRST - 1), st.integers(1, 10**6))
def test_covers_among_the_first_matches_do_not_count(covers: list[float], searched: int) -> None:
    best = -np.log(np.arange(1, 101) / searched)
    with_covers = best.copy()
    with_covers[: len(covers)] += np.sort(covers)[::-1]
    assert CHANCE.level(with_covers, searched) == CHANCE.level(best, searched)


def test_matches_after_the_last_do_not_count() -> None:
    best = -np.log(np.arange(1, 101) / 15_000)
    assert CHANCE.level(best[:LAST], 15_000) == CHANCE.level(best, 15_000)


@given(st.floats(-30, 30), st.floats(0, 10), st.integers(1, 10**6))
def test_a_probability_rises_with_the_ratio_and_falls_with_the_collection(
    ratio: float, more: float, searched: int
) -> None:
    low, high = CHANCE.probability(np.array([ratio, ratio + more]), NONE, searched).tolist()
    among_more = CHANCE.probability(np.array([ratio]), NONE, 2 * searched)[0]
    assert 0 <= among_more <= low <= high <= 1


def test_a_probability_is_the_logistic_of_what_is_above_the_level() -> None:
    p = CHANCE.probability(np.array([8.0]), NONE, 100)[0]
    assert p == pytest.approx(1 / (1 + math.exp(-(8 - (math.log(100) - 3.6) - 3.5))))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("offset", math.inf, "offset must be finite, not inf"),
        ("slope", 0.0, "slope must be above 0, not 0"),
        ("threshold", 1.0, "threshold must lie between 0 and 1, not 1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Chance(**{**CHANCE.__dict__, name: value})
