"""Form: bars stay whole, stretches are long enough, and time runs at the tempo it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from songs import BAR, make_song

from covsearch.synthesis.form import FOREIGN, play_order, time_map

SEEDS = st.integers(0, 10**6)


@given(SEEDS, st.floats(0, 1), st.integers(8, 40))
def test_bars_are_played_whole(seed: int, h: float, bars: int) -> None:
    song = make_song(0, bars=bars)
    order = play_order(song, np.random.default_rng(seed), h).reshape(-1, BAR)
    foreign = order[:, 0] == FOREIGN
    np.testing.assert_array_equal(order[~foreign] - order[~foreign, :1], np.tile(np.arange(BAR), ((~foreign).sum(), 1)))
    assert (order[~foreign, 0] % BAR == 0).all()
    assert (order[foreign] == FOREIGN).all()
    assert foreign.sum() in {0, 4, 8}
    assert len(np.unique(order[~foreign])) * 2 >= song.steps * min(1, 8 / bars)


@given(SEEDS, st.integers(1, 40))
def test_without_hardness_all_is_played_once_in_order(seed: int, bars: int) -> None:
    song = make_song(0, bars=bars)
    np.testing.assert_array_equal(play_order(song, np.random.default_rng(seed), 0.0), np.arange(song.steps))


@given(SEEDS)
def test_a_short_song_is_played_whole_but_for_what_is_foreign(seed: int) -> None:
    song = make_song(0, bars=7)
    order = play_order(song, np.random.default_rng(seed), 1.0)
    np.testing.assert_array_equal(order[order != FOREIGN], np.arange(song.steps))


@given(SEEDS, st.floats(0, 1), st.integers(40, 800), st.floats(0.2, 1.4))
def test_a_whole_cover_ends_where_the_song_does(seed: int, h: float, played: int, beat: float) -> None:
    at = time_map(played, beat, 5.4, None, np.random.default_rng(seed), h)
    assert at[0] == 0
    assert at[-1] == pytest.approx(played)
    speed = np.diff(at)
    assert speed.min() > 0
    assert speed.max() / speed.min() <= np.exp(0.1 * h) + 1e-9  # drifts by 5 % either way
    seconds = (len(at) - 1) / 5.4
    assert 0.2 - 0.2 <= seconds / (played / 4) <= 1.4 + 0.2


@given(SEEDS, st.integers(1, 300))
def test_a_stretch_is_part_of_the_whole(seed: int, longest: int) -> None:
    whole = time_map(400, 0.5, 5.4, None, np.random.default_rng(seed), 0.5)
    part = time_map(400, 0.5, 5.4, longest, np.random.default_rng(seed), 0.5)
    assert len(part) == min(longest, len(whole) - 1) + 1
    start = int(np.searchsorted(whole, part[0]))
    np.testing.assert_array_equal(part, whole[start : start + len(part)])
