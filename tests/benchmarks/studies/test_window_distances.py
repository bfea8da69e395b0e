"""All-to-all Chamfer distances against the double loop over windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import unit_vectors

from benchmarks.studies.window_distances import window_distances
from covsearch.errors import UsageError
from covsearch.evaluate.retrieval import rank_covers


@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_equals_the_double_loop(seed: int, sizes: list[int]) -> None:
    first = np.cumsum([0, *sizes])
    vectors = unit_vectors(np.random.default_rng(seed), int(first[-1]))
    cosine = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    slow = np.empty((len(sizes), len(sizes)))
    for a in range(len(sizes)):
        for b in range(len(sizes)):
            block = cosine[first[a] : first[a + 1], first[b] : first[b + 1]]
            rows = [max(block[i, j] for j in range(sizes[b])) for i in range(sizes[a])]
            columns = [max(block[i, j] for i in range(sizes[a])) for j in range(sizes[b])]
            slow[a, b] = 1 - (sum(rows) / sizes[a] + sum(columns) / sizes[b]) / 2
    queries = np.random.default_rng(seed).permutation(len(sizes))
    np.testing.assert_allclose(window_distances(vectors, first)(queries), slow[queries], atol=1e-6)


def test_versions_that_play_their_parts_in_another_order_are_nearest() -> None:
    """Whole-track means of these are no nearer than those of strangers: only the windows know."""
    rng = np.random.default_rng(0)
    parts = [unit_vectors(rng, 4) for _ in range(6)]
    vectors = np.concatenate([rng.permutation(parts[work]) for work in (0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5)])
    ranks = rank_covers(window_distances(vectors, 4 * np.arange(13)), [0, 1, 2, 3, 4, 5] * 2)
    assert ranks.rank.tolist() == [1] * 12


@pytest.mark.parametrize("first", [[0], [0, 4], [0, 2, 2, 5], [1, 5]])
def test_offsets_that_do_not_fit_are_refused(first: list[int]) -> None:
    with pytest.raises(UsageError, match=rf"offsets of {len(first) - 1} performances must rise from 0 to their 5"):
        window_distances(unit_vectors(np.random.default_rng(0), 5), np.array(first))
