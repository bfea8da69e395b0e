"""Who plays what in a cover: layers of notes and accompaniment, mixed and given an instrument's partials."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from covsearch.synthesis.harmony import accompany, reharmonise
from covsearch.synthesis.song import HIGH, LAYERS, LONGEST_NOTE, LOW, MELODY, SECOND, Song

_CHORDS, _BASS = len(LAYERS), len(LAYERS) + 1
PARTS = len(LAYERS) + 2
PARTIALS = np.array([0, 0, 7, 0, 4, 7, 10, 0])  # pitch classes of the first eight partials above a tone
_ABOVE = np.eye(12)[PARTIALS]  # (8, 12)
_BELOW = np.eye(12)[-PARTIALS % 12]
_CIRCULANT = (np.arange(12)[None, :] - np.arange(12)[:, None]) % 12
_RINGS = np.array([1, 2, 4, 24, 24, 24])  # steps after which a note is damped
_AGES = np.arange(LONGEST_NOTE)
# a tone in passing: to a neighbour a semitone or a tone away
_NEIGHBOURS = np.array([-2, -1, 1, 2])


class Mix(NamedTuple):
    """How loud each of the six parts is, and which of them are low instruments; both shape (6,)."""

    gain: NDArray[np.float64]
    low: NDArray[np.bool_]


def arrange(
    song: Song, rng: np.random.Generator, h: float, start: int = 0, end: int | None = None
) -> NDArray[np.float32]:
    """Render a stretch of a song once, in its own key and order, on the grid of steps.

    Parameters
    ----------
    song : Song
    rng : numpy.random.Generator
        Decides everything that makes this arrangement another one than the last.
    h : float
        Hardness in [0, 1].
    start, end : int
        The steps from `start` up to `end`; by default the whole song.

    Returns
    -------
    NDArray[float32], shape (end - start, 12)
        Energy of each pitch class at each step, C = 0, never negative.
    """
    end = song.steps if end is None else end
    mix = _mix(song, rng, h)
    cells, loudness = _note_cells(song, rng, h, mix.gain, start, end)
    if mix.gain[_CHORDS] > 0:
        chords, loud, bass, bass_loud = accompany(reharmonise(song, rng, h)[start:end], rng)
        for part, where, values in ((_CHORDS, chords, loud), (_BASS, bass, bass_loud)):
            cells = np.concatenate([cells, where // 12 * (PARTS * 12) + where % 12 + part * 12])
            level = mix.gain[part] * 12 * (end - start) / (values.sum() + 1e-9)
            loudness = np.concatenate([loudness, values * level])
    rolls = np.bincount(cells, loudness, (end - start) * PARTS * 12).astype(np.float32).reshape(end - start, -1)
    timbre = kernels(rng, mix.low, rng.uniform(0.5, 0.85, PARTS), np.full(PARTS, rng.uniform(0.45, 0.75)))
    played: NDArray[np.float32] = rolls @ timbre.reshape(-1, 12).astype(np.float32)
    return played


def _mix(song: Song, rng: np.random.Generator, h: float) -> Mix:
    """Gains: the melody may be absent, the song's own accompaniment may give way to one made from the chords."""
    gain = np.zeros(PARTS)
    there = np.bincount(song.notes.layer, minlength=len(LAYERS)) > 0
    gain[MELODY] = (rng.random() >= 0.12 * h) * np.exp(rng.normal(0, 0.15 + 0.5 * h)) * rng.uniform(0.5, 1.5)
    gain[SECOND] = _one_of(rng, 0, rng.uniform(0.1, 1))
    accompanied = bool(there[HIGH] or there[LOW])
    mode = rng.random()
    if accompanied and mode < 1 - 0.55 * h:
        gain[HIGH], gain[LOW] = rng.uniform(0.3, 1.2), rng.uniform(0.2, 1.2)
    elif accompanied or mode < 0.3 + 0.5 * h:  # a tune alone is played alone more often than not
        gain[_CHORDS] = rng.uniform(0.3, 1.3)
    if accompanied and mode > 0.8 - 0.5 * h:
        gain[_CHORDS] = rng.uniform(0.3, 1.3)
    gain[_BASS] = gain[_CHORDS] * rng.uniform(0.2, 1.5)
    gain[: len(LAYERS)] *= there
    if gain[MELODY] < 0.3 and np.delete(gain, MELODY).max() < 0.3:
        gain[MELODY] = 1.0
    low = np.zeros(PARTS, dtype=bool)
    low[[LOW, _BASS]] = True
    return Mix(gain, low)


