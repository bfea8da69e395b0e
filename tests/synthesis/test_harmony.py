"""Chords as a cover plays them, and the accompaniment made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from songs import BAR, make_song

from covsearch.synthesis.harmony import STYLES, accompany, reharmonise
from covsearch.synthesis.song import NO_CHORD, Song


def with_silence(seed: int) -> Song:
    """Two of twelve bars have no chord."""
    song = make_song(seed)
    chords = song.chords.copy()
    chords[3 * BAR : 5 * BAR] = NO_CHORD
    return replace(song, chords=chords)


SEEDS = st.integers(0, 10**6)


@given(SEEDS, st.floats(0, 1))
def test_bars_without_a_chord_stay_without_and_all_others_keep_one(seed: int, h: float) -> None:
    song = with_silence(seed % 7)
    chords = reharmonise(song, np.random.default_rng(seed), h)
    silent = (song.chords == NO_CHORD).all(axis=1)
    np.testing.assert_array_equal((chords == NO_CHORD).all(axis=1), silent)
    assert chords.shape == song.chords.shape
    assert chords.min() >= NO_CHORD
    assert chords.max() < 12
    assert (chords[~silent][:, [0, 1, 2, 4]] >= 0).all()  # nothing but a seventh may be missing


@given(SEEDS)
def test_a_chord_is_changed_wherever_it_occurs(seed: int) -> None:
    song = make_song(seed % 7)
    chords = reharmonise(song, np.random.default_rng(seed), 1.0)
    became: dict[tuple[int, ...], tuple[int, ...]] = {}
    for before, after in zip(song.chords.tolist(), chords.tolist(), strict=True):
        assert became.setdefault(tuple(before), tuple(after)) == tuple(after)


def test_a_changed_chord_is_the_same_or_its_relative() -> None:
    song, roots = make_song(0), set()
    for seed in range(200):
        chords = reharmonise(song, np.random.default_rng(seed), 1.0)
        roots |= set(((chords[:, 0] - song.chords[:, 0]) % 12).tolist())
    assert roots == {0, 9}  # C major may become A minor


@given(SEEDS)
def test_what_is_played_are_the_chords_tones(seed: int) -> None:
    song = with_silence(seed % 7)
    chords = song.chords.astype(np.int64)
    cells, loud, bass, bass_loud = accompany(chords, np.random.default_rng(seed))
    for where, loudness in ((cells, loud), (bass, bass_loud)):
        assert where.shape == loudness.shape
        assert np.isfinite(loudness).all()
        assert loudness.min() >= 0
        tones = chords[where // 12]
        assert (tones == (where % 12)[:, None]).any(axis=1).all()
    assert set((cells // 12).tolist()) == set((bass // 12).tolist())
    assert set((cells // 12).tolist()) == set(np.flatnonzero(chords[:, 0] >= 0).tolist())


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_four_tones_a_step_between_silence_and_full(style: object) -> None:
    step = np.arange(64)
    for seed in range(20):
        spread = style(step, step % 16, np.random.default_rng(seed))  # type: ignore[operator]
        assert spread.shape == (64, 4)
        assert spread.min() >= 0
        assert 0 < spread.max() <= np.exp(0.8 * 2)  # before the first stroke off the beat a tone is louder
