"""A song's notes as chroma, note by note."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from covsearch.errors import ArtefactError
from covsearch.synthesis.chords import NOTHING
from covsearch.synthesis.plain import RATE, plain_chroma
from covsearch.synthesis.song import MELODY, Song, on_grid


def tune(pitches: list[int], start: list[float], length: float = 4, beat: float = 0.5) -> Song:
    steps = int(max(start) + length)
    starts = np.array(start, dtype=float)
    count = len(pitches)
    notes = on_grid(starts, starts + length, np.array(pitches), np.full(count, 0.8), np.full(count, MELODY), steps)
    return Song("tune", steps, beat, 16, notes, np.full((steps, 5), NOTHING, dtype=np.int8))


def test_a_note_sounds_from_its_begin_to_its_end_and_rests_are_silent() -> None:
    chroma = plain_chroma(tune([60, 67], [0, 8]))
    assert chroma.shape == (int(1.5 * RATE), 12)
    at = lambda seconds: chroma[int(seconds * RATE)]  # noqa: E731
    assert at(0.2).argmax() == 0
    assert not at(0.75).any()
    assert at(1.2).argmax() == 7
    assert at(0.2).max() == at(1.2).max() == 1


def test_every_pitch_class_sounds_alike_but_for_where_it_is() -> None:
    tones = [plain_chroma(tune([60 + k], [0]))[0] for k in range(12)]
    for k, tone in enumerate(tones):
        np.testing.assert_allclose(np.roll(tone, -k), tones[0], atol=1e-6)
    order = np.argsort(-tones[0]).tolist()
    assert order[0] == 0
    assert set(order[1:3]) == {5, 7}  # the fifth above, and the one whose third partial it is


def test_the_tempo_is_the_songs_own() -> None:
    song = tune([60, 62, 64, 65], [0, 4, 8, 12])
    slow = plain_chroma(replace(song, beat=1.0))
    assert len(slow) == pytest.approx(2 * len(plain_chroma(song)), abs=1)


def test_a_song_of_hours_is_refused() -> None:
    with pytest.raises(ArtefactError, match=r"tune: lasts 4\.4 hours; at most 3 are read"):
        plain_chroma(tune([60], [16_000], beat=4.0))
