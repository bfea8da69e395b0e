"""Covers: seeded, transposable, and of the length asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import make_song

from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.acoustics import smooth, transpose
from covsearch.synthesis.arrangement import arrange, kernels
from covsearch.synthesis.form import play_order, time_map

MAKER = CoverMaker([make_song(seed) for seed in range(8)])


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 80))
def test_a_cover_is_unit_frames_in_time_and_nothing_behind_them(seed: int, hardness: float, frames: int) -> None:
    batch, lengths = MAKER.make([0, 3, 3], np.random.default_rng(seed), hardness=hardness, frames=frames)
    assert batch.dtype == np.float32
    assert batch.shape == (3, lengths.max(), 12)
    assert 1 <= lengths.min() <= lengths.max() <= frames
    assert np.isfinite(batch).all()
    assert batch.min() >= 0
    norms = np.linalg.norm(batch, axis=2)
    for row, length in zip(norms, lengths.tolist(), strict=True):
        assert (row[length:] == 0).all()
        assert (row[:length] > 0).all()
    again, _ = MAKER.make([0, 3, 3], np.random.default_rng(seed), hardness=hardness, frames=frames)
    np.testing.assert_array_equal(batch, again)
    assert not np.array_equal(batch[1], batch[2])  # two covers of one song


def test_a_transposed_song_has_transposed_arrangements() -> None:
    for seed in range(6):
        plain, higher = (arrange(make_song(seed, k), np.random.default_rng(seed), 0.7) for k in (0, 5))
        np.testing.assert_allclose(np.roll(plain, 5, axis=1), higher, atol=1e-4 * plain.max())


def test_a_stretch_of_an_arrangement_has_its_steps() -> None:
    song = make_song(1)
    part = arrange(song, np.random.default_rng(0), 0.5, 40, 100)
    assert part.shape == (60, 12)
    assert part.min() >= 0
    assert part.sum() > 0


def test_without_hardness_the_whole_song_is_played_at_nearly_its_tempo() -> None:
    song = make_song(2)
    np.testing.assert_array_equal(play_order(song, np.random.default_rng(0), 0.0), np.arange(song.steps))
    _, lengths = MAKER.make([2] * 20, np.random.default_rng(1), hardness=0.0)
    np.testing.assert_allclose(lengths / SLOW_RATE, song.steps / 4 * song.beat, rtol=0.1)


@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(20, 400))
def test_time_goes_forward_through_what_is_played(seed: int, h: float, longest: int) -> None:
    at = time_map(200, 0.5, 5.4, longest, np.random.default_rng(seed), h)
    assert len(at) <= longest + 1
    assert (np.diff(at) > 0).all()
    assert 0 <= at[0] < at[-1] <= 200 + 1e-9


def test_kernels_are_circulant_averages() -> None:
    made = kernels(np.random.default_rng(0), np.array([True, False]), np.array([0.6, 0.8]), np.array([0.5, 0.7]))
    np.testing.assert_allclose(made.sum(axis=2), 1)
    assert made.min() >= -1e-12
    np.testing.assert_allclose(made[0, 3], np.roll(made[0, 0], 3))


def test_transposing_rolls_and_smoothing_is_a_one_pole_filter() -> None:
    x = np.random.default_rng(0).random((2, 12, 30), dtype=np.float32)
    rolled = transpose(x, np.array([3, 11]))
    np.testing.assert_array_equal(rolled[1], np.roll(x[1], 11, axis=0))
    past = np.array([0.5, 0.9])
    slow = x.astype(np.float64).copy()
    for t in range(1, 30):
        slow[:, :, t] = (1 - past[:, None]) * x[:, :, t] + past[:, None] * slow[:, :, t - 1]
    np.testing.assert_allclose(smooth(x, past), slow, atol=1e-5)


@pytest.mark.parametrize("h", [0.0, 0.5, 1.0])
def test_an_order_stays_within_the_song(h: float) -> None:
    song = make_song(4, bars=40)
    for seed in range(30):
        order = play_order(song, np.random.default_rng(seed), h)
        own = order[order >= 0]
        assert own.max() < song.steps
        assert len(own) >= song.steps // 2


@pytest.mark.parametrize("k", [0, 5, 11])
def test_covers_are_transposed_as_told(k: int) -> None:
    plain, _ = MAKER.make([1, 1, 4], np.random.default_rng(3), hardness=0.5, semitones=[0, 0, 0])
    told, _ = MAKER.make([1, 1, 4], np.random.default_rng(3), hardness=0.5, semitones=[k, k, k])
    for a, b in zip(plain, told, strict=True):
        assert np.argmax([np.sum(np.roll(a, n, axis=1) * b) for n in range(12)]) == k
