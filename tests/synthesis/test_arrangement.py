"""Arrangements: a transposed song sounds transposed, and a tone is its partials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import BAR, BARS, make_song

from covsearch.synthesis import CoverMaker, cover
from covsearch.synthesis.arrangement import PARTIALS, arrange, kernels
from covsearch.synthesis.song import NO_CHORD, Song


def song_in(key: int, seed: int) -> Song:
    """Major triads on roots 0 to 5, `key` semitones higher: up to 6 their order is the same in every key."""
    roots = np.random.default_rng(seed).integers(6, size=BARS) + key
    triads = np.array([[r % 12, (r + 4) % 12, (r + 7) % 12, NO_CHORD, r % 12] for r in roots], dtype=np.int8)
    return replace(make_song(seed, key), chords=np.repeat(triads, BAR, axis=0))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(0, 1))
def test_an_arrangement_of_a_transposed_song_is_transposed(seed: int, key: int, h: float) -> None:
    plain, higher = (arrange(song_in(k, seed), np.random.default_rng(seed), h) for k in (0, key))
    np.testing.assert_allclose(np.roll(plain, key, axis=1), higher, atol=1e-5 * plain.max())


def test_an_arrangement_is_transposed_whatever_its_chords() -> None:
    for seed in range(60):
        plain, higher = (arrange(make_song(seed, k), np.random.default_rng(seed), 0.7) for k in (0, 5))
        np.testing.assert_allclose(np.roll(plain, 5, axis=1), higher, atol=1e-4 * plain.max())


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(0, 1))
def test_but_for_noise_covers_of_a_transposed_song_are_transposed(seed: int, key: int, hardness: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # noise is as loud in every key, and the same noise does not move with the song
        patch.setattr(cover, "add_noise", lambda batch, beat, rng: batch + np.float32(1e-2))
        patch.setattr(cover, "interrupt", lambda batch, lengths, rng: None)
        (plain, lengths), (higher, others) = (
            CoverMaker([song_in(k, seed)]).make([0, 0, 0], np.random.default_rng(seed), hardness=hardness, frames=60)
            for k in (0, key)
        )
    np.testing.assert_array_equal(lengths, others)
    np.testing.assert_allclose(np.roll(plain, key, axis=2), higher, atol=1e-4)
    assert np.linalg.norm(plain, axis=2).max() <= 1 + 1e-5  # means of unit frames


def test_a_tone_is_heard_at_its_partials_and_where_it_may_be_one() -> None:
    none = np.zeros(1)
    sine = kernels(np.random.default_rng(0), np.array([False]), none, none)
    np.testing.assert_allclose(sine[0], np.eye(12), atol=1e-12)
    rich = kernels(np.random.default_rng(0), np.array([False]), np.array([0.7]), none)[0, 0]
    assert set(np.flatnonzero(rich > 1e-12).tolist()) == set(PARTIALS.tolist())
    assert rich.argmax() == 0
    below = kernels(np.random.default_rng(0), np.array([False]), none, np.array([0.7]))[0, 0]
    assert set(np.flatnonzero(below > 1e-12).tolist()) == set((-PARTIALS % 12).tolist())
    dull, low = (kernels(np.random.default_rng(0), np.array([x]), np.array([0.7]), none)[0, 0] for x in (False, True))
    assert low[7] / low[4] == pytest.approx(dull[7] / dull[4])
    assert low[0] < dull[0]


@given(st.integers(0, 10**6), st.lists(st.floats(0, 0.95), min_size=1, max_size=5))
def test_kernels_move_with_the_tone_and_lose_nothing(seed: int, partials: list[float]) -> None:
    size = len(partials)
    rng = np.random.default_rng(seed)
    made = kernels(rng, rng.random(size) < 0.5, np.array(partials), rng.random(size) * 0.9)
    assert made.shape == (size, 12, 12)
    assert made.min() >= -1e-12
    np.testing.assert_allclose(made.sum(axis=2), 1)
    for tone in range(12):
        np.testing.assert_allclose(made[:, tone], np.roll(made[:, 0], tone, axis=1))


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_an_arrangement_sounds_and_is_never_negative(seed: int, h: float) -> None:
    song = make_song(seed % 5)
    played = arrange(song, np.random.default_rng(seed), h)
    assert played.shape == (song.steps, 12)
    assert played.dtype == np.float32
    assert np.isfinite(played).all()
    assert played.min() >= -1e-6
    assert played.sum() > 0
