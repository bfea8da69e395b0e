"""Cross-similarity, its diagonals and mutual neighbours, each against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.features.augment import rotate_key
from covsearch.features.frames import means_of
from covsearch.features.slow import restored
from covsearch.ranking.score_kernel import column_thresholds, row_thresholds
from covsearch.ranking.similarity import mutual_neighbours, stretch_similarity, whole_units


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
            assert got[i, j] / 32_767 == pytest.approx(slow, abs=0.005)  # frames are rounded to whole numbers


@given(seed=st.integers(0, 10**6), shape=st.tuples(st.integers(1, 40), st.integers(1, 3000)), count=st.integers(1, 50))
def test_thresholds_part_what_sorting_parts(seed: int, shape: tuple[int, int], count: int) -> None:
    """Values that are far apart, close together and equal: what exceeds a threshold exceeds that of sorting."""
    rng = np.random.default_rng(seed)
    share = rng.choice([rng.random(shape), np.round(rng.random(shape), 2), rng.random(shape) ** 30])
    similarity = (share * 32_767).astype(np.int16)
    slow = np.sort(similarity, axis=1)[:, -count - 1] if count < shape[1] else np.zeros(shape[0], np.int16)
    above = similarity > slow[:, None]
    np.testing.assert_array_equal(similarity > row_thresholds(similarity, count)[:, None], above)
    by_column = column_thresholds(np.ascontiguousarray(similarity.T), count)
    np.testing.assert_array_equal(similarity > by_column[:, None], above)


@given(seed=st.integers(0, 10**6), shape=shapes, share=st.floats(0.01, 0.9), levels=st.integers(1, 50))
def test_mutual_neighbours_equal_the_loop_with_ties(
    seed: int, shape: tuple[int, int], share: float, levels: int
) -> None:
    similarity = np.random.default_rng(seed).integers(0, levels, shape).astype(np.int16)
    got = mutual_neighbours(similarity, share)
    rows, columns = (max(1, round(share * size)) for size in shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            in_row = (similarity[i] >= similarity[i, j]).sum() <= columns
            in_column = (similarity[:, j] >= similarity[i, j]).sum() <= rows
            assert got[i, j] == (in_row and in_column and similarity[i, j] > 0)


@given(seed=st.integers(0, 10**6), length=st.integers(1, 40), width=st.sampled_from([12, 24]), block=st.integers(1, 7))
def test_bytes_and_means_become_the_same_whole_numbers(seed: int, length: int, width: int, block: int) -> None:
    """What an index keeps is not converted twice, and to the bit what its chroma would become."""
    kept = np.random.default_rng(seed).integers(0, 256, (length, width)).astype(np.uint8)
    kept[::5] = 0
    expected = whole_units(means_of(restored(kept), block), 4)
    np.testing.assert_array_equal(whole_units(kept, 4, block), expected)
    np.testing.assert_array_equal(whole_units(restored(kept), 4, block), expected)


def test_more_frames_than_can_be_counted_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 32,767 frames of a track can be aligned, not 32,768: average some"):
        mutual_neighbours(np.ones((32_768, 1), np.int16), 0.1)


def test_transposing_moves_every_block_alike_and_comes_round() -> None:
    x = frames(0, 9, blocks=2)
    up = rotate_key(x, 5)
    np.testing.assert_array_equal(up[:, 5], x[:, 0])
    np.testing.assert_array_equal(up[:, 12 + 5], x[:, 12])
    np.testing.assert_array_equal(rotate_key(up, 7), x)