def _note_cells(
    song: Song, rng: np.random.Generator, h: float, gain: NDArray[np.float64], start: int, end: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The song's own notes, each louder, shorter, earlier, later, ornamented or left out by chance.

    Places in an (end - start, 6, 12) array and the loudness there; a layer's mean over the steps it sounds in is its
    gain.
    """
    notes, cells = song.notes, song.cells
    missing = np.zeros(len(LAYERS))
    missing[MELODY] = _one_of(rng, 0, 0.05, 0.2) * h
    missing[SECOND] = _one_of(rng, 0, 0.2)
    missing[HIGH] = _one_of(rng, 0, 0.1, 0.4) * h
    missing[LOW] = _one_of(rng, 0, 0.1)
    decay = rng.uniform([0, 0.05, 0.3], [0.05, 0.3, 0.8])[rng.integers(3, size=len(LAYERS))]
    rings = _RINGS[rng.integers(len(_RINGS), size=len(LAYERS))]
    fading = np.where(rings[:, None] > _AGES, np.exp(-decay[:, None] * _AGES), 0).reshape(-1)  # layer * 24 + age
    loud = notes.velocity * np.exp(0.3 * rng.standard_normal(len(notes), dtype=np.float32))
    loud *= rng.random(len(notes), dtype=np.float32) >= missing[notes.layer]
    some = cells.within(notes, start, end)
    note, layer_age = cells.note[some], cells.layer_age[some]
    where = (cells.step[some] - start) * (PARTS * 12) + _place(song, rng, h)[note]
    loudness = loud[note] * fading[layer_age]
    loudness *= (where >= 0) & (where < (end - start) * PARTS * 12)
    where = np.clip(where, 0, (end - start) * PARTS * 12 - 1)
    total = np.bincount(layer_age // LONGEST_NOTE, loudness, len(LAYERS))
    scale = gain[: len(LAYERS)] * 12 * cells.share * (end - start) / np.maximum(total, 1e-9)
    return where, loudness * np.repeat(scale, LONGEST_NOTE)[layer_age]


def _place(song: Song, rng: np.random.Generator, h: float) -> NDArray[np.int64]:
    """Where each note sounds within a step's 6 x 12 cells; the melody syncopated, and off the beat ornamented."""
    notes = song.notes
    pitch, moved = notes.pitch, np.zeros(len(notes), dtype=np.int64)
    early, passing = _one_of(rng, 0, 0.1, 0.3) * h, _one_of(rng, 0, 0.1, 0.3) * h
    if early or passing:
        melody = notes.layer == MELODY
        inside = melody & (notes.start > 0) & (notes.start + notes.length < song.steps)
        moved = np.where(inside & (rng.random(len(notes)) < early), rng.integers(-1, 2, len(notes)), 0)
        weak = melody & (notes.start % 4 != 0) & (rng.random(len(notes)) < passing)
        pitch = pitch + np.where(weak, _NEIGHBOURS[rng.integers(len(_NEIGHBOURS), size=len(notes))], 0)
    return moved * (PARTS * 12) + notes.layer * 12 + pitch % 12


def _one_of(rng: np.random.Generator, *values: float) -> float:
    """One of the values, all as likely; ``Generator.choice`` takes 20 times as long."""
    return values[int(rng.integers(len(values)))]


def kernels(
    rng: np.random.Generator, low: NDArray[np.bool_], partials: NDArray[np.float64], decay: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What HPCP shows of one tone: its partials, and the subharmonics that HPCP adds to each.

    Parameters
    ----------
    rng : numpy.random.Generator
    low : NDArray[bool], shape (K,)
        The fundamental of a low instrument lies below HPCP's 100 Hz and is weak.
    partials : NDArray[float64], shape (K,)
        Each partial is so much as strong as the one before.
    decay : NDArray[float64], shape (K,)
        The same for HPCP's subharmonics.

    Returns
    -------
    NDArray[float64], shape (K, 12, 12)
        ``energy @ kernel`` maps sounding pitch classes to HPCP; circulant, rows sum to 1.

    References
    ----------
    Gómez, "Tonal description of polyphonic audio for music content processing" (2006), section on HPCP's harmonic
    weighting.
    """
    strength = partials[:, None] ** np.arange(8) * np.exp(rng.normal(0, 0.2, (len(low), 8)))  # (K, 8)
    strength[:, 0] *= np.where(low, rng.uniform(0, 0.6, len(low)), 1)
    weight = decay[:, None] ** np.arange(8)
    above = strength / strength.sum(axis=1, keepdims=True) @ _ABOVE  # (K, 12)
    below = weight / weight.sum(axis=1, keepdims=True) @ _BELOW
    tone = np.fft.irfft(np.fft.rfft(above) * np.fft.rfft(below), 12)
    return tone[:, _CIRCULANT]
