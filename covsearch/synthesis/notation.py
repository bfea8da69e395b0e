"""Songs in files that hold notes: MIDI and MusicXML, a tune alone or a full score."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from covsearch.errors import ArtefactError
from covsearch.guard.files import RefusedError, read_bytes
from covsearch.synthesis.chords import NOTHING
from covsearch.synthesis.midi import read_midi
from covsearch.synthesis.musicxml import MAX_BYTES
from covsearch.synthesis.partwise import Score, read_score
from covsearch.synthesis.song import HIGH, MELODY, STEPS_A_BEAT, Song, on_grid
from covsearch.synthesis.suffixes import MIDI_SUFFIXES

SLOWEST, FASTEST = 10.0, 1_000.0  # quarter notes a minute
USUAL = 120.0  # where none is written: what players of MusicXML take


def read_notation(path: Path) -> Song:
    """The song in a MIDI or MusicXML file.

    Raises
    ------
    ArtefactError
        When the file is damaged, too large, or holds no notes.
    MissingExtraError
        For MIDI without the extra ``scores``.
    """
    return read_midi(path) if path.suffix.lower() in MIDI_SUFFIXES else read_musicxml(path)


def read_musicxml(path: Path) -> Song:
    """One ``.musicxml``, ``.xml`` or packed ``.mxl`` file as a song, with its repeats played.

    The part with the highest median pitch is the melody; the others are accompaniment.

    Raises
    ------
    ArtefactError
        For a file that is no MusicXML by parts, too large, or has no notes.
    """
    try:
        return _song(path.stem, read_score(read_bytes(path, MAX_BYTES)))
    except RefusedError as e:
        raise ArtefactError(f"{path}: is no MusicXML file that can be read: {e}") from e


def _song(name: str, score: Score) -> Song:
    rows = np.array([(*note, part) for part, notes in enumerate(score.parts) for note in notes])
    part, loudness = rows[:, 3], np.full(len(rows), 0.8)
    melody = max(np.unique(part).tolist(), key=lambda one: float(np.median(rows[part == one, 2])))
    start, end = rows[:, 0] * STEPS_A_BEAT, (rows[:, 0] + rows[:, 1]) * STEPS_A_BEAT
    steps = max(STEPS_A_BEAT, int(np.ceil(end.max() / STEPS_A_BEAT)) * STEPS_A_BEAT)
    layer = np.where(part == melody, MELODY, HIGH)
    notes = on_grid(start, end, rows[:, 2].astype(np.int64), loudness, layer, steps)
    beat = 60 / min(max(score.tempo or USUAL, SLOWEST), FASTEST)
    return Song(name, steps, beat, 4 * STEPS_A_BEAT, notes, np.full((steps, 5), NOTHING, dtype=np.int8))
