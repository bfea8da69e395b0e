"""Cross-similarity, its diagonals and mutual neighbours, each against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.features.augment import rotate_key
from covsearch.ranking.kernel import nearest_thresholds
from covsearch.ranking.similarity import fit, mutual_neighbours, stretch_similarity


def frames(seed: int, length: int, blocks: int = 1) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).random((length, 12 * blocks), dtype=np.float32)
    made[::5] = 0  # silence
    return made


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def cosine(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norms) if norms else 0.0


@given(seed=st.integers(0, 10**6), shape=shapes, span=st.integers(1, 12), blocks=st.integers(1, 2))
def test_similarity_equals_the_loop_and_silence_is_like_nothing(
    seed: int, shape: tuple[int, int], span: int, blocks: int
) -> None:
    span = min(span, *shape)
    a, b = frames(seed, shape[0], blocks), frames(seed + 1, shape[1], blocks)
    got = stretch_similarity(a, b, span)
    assert got.shape == (shape[0] - span + 1, shape[1] - span + 1)
    slow_a, slow_b = a.astype(np.float64), b.astype(np.float64)
    for i in range(got.shape[0]):
        for j in range(got.shape[1]):
            slow = sum(cosine(slow_a[i + k], slow_b[j + k]) for k in range(span)) / span
            assert got[i, j] == pytest.approx(slow, abs=1e-6)


@given(seed=st.integers(0, 10**6), shape=st.tuples(st.integers(1, 40), st.integers(1, 3000)), count=st.integers(1, 50))
def test_thresholds_equal_sorting(seed: int, shape: tuple[int, int], count: int) -> None:
    """Values that are far apart, close together and equal; more of them than the histogram has bins."""
    rng = np.random.default_rng(seed)
    similarity = rng.choice([rng.random(shape), np.round(rng.random(shape), 2), rng.random(shape) ** 30])
    similarity = similarity.astype(np.float32)
    got = nearest_thresholds(similarity, count)
    slow = np.sort(similarity, axis=1)[:, -count - 1] if count < shape[1] else np.full(shape[0], -np.inf)
    np.testing.assert_array_equal(got, slow)


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
