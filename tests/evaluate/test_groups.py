"""Precision and recall of groups, against counting pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from covsearch.errors import UsageError
from covsearch.evaluate.groups import score_groups


def test_equals_counting_pairs() -> None:
    rng = np.random.default_rng(0)
    group, work = rng.integers(0, 12, 60), rng.integers(0, 15, 60)
    found = score_groups(group, work, replicates=20)
    pairs = list(itertools.combinations(range(60), 2))
    right = sum(group[a] == group[b] and work[a] == work[b] for a, b in pairs)
    wrong = sum(group[a] == group[b] and work[a] != work[b] for a, b in pairs)
    missed = sum(group[a] != group[b] and work[a] == work[b] for a, b in pairs)
    assert (found.right, found.wrong, found.missed) == (right, wrong, missed)
    assert found.precision == pytest.approx(right / (right + wrong))
    assert found.recall == pytest.approx(right / (right + missed))
    assert found.recall_ci.low < found.recall < found.recall_ci.high


def test_intervals_are_those_of_drawn_copies_of_works() -> None:
    group, work = np.array([0, 0, 0, 1, 1, 2, 3, 3]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    found, rng, recalls = score_groups(group, work, replicates=50, seed=4), np.random.default_rng(4), []
    while len(recalls) < 50:
        drawn = rng.integers(4, size=4)
        right = sum({0: 1, 1: 0, 2: 0, 3: 1}[one] for one in drawn.tolist())
        recalls.append(right / 4)
    assert found.recall_ci.low == pytest.approx(np.quantile(recalls, 0.025))
    assert found.recall_ci.high == pytest.approx(np.quantile(recalls, 0.975))


def test_works_themselves_are_perfect_and_strangers_find_nothing() -> None:
    work = ["a", "a", "b", "b", "b", "c"]
    perfect = score_groups(work, work, replicates=10)
    assert (perfect.precision, perfect.recall, perfect.wrong) == (1, 1, 0)
    nothing = score_groups(range(6), work, replicates=10)
    assert (nothing.precision, nothing.precision_ci, nothing.recall, nothing.missed) == (None, None, 0, 4)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(UsageError, match="got 2 and 3"):
        score_groups([0, 1], [0, 1, 1])
    with pytest.raises(UsageError, match="no pairs to find"):
        score_groups([0, 1], [0, 1])
