"""The ways to rank are those that their names say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import unit_vectors

from benchmarks.studies.reranking import local_scaling, markdown, rankings, window_distances
from covsearch.evaluate.ranks import rank_covers, retrieval_metrics
from covsearch.index.head import Head
from covsearch.index.windows import chamfer


def test_every_way_ranks_what_it_is_named_after() -> None:
    vectors = unit_vectors(np.random.default_rng(0), 14)
    ways = rankings(Head(np.ones(128, np.float32), 0.0), vectors, window_distances(vectors, np.arange(15)))
    queries = np.array([2, 5])
    cosine = ways["one vector, cosine"](queries)
    np.testing.assert_allclose(cosine, [[1 - vectors[q] @ v for v in vectors] for q in queries], atol=1e-6)
    # with all weights 1 the head's distance is twice the cosine's, and so is one window a track added to it
    np.testing.assert_allclose(ways["one vector, learned head"](queries), 2 * cosine, atol=1e-5)
    np.testing.assert_allclose(ways["windows"](queries), cosine, atol=1e-5)
    np.testing.assert_allclose(ways["windows and one vector, cosine"](queries), 2 * cosine, atol=1e-5)
    scaled = local_scaling(ways["one vector, learned head"](np.arange(14)), 3)
    np.testing.assert_array_equal(ways["one vector, local scaling, k = 3"](queries), scaled[queries])
    table = markdown("m", {"a": {"x": 0.5, "y": 0.25}, "b": {"x": 1.0, "y": 0.0}})
    assert table.splitlines()[2:] == ["| x | 0.500 | 1.000 |", "| y | 0.250 | 0.000 |"]


def test_windows_are_compared_each_with_each() -> None:
    rng = np.random.default_rng(0)
    first = np.array([0, 3, 4, 9])
    vectors = unit_vectors(rng, 9)
    parts = [vectors[a:b] for a, b in pairwise(first)]
    slow = [[1 - chamfer(a, b) for b in parts] for a in (parts[2], parts[0])]
    np.testing.assert_allclose(window_distances(vectors, first)(np.array([2, 0])), slow, atol=1e-6)


@given(seed=st.integers(0, 10**6), size=st.integers(2, 12), k=st.integers(1, 11), sign=st.sampled_from([0.0, -3.0]))
def test_local_scaling_equals_the_slow_loop_with_and_without_negative_distances(
    seed: int, size: int, k: int, sign: float
) -> None:
    k = min(k, size - 1)
    table = sign + 5 * np.random.default_rng(seed).random((size, size))
    table[np.diag_indices(size)] = sign - 1 if sign else 0
    others = [[table[i, j] for j in range(size) if j != i] for i in range(size)]
    least = min(0.0, *(min(row) for row in others))
    scale = [sorted(row)[k - 1] - least for row in others]
    scaled = local_scaling(table, k)
    for i in range(size):
        for j in range(size):
            if i != j and scale[i] * scale[j] > 0:
                slow = (table[i, j] - least) / (scale[i] * scale[j]) ** 0.5
                assert scaled[i, j] == pytest.approx(slow, rel=1e-6, abs=1e-6)
    assert (np.diag(scaled) == 0).all()


def test_hubs_no_longer_stand_before_the_covers() -> None:
    """60 works of two in 30 dimensions and 10 hubs near their middle, nearer to most than their covers are."""
    rng = np.random.default_rng(0)
    versions = np.repeat(rng.standard_normal((60, 30)), 2, axis=0) + 0.8 * rng.standard_normal((120, 30))
    points = np.concatenate([versions, 0.2 * rng.standard_normal((10, 30))])
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    work = [*np.repeat(np.arange(60), 2).tolist(), *range(60, 70)]
    before, after = (
        retrieval_metrics(rank_covers(table.__getitem__, work)).map for table in (squared, local_scaling(squared, 10))
    )
    assert after > before + 0.1
