"""Cross-similarity, its diagonals and mutual neighbours, each against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.features.augment import rotate_key
from covsearch.features.similarity import along_diagonals, cosines, fit, mutual_neighbours


def frames(seed: int, length: int, blocks: int = 1) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).random((length, 12 * blocks), dtype=np.float32)
    made[::5] = 0  # silence
    return made


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(seed=st.integers(0, 10**6), shape=shapes)
def test_cosines_equal_the_loop_and_silence_is_like_nothing(seed: int, shape: tuple[int, int]) -> None:
    a, b = frames(seed, shape[0]), frames(seed + 1, shape[1])
    got = cosines(a, b)
    for i, x in enumerate(a.astype(np.float64)):
        for j, y in enumerate(b.astype(np.float64)):
            norms = np.linalg.norm(x) * np.linalg.norm(y)
            assert got[i, j] == pytest.approx(x @ y / norms if norms else 0, abs=1e-6)


@given(seed=st.integers(0, 10**6), shape=shapes, span=st.integers(1, 12))
def test_diagonal_means_equal_the_loop(seed: int, shape: tuple[int, int], span: int) -> None:
    span = min(span, *shape)
    similarity = np.random.default_rng(seed).random(shape, dtype=np.float32)
    got = along_diagonals(similarity, span)
    assert got.shape == (shape[0] - span + 1, shape[1] - span + 1)
    for i in range(got.shape[0]):
        for j in range(got.shape[1]):
            slow = sum(float(similarity[i + k, j + k]) for k in range(span)) / span
            assert got[i, j] == pytest.approx(slow, abs=1e-6)


@given(seed=st.integers(0, 10**6), shape=shapes, share=st.floats(0.01, 0.9), levels=st.integers(1, 50))
def test_mutual_neighbours_equal_the_loop_with_ties(
    seed: int, shape: tuple[int, int], share: float, levels: int
) -> None:
    similarity = np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)
    got = mutual_neighbours(similarity, share)
    rows, columns = (max(1, round(share * size)) for size in shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            in_row = (similarity[i] >= similarity[i, j]).sum() <= columns
            in_column = (similarity[:, j] >= similarity[i, j]).sum() <= rows
            assert got[i, j] == (in_row and in_column)


def test_transposing_moves_every_block_alike_and_comes_round() -> None:
    x = frames(0, 9, blocks=2)
    up = rotate_key(x, 5)
    np.testing.assert_array_equal(up[:, 5], x[:, 0])
    np.testing.assert_array_equal(up[:, 12 + 5], x[:, 12])
    np.testing.assert_array_equal(rotate_key(up, 7), x)


def test_fit_is_one_where_each_has_its_like_and_ignores_order() -> None:
    x = np.eye(6, dtype=np.float32)
    assert fit(x) == fit(x[np.random.default_rng(0).permutation(6)]) == 1
    assert fit(np.array([[1, 0], [0.5, 0]], np.float32)) == pytest.approx(((1 + 0.5) / 2 + (1 + 0) / 2) / 2)
