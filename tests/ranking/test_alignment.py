"""Alignment against a slow oracle cell by cell, and on performances whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from collection import melody
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.features.augment import rotate_key
from covsearch.ranking.alignment import PUBLISHED, align, local_alignment, trace

ONSET, EXTENSION = PUBLISHED.onset, PUBLISHED.extension


def slow_alignment(matches: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Equation 3 of Serrà et al. (2009), one cell after the other; outside of the matrix is 0 and no match."""
    score = np.zeros(matches.shape)

    def before(i: int, j: int) -> tuple[float, float]:
        inside = i >= 0 and j >= 0
        return (score[i, j], ONSET if matches[i, j] else EXTENSION) if inside else (0.0, EXTENSION)

    for i in range(matches.shape[0]):
        for j in range(matches.shape[1]):
            some = [before(i - 1, j - 1), before(i - 2, j - 1), before(i - 1, j - 2)]
            if matches[i, j]:
                score[i, j] = max(value for value, _ in some) + 1
            else:
                score[i, j] = max(0, *(value - cost for value, cost in some))
    return score


def recurrence(seed: int, shape: tuple[int, int], density: float) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(shape) < density


cases = st.builds(recurrence, st.integers(0, 10**6), st.tuples(st.integers(1, 25), st.integers(1, 25)), st.floats(0, 1))


@given(cases)
def test_every_cell_equals_the_slow_oracle(matches: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(local_alignment(matches), slow_alignment(matches))


@given(cases)
def test_the_trace_earns_exactly_the_best_score(matches: NDArray[np.bool_]) -> None:
    score = local_alignment(matches)
    path = trace(score, matches)
    if not matches.any():
        assert len(path) == 0
        return
    steps = np.diff(path, axis=0).tolist()
    assert all(step in ([1, 1], [2, 1], [1, 2]) for step in steps)
    matched = [bool(matches[i, j]) for i, j in path.tolist()]
    assert matched[0]
    assert matched[-1]
    earned = 1.0
    for last, this in itertools.pairwise(matched):
        earned += 1 if this else -(ONSET if last else EXTENSION)
    assert earned == score.max()


@pytest.mark.parametrize("semitones", [0, 4, 6, -5, -1])
def test_a_transposed_slower_version_is_found_in_its_key_and_place(semitones: int) -> None:
    song = melody(1, 300)
    version = np.concatenate([melody(2, 40), rotate_key(np.repeat(song[60:240], 2, axis=0)[::3][:120], semitones)])
    found = align(song, version)
    assert found.semitones == semitones
    assert found.score > 3 * found.chance
    middle = found.path[(found.path[:, 1] > 45) & (found.path[:, 1] < 140)]
    expected = 60 + (middle[:, 1] - 40) * 1.5  # two thirds of the frames
    assert len(middle) > 60
    assert np.abs(middle[:, 0] - expected).max() < 10


def test_strangers_align_no_further_than_chance() -> None:
    ratios = [align(melody(k, 300), melody(100 + k, 260)) for k in range(5)]
    assert np.mean([found.score / found.chance for found in ratios]) < 1.5


def test_a_performance_aligns_with_itself_from_end_to_end() -> None:
    song = melody(3, 200)
    found = align(song, song)
    assert found.semitones == 0
    assert found.path.tolist() == [[i, i] for i in range(200 - found.span + 1)]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 50), (50, 3)])
def test_the_shortest_tracks_are_compared_too(a: int, b: int) -> None:
    found = align(melody(1, a), melody(2, b))
    assert found.span == min(9, a, b)
    assert found.similarity.shape == (a - found.span + 1, b - found.span + 1)


def test_silence_aligns_with_nothing() -> None:
    found = align(np.zeros((40, 12), np.float32), melody(1, 60))
    assert (found.score, len(found.path)) == (0, 0)
