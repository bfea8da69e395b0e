"""Concerts that are put together: what is said to be played is played there."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.concerts import LEAST, MOST, UNKNOWN, Frames, make_concert
from benchmarks.setlist import Run, markdown, recipe_of, score_dict, total
from covsearch.evaluate.setlist import PlayedStretch, score_setlist
from covsearch.setlist import SetlistRecipe

RATE = 10.0


def tone(pitch: int, frames: int = 400) -> Frames:
    return np.repeat(np.eye(12, dtype=np.float32)[[pitch]], frames, axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_where_a_song_is_said_to_be_it_is(seed: int) -> None:
    """Every song is one tone: inside of it that tone is the loudest, but where another song fades in or out."""
    known = {f"W_{k}": [tone(k % 12)] for k in range(30)}
    concert = make_concert(known, [tone(0, 300)] * 6, RATE, np.random.default_rng(seed))
    assert LEAST <= len(concert.played) <= MOST
    assert concert.unknown == UNKNOWN
    assert len({song.work for song in concert.played}) == len(concert.played)
    for song in concert.played:
        assert 400 / 1.09 <= (song.end - song.start) * RATE <= 400 * 1.09
        frames = concert.chroma[round((song.start + 5.1) * RATE) : round((song.end - 5.1) * RATE)]
        loudest = np.bincount(frames.argmax(axis=1), minlength=12)
        assert loudest.max() > 0.95 * len(frames)  # noise is louder now and then
        assert frames.max(axis=1).tolist() == [1.0] * len(frames)


def test_a_seed_gives_one_concert() -> None:
    known = {f"W_{k}": [tone(k % 12)] for k in range(30)}
    a, b, c = (make_concert(known, [tone(0)] * 6, RATE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.chroma, b.chroma)
    assert a.played == b.played != c.played


def test_the_table_has_every_recording_and_all_together() -> None:
    known = {f"W_{k}": [tone(k % 12)] for k in range(30)}
    concert = make_concert(known, [tone(0)] * 6, RATE, np.random.default_rng(0))
    right = Run(concert, score_setlist(concert.played, concert.played), 2.0, 3.0)
    wrong = Run(concert, score_setlist(concert.played, [PlayedStretch(0, 1, "x")]), 1.0, 1.5)
    n = len(concert.played)
    assert score_dict(wrong.score)["boundary_error_median"] is None
    both = total([right.score, wrong.score])
    assert (both.right, both.played) == (n, 2 * n)
    table = markdown("test", 5, [right, wrong], right).splitlines()
    assert [line.split(" | ")[0] for line in table[2:6]] == [
        "| concert 1",
        "| concert 2",
        "| all concerts",
        "| two hours",
    ]
    assert table[4].endswith(f"| {2 * n} | 8 | {n + 1} | {n} | {n / (n + 1):.3f} | 0.500 | "
                             f"{2 * n / (3 * n + 1):.3f} | 0.00 | 0.00 | 3.0 | 4.5 |")  # fmt: skip


def test_a_recipe_is_changed_by_name() -> None:
    assert recipe_of([]) == SetlistRecipe()
    changed = recipe_of(["kept=6", "windows=20,60", "least=0.2"])
    assert (changed.kept, changed.windows, changed.least, changed.keys) == (6, (20.0, 60.0), 0.2, SetlistRecipe().keys)
