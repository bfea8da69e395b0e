"""The paired randomisation test against counting all signs, and Holm's correction."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from covsearch.errors import UsageError
from covsearch.evaluate.significance import holm, randomisation_p


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]


def test_draws_come_near_to_all_signs_there_are() -> None:
    difference = np.array([0.3, 0.1, -0.2, 0.4, 0.2, 0.05, 0.1])
    work = np.array([0, 0, 1, 2, 3, 4, 4])
    sums = np.array([0.4, -0.2, 0.4, 0.2, 0.15])
    all_signs = [abs(np.dot(signs, sums)) >= abs(sums.sum()) - 1e-9 for signs in product((-1, 1), repeat=5)]
    assert randomisation_p(difference, work, draws=20_000) == pytest.approx(np.mean(all_signs), abs=0.01)


def test_queries_of_one_work_turn_together() -> None:
    """Ten queries that agree are strong evidence; of one work they are none."""
    difference = np.full(10, 0.1)
    assert randomisation_p(difference, np.zeros(10, dtype=np.int64)) == 1
    assert randomisation_p(difference, np.arange(10)) < 0.01


def test_p_is_the_same_both_ways_and_for_a_seed() -> None:
    rng = np.random.default_rng(0)
    difference, work = rng.standard_normal(40), rng.integers(15, size=40)
    p = randomisation_p(difference, work, seed=4)
    assert p == randomisation_p(-difference, work, seed=4) == randomisation_p(difference, work, seed=4)
    assert 0 < p <= 1


def test_one_draw_at_least() -> None:
    with pytest.raises(UsageError, match="at least 1 draw, not 0"):
        randomisation_p(np.ones(3), np.arange(3), draws=0)
