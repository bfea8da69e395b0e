"""Acoustics: what is moved, leaked, blurred and normalised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.synthesis.acoustics import Batch, add_noise, as_frames, detune, interrupt, reverberate, smooth, transpose

SEEDS = st.integers(0, 10**6)


def energies(seed: int, size: int = 4, length: int = 25) -> Batch:
    return np.random.default_rng(seed).random((size, 12, length), dtype=np.float32)


@given(SEEDS, st.lists(st.integers(0, 11), min_size=4, max_size=4))
def test_every_cover_is_rolled_by_its_own_semitones(seed: int, semitones: list[int]) -> None:
    batch = energies(seed)
    rolled = transpose(batch, np.array(semitones))
    for row, before, k in zip(rolled, batch, semitones, strict=True):
        np.testing.assert_array_equal(row, np.roll(before, k, axis=0))


@given(SEEDS)
def test_smoothing_is_scipys_one_pole_filter(seed: int) -> None:
    signal = pytest.importorskip("scipy.signal", reason="compares with SciPy's filter")
    batch, past = energies(seed), np.random.default_rng(seed).uniform(0, 0.99, 4)
    smoothed = smooth(batch, past)
    for row, before, a in zip(smoothed, batch.astype(np.float64), past.tolist(), strict=True):
        expected, _ = signal.lfilter([1 - a], [1, -a], before, axis=1, zi=a * before[:, :1])
        np.testing.assert_allclose(row, expected, atol=1e-5)


@given(SEEDS)
def test_detuning_and_reverberation_move_energy_and_lose_none(seed: int) -> None:
    batch = energies(seed)
    detuned = detune(batch, np.random.default_rng(seed))
    np.testing.assert_allclose(detuned.sum(axis=1), batch.sum(axis=1), rtol=1e-5)
    assert detuned.min() >= 0
    steady = np.repeat(batch[:, :, :1], 25, axis=2)
    np.testing.assert_allclose(reverberate(steady, np.random.default_rng(seed)), steady, rtol=1e-5)


@given(SEEDS)
def test_a_leak_reaches_the_neighbours_and_no_further(seed: int) -> None:
    tone = np.zeros((4, 12, 25), dtype=np.float32)
    tone[:, 5] = 1
    heard = detune(tone, np.random.default_rng(seed))
    assert set(np.flatnonzero(heard.max(axis=(0, 2))).tolist()) <= {4, 5, 6}
    assert heard[:, 5].min() > 0.5


@given(SEEDS)
def test_noise_is_added_and_never_taken_away(seed: int) -> None:
    batch = energies(seed)
    noisy = add_noise(batch, np.full(4, 2.5), np.random.default_rng(seed))
    assert noisy.shape == batch.shape
    assert (noisy >= batch - 1e-5).all()
    assert (noisy > batch).any(axis=(1, 2)).all()


@given(SEEDS)
def test_frames_are_of_unit_norm_whatever_their_loudness(seed: int) -> None:
    batch = energies(seed) + np.float32(0.01)
    frames = as_frames(batch, np.random.default_rng(seed))
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, atol=1e-5)
    assert frames.min() >= 0
    assert (frames.argmax(axis=1) == batch.argmax(axis=1)).all()


@given(SEEDS, st.lists(st.integers(1, 60), min_size=3, max_size=3))
def test_interruptions_are_within_a_cover(seed: int, lengths: list[int]) -> None:
    before = np.random.default_rng(seed).random((3, 60, 12), dtype=np.float32) + 1
    after = before.copy()
    interrupt(after, np.array(lengths), np.random.default_rng(seed))
    changed = (after != before).any(axis=2)
    for row, length in enumerate(lengths):
        assert not changed[row, length:].any()
        assert changed[row].sum() <= 3 * 19
    assert after.min() >= 0
    assert (after.max(axis=1) <= before.max(axis=1)).all()


def test_three_of_ten_covers_are_interrupted_by_noise_or_a_standstill() -> None:
    before = np.random.default_rng(0).random((400, 200, 12), dtype=np.float32) + 1
    after = before.copy()
    interrupt(after, np.full(400, 200), np.random.default_rng(0))
    changed = (after != before).any(axis=2)
    assert np.mean(changed.any(axis=1)) == pytest.approx(0.3, abs=0.07)
    noise = changed & (after.max(axis=2) <= 0.5)
    still = changed[:, 1:] & (after[:, 1:] == after[:, :-1]).all(axis=2)
    assert min(noise.any(axis=1).sum(), still.any(axis=1).sum()) > 40
