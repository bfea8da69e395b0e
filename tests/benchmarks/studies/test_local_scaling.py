"""Local scaling against its formula, and the laws that make it worth having."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.studies.local_scaling import hub_corrected, local_scaling, neighbour_scale
from covsearch.errors import UsageError
from covsearch.evaluate.retrieval import rank_covers, retrieval_metrics


@given(seed=st.integers(0, 10**6), count=st.integers(1, 30), k=st.integers(1, 30))
def test_the_scale_is_the_kth_smallest_distance(seed: int, count: int, k: int) -> None:
    distances = np.random.default_rng(seed).integers(0, 9, (4, count)).astype(np.float64)
    k = min(k, count)
    assert neighbour_scale(distances, k).tolist() == [sorted(row)[k - 1] for row in distances.tolist()]


@given(seed=st.integers(0, 10**6), queries=st.integers(1, 5), count=st.integers(1, 20))
def test_equals_the_formula_for_one_query_and_for_many(seed: int, queries: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    d, asked, collection = rng.random((queries, count)), 0.1 + rng.random(queries), 0.1 + rng.random(count)
    scaled = local_scaling(d, asked, collection)
    for q in range(queries):
        # as published, of distances rather than their squares
        slow = [
            1 - math.exp(-(math.sqrt(d[q, i]) ** 2) / (math.sqrt(asked[q]) * math.sqrt(collection[i])))
            for i in range(count)
        ]
        np.testing.assert_allclose(1 - np.exp(-scaled[q]), slow, atol=1e-12)
        np.testing.assert_array_equal(local_scaling(d[q], asked[q], collection), scaled[q])


def test_it_is_symmetric_and_knows_no_unit() -> None:
    rng = np.random.default_rng(0)
    d, scale = rng.random((6, 6)), 0.1 + rng.random(6)
    d = d + d.T
    scaled = local_scaling(d, scale, scale)
    np.testing.assert_allclose(scaled, scaled.T)
    np.testing.assert_allclose(local_scaling(7 * d, 7 * scale, 7 * scale), scaled)


def test_duplicates_are_at_zero_and_all_others_finite() -> None:
    scaled = local_scaling(np.array([0.0, 0.5, 4.0]), 0.0, np.array([0.0, 0.5, 0.0]))
    assert scaled[0] == 0
    assert np.isfinite(scaled).all()
    assert 0 < scaled[1] < scaled[2]


@pytest.mark.parametrize(("d", "query", "collection"), [(-0.1, 1.0, 1.0), (1.0, -0.1, 1.0), (1.0, 1.0, -0.1)])
def test_negative_distances_are_refused(d: float, query: float, collection: float) -> None:
    with pytest.raises(UsageError, match=r"needs distances of at least 0, the least is -0\.1"):
        local_scaling(np.array([d]), query, np.array([collection]))


@pytest.mark.parametrize("k", [0, 4])
def test_a_neighbour_that_cannot_be_is_refused(k: int) -> None:
    with pytest.raises(UsageError, match=rf"neighbour {k} of 3 cannot be: choose one from 1"):
        neighbour_scale(np.ones((2, 3)), k)


@given(
    seed=st.integers(0, 10**6),
    size=st.integers(2, 12),
    k=st.integers(1, 11),
    block=st.integers(1, 5),
    sign=st.sampled_from([0.0, -3.0]),
)
def test_equals_the_slow_loop_with_and_without_negative_distances(
    seed: int, size: int, k: int, block: int, sign: float
) -> None:
    k = min(k, size - 1)
    table = sign + 5 * np.random.default_rng(seed).random((size, size))
    table[np.diag_indices(size)] = sign - 1 if sign else 0
    others = [[table[i, j] for j in range(size) if j != i] for i in range(size)]
    least = min(0.0, *(min(row) for row in others))
    scale = [sorted(row)[k - 1] - least for row in others]
    corrected = hub_corrected(lambda queries: table[queries], size, k, block=block)(np.arange(size))
    for i in range(size):
        for j in range(size):
            if i != j and scale[i] * scale[j] > 0:
                slow = (table[i, j] - least) / (scale[i] * scale[j]) ** 0.5
                assert corrected[i, j] == pytest.approx(slow, rel=1e-6, abs=1e-6)
    assert (np.diag(corrected) == 0).all()


def test_hubs_no_longer_stand_before_the_covers() -> None:
    """60 works of two in 30 dimensions and 10 hubs near their middle, nearer to most than their covers are."""
    rng = np.random.default_rng(0)
    versions = np.repeat(rng.standard_normal((60, 30)), 2, axis=0) + 0.8 * rng.standard_normal((120, 30))
    points = np.concatenate([versions, 0.2 * rng.standard_normal((10, 30))])
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    work = [*np.repeat(np.arange(60), 2).tolist(), *range(60, 70)]

    def plain(queries: np.ndarray) -> np.ndarray:
        return squared[queries]

    before = retrieval_metrics(rank_covers(plain, work)).map
    after = retrieval_metrics(rank_covers(hub_corrected(plain, len(points), 10), work)).map
    assert after > before + 0.1


def test_more_neighbours_than_there_are_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="neighbour 3 of 2 cannot be"):
        hub_corrected(lambda queries: np.ones((len(queries), 3)), 3, 3)
