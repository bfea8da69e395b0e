"""Windows leave nothing out and know whose they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from covsearch.features.windows import HOP, LENGTH, cut, window_starts


@given(frames=st.integers(1, 2000), length=st.integers(1, 400), hop=st.integers(1, 400))
def test_windows_cover_every_frame_in_order_and_stay_inside(frames: int, length: int, hop: int) -> None:
    hop = min(hop, length)
    starts = window_starts(frames, length, hop).tolist()
    heard: set[int] = set()
    for start in starts:
        heard |= set(range(start, min(start + length, frames)))
    assert heard == set(range(frames))
    assert starts == sorted(set(starts))
    assert starts[-1] == max(0, frames - length)
    assert starts[:-1] == list(range(0, starts[-1], hop))


def test_a_track_no_longer_than_a_window_is_one_window() -> None:
    assert window_starts(1).tolist() == window_starts(LENGTH).tolist() == [0]
    assert window_starts(LENGTH + 1).tolist() == [0, 1]
    assert window_starts(LENGTH + HOP).tolist() == [0, HOP]


@given(st.lists(st.integers(1, 2000), max_size=20))
def test_the_windows_of_many_tracks_are_those_of_each(tracks: list[int]) -> None:
    cuts = cut(tracks)
    assert cuts.first[0] == 0
    assert len(cuts.first) == len(tracks) + 1
    for i, frames in enumerate(tracks):
        own = cuts.start[cuts.first[i] : cuts.first[i + 1]]
        assert own.tolist() == window_starts(frames).tolist()
    assert cuts.first[-1] == len(cuts.start)
