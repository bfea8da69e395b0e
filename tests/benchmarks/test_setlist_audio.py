"""Concerts of sound: where songs lie in them, and the table of what was found."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audio_concerts import RATE, AudioConcert, Samples, make_audio_concert
from benchmarks.setlist import drawn
from benchmarks.setlist_audio import Heard, markdown, total
from covsearch.dataset.sample import sample_split
from covsearch.evaluate.setlist import PlayedStretch, score_setlist

KNOWN = {f"W_{n}": f"P_{n}" for n in range(1, 14)}


def play(pid: str, faster: float, up: int) -> Samples:
    """A song is a constant that says which one it is."""
    assert -5 <= up <= 6
    assert abs(np.log(faster)) <= 0.08
    return np.full(round(12 * RATE / faster), int(pid[2:]) / 20, np.float32)


def concert(seed: int) -> AudioConcert:
    return make_audio_concert(KNOWN, ["P_19"], play, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(4))
def test_every_song_is_played_where_the_concert_says(seed: int) -> None:
    made = concert(seed)
    assert made.unknown == 1
    assert 12 <= len(made.played) <= 13
    assert len({song.work for song in made.played}) == len(made.played)
    for song in made.played:
        middle = round((song.start + song.end) / 2 * RATE)
        heard = np.median(made.samples[middle - 200 : middle + 200])
        assert heard == pytest.approx(int(song.work[2:]) / 20, abs=0.02)
        assert 11 < song.end - song.start < 13.1
    for before, after in zip(made.played, made.played[1:], strict=False):
        assert after.start > before.end - 5  # no fade is longer
    assert made.seconds > made.played[-1].end - 0.01
    assert np.abs(made.samples).max() <= 1


def test_a_concert_depends_on_its_seed_alone() -> None:
    assert np.array_equal(concert(1).samples, concert(1).samples)
    assert concert(1).played == concert(1).played != concert(2).played


def test_one_version_a_work_is_drawn_and_single_ones_are_unknown() -> None:
    test = list(sample_split().test)
    elsewhere = next(iter(sample_split().train))
    work = {"P_1": test[0], "P_2": test[0], "P_3": test[1], "P_4": elsewhere}
    known, unknown = drawn(work, "test", 0)
    assert list(known) == [test[0]]
    assert known[test[0]] in ("P_1", "P_2")
    assert unknown == ["P_3"]


def test_the_table_has_all_concerts_and_two_hours() -> None:
    played = [PlayedStretch(0, 30, "a"), PlayedStretch(40, 70, "b")]
    good = score_setlist(played, [PlayedStretch(1, 30, "a")])
    none = score_setlist(played, [])
    heard = [Heard(1200.0, 4, good, 3.0, 5.0), Heard(2400.0, 2, none, 6.0, 7.0)]
    lines = markdown("test", 7, heard).splitlines()
    assert lines[2] == "| concert 1 | 20.0 | 2 | 4 | 1 | 1 | 1.000 | 0.500 | 0.667 | 0.50 | 0.50 | 3.0 | 5.0 |"
    assert lines[3].startswith("| concert 2 | 40.0 | 2 | 2 | 0 | 0 | 1.000 | 0.000 | 0.000 |  |  | 6.0 |")
    assert lines[4].startswith("| all concerts | 60.0 | 4 | 6 | 1 | 1 | 1.000 | 0.250 | 0.400 |")
    assert lines[-2:] == ["Two hours at this pace: 18 s to decode and make chroma,", "24 s for the setlist."]
    assert total(heard).length == 3600
