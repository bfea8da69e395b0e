"""Windows leave nothing out and know whose they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import FeatureConfig
from covsearch.errors import UsageError
from covsearch.features.frames import prepare, seen_rate
from covsearch.features.windows import WindowRecipe, cut


@given(frames=st.integers(1, 2000), length=st.integers(1, 400), hop=st.integers(1, 400))
def test_windows_cover_every_frame_in_order_and_stay_inside(frames: int, length: int, hop: int) -> None:
    hop = min(hop, length)
    starts = WindowRecipe(2.7, length, hop).starts(frames).tolist()
    heard: set[int] = set()
    for start in starts:
        heard |= set(range(start, min(start + length, frames)))
    assert heard == set(range(frames))
    assert starts == sorted(set(starts))
    assert starts[-1] == max(0, frames - length)
    assert starts[:-1] == list(range(0, starts[-1], hop))


def test_a_track_no_longer_than_a_window_is_one_window() -> None:
    recipe = WindowRecipe(2.7, length=100, hop=30)
    assert recipe.starts(1).tolist() == recipe.starts(100).tolist() == [0]
    assert recipe.starts(101).tolist() == [0, 1]
    assert recipe.starts(130).tolist() == [0, 30]


@given(st.lists(st.integers(1, 2000), max_size=20))
def test_the_windows_of_many_tracks_are_those_of_each_in_seconds(tracks: list[int]) -> None:
    recipe = WindowRecipe(2.5)
    cuts = cut(tracks, recipe)
    assert cuts.first[0] == 0
    assert len(cuts.first) == len(tracks) + 1
    for i, frames in enumerate(tracks):
        own = cuts.start[cuts.first[i] : cuts.first[i + 1]]
        np.testing.assert_allclose(own, recipe.starts(frames) / 2.5)
    assert cuts.first[-1] == len(cuts.start)


def test_the_default_is_two_minutes_at_the_rate_that_it_is_meant_for() -> None:
    assert WindowRecipe(44_100 / 512 / 32).seconds == pytest.approx(133.75, abs=0.01)


@pytest.mark.parametrize(("length", "hop", "rate"), [(10, 11, 1), (10, 0, 1), (0, 0, 1), (10, 5, 0), (10, 5, np.nan)])
def test_recipes_that_leave_something_out_are_refused(length: int, hop: int, rate: float) -> None:
    with pytest.raises(UsageError, match=r"leaves frames out|rate of windows must be a positive"):
        WindowRecipe(rate, length, hop)


@given(rate=st.floats(0.5, 12), frame_rate=st.floats(1, 90), seconds=st.integers(60, 200))
def test_the_seen_rate_is_that_of_the_frames_made(rate: float, frame_rate: float, seconds: int) -> None:
    config = FeatureConfig("hpcp", frames=10**6, rate=rate)
    stored = np.ones((round(seconds * frame_rate), 12), np.float32)
    made = prepare({"hpcp": stored}, config, frame_rate)
    assert len(made) / seen_rate(config, frame_rate) == pytest.approx(seconds, abs=1 + 1 / rate + 1 / frame_rate)


def test_without_a_frame_rate_there_is_none_to_see() -> None:
    with pytest.raises(UsageError, match="this one sees every track in at most 128 frames"):
        seen_rate(FeatureConfig("hpcp", 128), 10.8)
