"""The chroma of a song as it is written: no arrangement, no chance; what a MIDI or MusicXML file is asked with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError
from covsearch.synthesis.arrangement import PARTIALS
from covsearch.synthesis.song import STEPS_A_BEAT, Song

RATE = 4 * SLOW_RATE
"""Frames/s of the chroma, 10.77."""
LONGEST_SECONDS = 3 * 3600.0
_PARTIAL, _SUBHARMONIC = 0.7, 0.6  # each is so much as strong as the one before: the middle of what training draws
_FADING = 0.1  # a note loses so much of its logarithm a step


def plain_chroma(song: Song) -> NDArray[np.float32]:
    """All notes of a song at their written lengths, in its own tempo.

    Returns
    -------
    NDArray[float32], shape (T, 12)
        At :data:`RATE`, bin 0 is C; the highest value of a frame is 1, and rests are zeros.

    Raises
    ------
    ArtefactError
        When it lasts over three hours.
    """
    step = song.beat / STEPS_A_BEAT
    if song.steps * step > LONGEST_SECONDS:
        hours = song.steps * step / 3600
        raise ArtefactError(f"{song.name}: lasts {hours:.1f} hours; at most {LONGEST_SECONDS / 3600:g} are read")
    notes, cells = song.notes, song.cells
    age = cells.step - notes.start[cells.note]
    loudness = notes.velocity[cells.note] * np.exp(-_FADING * age)
    places = cells.step * 12 + notes.pitch[cells.note] % 12
    energy = np.bincount(places, loudness, song.steps * 12).reshape(song.steps, 12) @ _tone()
    at = np.arange(max(1, int(song.steps * step * RATE))) / RATE
    frames = energy[np.minimum((at / step).astype(np.int64), song.steps - 1)]
    top = frames.max(axis=1, keepdims=True)
    return np.asarray(np.divide(frames, top, out=np.zeros_like(frames), where=top > 0), np.float32)


def _tone() -> NDArray[np.float64]:
    """What HPCP shows of each sounding pitch class, (12, 12): its partials, and the subharmonics that HPCP adds."""
    above, below = np.zeros(12), np.zeros(12)
    np.add.at(above, PARTIALS, _PARTIAL ** np.arange(len(PARTIALS)))
    np.add.at(below, -PARTIALS % 12, _SUBHARMONIC ** np.arange(len(PARTIALS)))
    heard = np.array([np.roll(below, shift) for shift in range(12)]).T @ above  # circular convolution
    return np.array([np.roll(heard / heard.sum(), pitch) for pitch in range(12)])
