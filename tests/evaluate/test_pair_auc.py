"""AUC over all pairs of a collection: against scikit-learn, with ties, and in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from covsearch.errors import UsageError
from covsearch.evaluate.pair_auc import pair_auc
from covsearch.evaluate.ranks import rank_covers

Table = NDArray[np.float64]


def auc(table: Table, work: list[int], block: int = 64) -> float | None:
    ranks = rank_covers(lambda queries: table[queries], work)
    return pair_auc(lambda queries: table[queries], work, ranks.distance, block=block)


def slow_auc(table: Table, work: list[int]) -> float:
    codes, off = np.array(work), ~np.eye(len(work), dtype=bool)
    found: float = roc_auc_score((codes[:, None] == codes)[off], -table[off])
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Table, list[int]]:
    """Few distinct distances of either sign, so that most are tied; covers and non-covers, and no symmetry."""
    size = draw(st.integers(3, 9))
    work = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(lambda w: 1 < len(set(w)) < len(w)))
    values = draw(st.lists(st.integers(-3, 3), min_size=size * size, max_size=size * size))
    return np.array(values, dtype=np.float64).reshape(size, size), work


@given(cases(), st.integers(1, 10))
def test_equals_scikit_learn_with_ties_in_blocks_of_any_size(case: tuple[Table, list[int]], block: int) -> None:
    assert auc(*case, block) == pytest.approx(slow_auc(*case), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_equals_scikit_learn_without_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table, work = rng.standard_normal((70, 70)), rng.integers(20, size=70).tolist()
    assert auc(table, work) == pytest.approx(slow_auc(table, work), rel=1e-12)


def test_of_symmetric_distances_it_is_that_of_unordered_pairs() -> None:
    rng = np.random.default_rng(0)
    points, work = rng.integers(4, size=(30, 2)), np.repeat(np.arange(20), [2] * 10 + [1] * 10)
    table = np.abs(points[:, None] - points).sum(axis=2).astype(np.float64)
    once = np.triu_indices(30, 1)
    expected = roc_auc_score((work[:, None] == work)[once], -table[once])
    assert auc(table, work.tolist()) == pytest.approx(expected, rel=1e-12)


def test_one_distance_for_everything_is_a_half_and_one_work_has_no_auc() -> None:
    assert auc(np.zeros((6, 6)), [0, 0, 0, 1, 2, 3]) == 0.5
    assert auc(np.zeros((3, 3)), [4, 4, 4]) is None


def test_distances_that_are_not_finite_are_refused_in_works_that_are_no_queries_too() -> None:
    table = np.zeros((3, 3))
    table[2] = np.nan  # rank_covers never asks for it
    with pytest.raises(UsageError, match="must be finite"):
        auc(table, [0, 0, 1])


def test_memory_does_not_grow_with_the_square_of_the_collection() -> None:
    size, work = 3_000, [*np.repeat(np.arange(20), 3).tolist(), *range(20, 2_960)]
    values = np.random.default_rng(0).random(size)

    def distances(queries: NDArray[np.int64]) -> Table:
        return np.abs(values[queries, None] - values)

    tracemalloc.start()
    found = pair_auc(distances, work, rank_covers(distances, work).distance)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is not None
    assert peak < size * size * 8 / 6  # a block of 64 and its sorted copy are 1 / 23 of all distances
