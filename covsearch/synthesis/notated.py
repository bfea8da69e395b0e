"""Songs from scores with parts: lead sheets with chord symbols, songs for voice and piano, four-part settings."""

from __future__ import annotations

import zlib
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from covsearch.guard.files import RefusedError
from covsearch.synthesis.abc_notation import read_abc
from covsearch.synthesis.chords import NOTHING, estimate_chords
from covsearch.synthesis.invented import accompaniment, notes_of
from covsearch.synthesis.partwise import Score, read_score
from covsearch.synthesis.readings import Row, SongReading, check_steps, checked_song
from covsearch.synthesis.song import HIGH, LOW, MELODY, SECOND, SPLIT_PITCH, STEPS_A_BEAT, Song, on_grid

SLOWEST, FASTEST = 40.0, 240.0  # quarter notes a minute
USUAL = 100.0  # where none is written
_FEWEST_SYMBOLS = 4  # chord symbols of a lead sheet
_LOUDNESS = 0.8


def musicxml_reading(name: str, data: bytes, row: Row) -> SongReading:
    """A MusicXML score; see :data:`~covsearch.synthesis.readings.Reader`."""
    score = read_score(data)
    titles = (row.get("title", ""), *score.titles, PurePosixPath(name).stem.replace("_", " "))
    return SongReading(checked_song(score_song(name, score)), tuple(dict.fromkeys(title for title in titles if title)))


def abc_reading(name: str, data: bytes, row: Row) -> SongReading:
    """An ABC tune of one or several voices; see :data:`~covsearch.synthesis.readings.Reader`."""
    score = read_abc(data)
    titles = (row.get("title", ""), row.get("tune", ""), *score.titles)
    work = row.get("tune_norm", "")
    return SongReading(
        checked_song(score_song(name, score)), tuple(dict.fromkeys(title for title in titles if title)), work
    )


def score_song(name: str, score: Score) -> Song:
    """A score as a song.

    The first part with words is the melody, or the highest without; other parts with words answer it, and the rest is
    accompaniment, split at MIDI pitch 55. One part with chord symbols is a lead sheet: its accompaniment is invented.

    Raises
    ------
    RefusedError
        When it has no notes, or is too short or too long for a song.
    """
    if not any(score.parts):
        raise RefusedError("has no notes")
    steps = max(STEPS_A_BEAT, int(np.ceil(round(score.quarters, 3))) * STEPS_A_BEAT)
    check_steps(steps)  # before it is made
    bar = max(1, round(score.bar * STEPS_A_BEAT))
    melody = _melody(score)
    rows = [
        (onset, onset + length, pitch, _layer(part, pitch, melody, score))
        for part, notes in enumerate(score.parts)
        for onset, length, pitch in notes
    ]
    table = np.array(rows, dtype=np.float64)
    start, end = table[:, 0] * STEPS_A_BEAT, table[:, 1] * STEPS_A_BEAT
    loud = np.full(len(table), _LOUDNESS)
    notes = on_grid(start, end, table[:, 2].astype(np.int64), loud, table[:, 3].astype(np.int64), steps)
    beat = 60 / min(max(score.tempo or USUAL, SLOWEST), FASTEST)
    chords = _symbols(score, steps)
    if chords is None:
        return Song(name, steps, beat, bar, notes, estimate_chords(notes, steps))
    if sum(map(bool, score.parts)) == 1:
        seed = zlib.crc32(name.encode("utf-8", "surrogatepass"))
        notes = notes_of([notes], accompaniment(chords, bar, np.random.default_rng(seed)), steps)
    return Song(name, steps, beat, bar, notes, chords)


def _melody(score: Score) -> int:
    there = [part for part, notes in enumerate(score.parts) if notes]
    sung = [part for part in there if score.sung[part]]
    return sung[0] if sung else max(there, key=lambda part: float(np.median([note[2] for note in score.parts[part]])))


def _layer(part: int, pitch: int, melody: int, score: Score) -> int:
    if part == melody:
        return MELODY
    if score.sung[part]:
        return SECOND
    return LOW if pitch < SPLIT_PITCH else HIGH


def _symbols(score: Score, steps: int) -> NDArray[np.int8] | None:
    """The chord symbols, each until the next; None where there are next to none."""
    if len({chord for _, chord in score.chords if chord != NOTHING}) < 2 or len(score.chords) < _FEWEST_SYMBOLS:
        return None
    chords = np.full((steps, 5), NOTHING, dtype=np.int8)
    for onset, chord in score.chords:
        chords[max(0, round(onset * STEPS_A_BEAT)) :] = chord
    return chords
