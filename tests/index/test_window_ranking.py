"""The head's nearest in the order of their windows, against sorting by double loops."""

from __future__ import annotations

import numpy as np
import pytest
from brute_force import rank_all
from hypothesis import given
from hypothesis import strategies as st
from published import make_windows, random_head, unit_vectors

from covsearch.errors import UsageError
from covsearch.index.flat import FlatIndex
from covsearch.index.window_ranking import rank_by_windows
from covsearch.index.windows import chamfer, passages


@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), k=st.integers(1, 10), extra=st.integers(0, 40))
def test_ranks_the_heads_nearest_by_chamfer_similarity(seed: int, n: int, k: int, extra: int) -> None:
    rng = np.random.default_rng(seed)
    flat, windows = FlatIndex(unit_vectors(rng, n), random_head(rng)), make_windows(rng, n)
    row = int(rng.integers(n))
    own, u = windows.take([row]), flat.vectors[row]
    nearest = [r for r in rank_all(u, flat.vectors, flat.head).tolist() if r != row][: k + extra]
    similar = {r: chamfer(own.vectors, windows.take([r]).vectors) for r in nearest}
    found = rank_by_windows(flat.rank, windows, u, own, k, k + extra, exclude=row)
    rows = found.ranking.rows.tolist()
    assert len(rows) == min(k, len(nearest))
    assert found.similarity == pytest.approx(sorted(similar.values(), reverse=True)[:k], abs=1e-6)
    assert found.similarity == pytest.approx([similar[r] for r in rows], abs=1e-6)
    np.testing.assert_array_equal(found.ranking.distances, flat.head.distances(u, flat.vectors[rows]))
    for r, passage in zip(rows, found.passage, strict=True):
        expected = passages(own, windows.take([r]))[0]
        assert (passage.a, passage.b) == (expected.a, expected.b)


def test_fewer_candidates_than_matches_is_a_usage_error() -> None:
    rng = np.random.default_rng(0)
    flat, windows = FlatIndex(unit_vectors(rng, 9), random_head(rng)), make_windows(rng, 9)
    with pytest.raises(UsageError, match="candidates must be at least the 5 wanted matches, not 4"):
        rank_by_windows(flat.rank, windows, flat.vectors[0], windows.take([0]), 5, 4)
    with pytest.raises(UsageError, match="at least 1 match must be asked for, not 0"):
        rank_by_windows(flat.rank, windows, flat.vectors[0], windows.take([0]), 0, 4)
