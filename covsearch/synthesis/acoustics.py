"""How a batch of covers sounds: key, detuning, vibrato, noise, drums, silence; then frames as HPCP gives them."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from covsearch.synthesis.arrangement import kernels

Batch = NDArray[np.float32]
"""(B, 12, L): pitch before time, so that what is done to all of a pitch's frames is done to one stretch of memory."""


def _column(values: NDArray[np.float64]) -> Batch:
    return values.astype(np.float32)[:, None, None]


def transpose(batch: Batch, semitones: NDArray[np.int64]) -> Batch:
    """Roll each of B covers (B, 12, L) up by its own number of semitones (B,)."""
    source = (np.arange(12)[None, :] - semitones[:, None]) % 12
    rolled: Batch = batch[np.arange(len(batch))[:, None], source]
    return rolled


def _leak(batch: Batch, up: Batch, down: Batch) -> Batch:
    """A share of every pitch class sounds a semitone higher, another lower."""
    return np.asarray(
        (1 - up - down) * batch + up * np.roll(batch, 1, axis=1) + down * np.roll(batch, -1, axis=1), dtype=np.float32
    )


def detune(batch: Batch, rng: np.random.Generator) -> Batch:
    """Tuning between two semitones, a little leakage to both sides, and vibrato that comes and goes."""
    size, length = len(batch), int(batch.shape[2])
    side = rng.random(size) < 0.5
    tuning = rng.uniform(0, rng.choice([0, 0, 0, 0.1], size))
    both = rng.uniform(0, 0.02, size)
    up, down = _column(both + tuning * side), _column(both + tuning * ~side)
    voice = _column((rng.random(size) < 0.4) * rng.uniform(0, 0.06, size))
    vibrato = voice * rng.random((size, 1, length), dtype=np.float32)
    rising = _column((rng.random(size) < 0.5).astype(np.float64))
    return _leak(batch, up + vibrato * rising, down + vibrato * (1 - rising))


def smooth(batch: Batch, past: NDArray[np.float64]) -> Batch:
    """First-order recursive average over time, ``y_t = (1 - a) x_t + a y_{t-1}`` with a = `past` (B,) in [0, 1)."""
    a = past.astype(np.float32)[:, None]
    out = np.ascontiguousarray(batch.transpose(2, 0, 1))  # (L, B, 12): one step is one stretch of memory
    out[1:] *= 1 - a
    for before, now in itertools.pairwise(out):
        now += a * before
    return np.ascontiguousarray(out.transpose(1, 2, 0))


def reverberate(batch: Batch, rng: np.random.Generator) -> Batch:
    """A third of the covers is dry; in the others sound decays over 0.15 to 2 frames."""
    size = len(batch)
    frames = np.stack([np.full(size, 1e-3), rng.uniform(0.15, 0.7, size), rng.uniform(0.7, 2, size)])
    return smooth(batch, np.exp(-1 / frames[rng.integers(3, size=size), np.arange(size)]))


def add_noise(batch: Batch, beat_frames: NDArray[np.float64], rng: np.random.Generator) -> Batch:
    """Coloured noise, in three of five covers pulsing with the beat like drums, and a static colour of the timbre.

    Parameters
    ----------
    batch : NDArray[float32], shape (B, 12, L)
    beat_frames : NDArray[float64], shape (B,)
        Frames of a beat.
    rng : numpy.random.Generator
    """
    size, length = len(batch), int(batch.shape[2])
    soft = np.zeros(size, dtype=bool)
    colour = kernels(rng, soft, np.full(size, 0.7), rng.uniform(0.4, 0.8, size)).astype(np.float32)
    bursts = np.square(rng.standard_exponential((size, 12, length), dtype=np.float32)) / 2
    coloured: Batch = np.asarray(colour.swapaxes(1, 2) @ bursts, dtype=np.float32)
    noise = smooth(coloured, rng.uniform(0, 0.7, size))
    period = np.maximum(beat_frames * rng.choice([1, 2], size), 1.0)
    phase = (np.arange(length)[None] + rng.uniform(0, period)[:, None]) % period[:, None]
    drums = (rng.random(size) < 0.6)[:, None]
    pulse = np.where(drums, 0.5 + rng.uniform(0, 3, size)[:, None] * (phase < 1.2), 1)
    noise *= pulse.astype(np.float32)[:, None, :]
    static = colour.swapaxes(1, 2) @ rng.standard_gamma(1.0, (size, 12, 1)).astype(np.float32) * 12
    share = _column(rng.uniform(0, 0.1, size) * (rng.random(size) < 1 / 3))
    level = _column(0.03 + 0.25 * rng.uniform(0, 1, size) ** 2)
    return np.asarray(batch + share * static + level * noise, dtype=np.float32)


def as_frames(batch: Batch, rng: np.random.Generator) -> Batch:
    """Energies as unit frames: part of the floor taken away, another floor added, compressed or expanded.

    Returns
    -------
    NDArray[float32], shape (B, 12, L)
        Every frame of unit L2 norm, none negative.
    """
    size = len(batch)
    shaped = batch - _column(rng.uniform(0.3, 1, size)) * batch.min(axis=1, keepdims=True)
    shaped += _column(rng.uniform(0, 0.06, size))
    np.power(shaped, _column(rng.uniform(0.6, 1.2, size)), out=shaped)
    shaped /= np.sqrt(np.square(shaped).sum(axis=1, keepdims=True)) + 1e-9
    return np.asarray(shaped, dtype=np.float32)


def interrupt(batch: NDArray[np.float32], lengths: NDArray[np.int64], rng: np.random.Generator) -> None:
    """In three of ten covers (B, L, 12), up to three stretches of 3-20 frames are noise or stand still; in place."""
    for row in np.flatnonzero(rng.random(len(batch)) < 0.3):
        for _ in range(rng.integers(1, 4)):
            width = int(rng.integers(3, 20))
            start = int(rng.integers(max(1, lengths[row] - width)))
            some = batch[row, start : min(start + width, lengths[row])]
            if rng.random() < 0.5:
                some[:] = rng.random(some.shape, dtype=np.float32) / 2
            else:
                some[:] = some.mean(axis=0)
