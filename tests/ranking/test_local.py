"""Local paths: the compiled trace against the one that compares two performances."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from covsearch.ranking.alignment import ESSENTIA, local_alignment, trace
from covsearch.ranking.local import local_path


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 0.6))
def test_it_is_the_path_that_a_comparison_has(seed: int, rows: int, columns: int, share: float) -> None:
    matches = np.random.default_rng(seed).random((rows, columns)) < share
    path, score = local_path(matches)
    expected = local_alignment(matches)
    np.testing.assert_array_equal(path, trace(expected, matches))
    assert score == expected.max()


def test_with_cheap_gaps_a_path_goes_on_where_dear_ones_end_it() -> None:
    matches = np.eye(40, dtype=bool)
    matches[np.arange(12, 16), np.arange(12, 16)] = False
    assert local_path(matches)[0][[0, -1]].tolist() == [[0, 0], [39, 39]]
    matches[np.arange(6, 30), np.arange(6, 30)] = False
    assert local_path(matches)[0][[0, -1]].tolist() == [[30, 30], [39, 39]]
    cheap, score = local_path(matches, ESSENTIA)
    assert cheap[[0, -1]].tolist() == [[30, 30], [39, 39]]
    assert score == 10
