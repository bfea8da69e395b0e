"""The grid: which notes are on it, and the cells and stretches that are made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from songs import BAR, make_song

from covsearch.errors import ArtefactError
from covsearch.synthesis.song import LAYERS, LONGEST_NOTE, Song, on_grid

POSITIONS = st.floats(-40, 140, allow_nan=False)


@given(st.lists(st.tuples(POSITIONS, st.floats(0, 60), st.integers(0, 127), st.integers(0, 3)), max_size=30))
def test_notes_on_the_grid_are_the_rounded_ones_that_begin_on_it(rows: list[tuple[float, float, int, int]]) -> None:
    steps, slow = 96, []
    for start, length, pitch, layer in rows:
        first = round(start)  # to even, as NumPy does
        last = min(max(round(start + length), first + 1), first + LONGEST_NOTE, steps)
        if 0 <= first < last:
            slow.append((first, last - first, pitch, layer))
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    pitch, layer = table[:, 2].astype(np.int64), table[:, 3].astype(np.int64)
    notes = on_grid(table[:, 0], table[:, 0] + table[:, 1], pitch, np.ones(len(rows)), layer, steps)
    made = zip(*(x.tolist() for x in (notes.start, notes.length, notes.pitch, notes.layer)), strict=True)
    assert list(made) == sorted(slow, key=lambda row: row[0])


def test_a_song_refuses_no_notes_and_notes_before_its_beginning() -> None:
    song = make_song(0)
    none = on_grid(np.zeros(0), np.zeros(0), song.notes.pitch[:0], np.zeros(0), song.notes.layer[:0], song.steps)
    with pytest.raises(ArtefactError, match="song 0: a song needs notes, there are none"):
        replace(song, notes=none)
    early = replace(song.notes, start=song.notes.start - 1)
    with pytest.raises(ArtefactError, match="song 0: notes reach beyond the song's 192 steps"):
        replace(song, notes=early)
    silent = replace(song.notes, length=song.notes.length * 0)
    with pytest.raises(ArtefactError, match="notes reach beyond"):
        replace(song, notes=silent)


def test_a_layers_share_is_of_the_steps_it_sounds_in() -> None:
    song = make_song(0)
    halved = replace(song, notes=replace(song.notes, length=np.maximum(song.notes.length // 2, 1)))
    for k in range(len(LAYERS)):
        own = np.flatnonzero(halved.notes.layer == k)
        steps = {int(halved.notes.start[i]) + age for i in own for age in range(int(halved.notes.length[i]))}
        assert halved.cells.share[k] == pytest.approx(len(steps) / halved.steps)
    assert [halved.cells.share[k] for k in range(4)] == [0.5, 0, 0.5, 0.5]
    assert halved.cells.note[halved.cells.first].tolist() == list(range(len(halved.notes)))


@given(st.integers(0, 191), st.integers(0, 191))
def test_the_cells_within_a_stretch_are_all_that_sound_in_it(one: int, other: int) -> None:
    start, end = min(one, other), max(one, other) + 1
    song = make_song(1)
    some = np.arange(len(song.cells.step))[song.cells.within(song.notes, start, end)]
    sounding = np.flatnonzero((song.cells.step >= start) & (song.cells.step < end))
    assert set(sounding.tolist()) <= set(some.tolist())
    reach = LONGEST_NOTE + 1
    assert ((song.cells.step[some] >= start - reach) & (song.cells.step[some] < end + reach)).all()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_the_stretches_of_harmony_are_the_chords(kinds: list[int]) -> None:
    chords = np.array([(-1,) * 5, (0, 4, 7, -1, 0), (7, 11, 2, 5, 7)], dtype=np.int8)
    song = replace(make_song(0), chords=np.repeat(chords[np.resize(kinds, 12)], BAR, axis=0))
    harmony = song.harmony
    np.testing.assert_array_equal(np.repeat(harmony.kinds[harmony.which], harmony.length, axis=0), song.chords)
    assert (harmony.which[1:] != harmony.which[:-1]).all()  # as few stretches as can be
    assert len(harmony.kinds) == len(set(kinds[:12]))


def test_songs_are_equal_to_themselves_alone() -> None:
    song = make_song(0)
    same = Song(song.name, song.steps, song.beat, song.bar, song.notes, song.chords)
    assert song == song
    assert song != same
