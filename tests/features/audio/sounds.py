"""Sounds that the tests make up, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 44_100


def tones(seconds: float, seed: int = 0, rate: int = RATE, detuned: float = 0.0) -> NDArray[np.float32]:
    """Chords of four notes with six partials and a little noise, a new one every 0.4 s; `detuned` in semitones."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(time))
    for start in np.arange(0.0, seconds, 0.4):
        chord = slice(round(start * rate), round((start + 0.4) * rate))
        here = time[chord]
        for pitch in rng.integers(-21, 15, 4):
            base = 440 * 2 ** ((pitch + detuned) / 12)
            for partial in range(1, 7):
                wave = np.sin(2 * np.pi * base * partial * here + rng.uniform(0, 6))
                sound[chord] += 0.1 / partial * wave * np.exp(-3 * (here - start))
    return (sound + rng.normal(0, 1e-3, len(time))).astype(np.float32)


def write(path: Path, samples: NDArray[np.floating], rate: int = RATE, subtype: str | None = None) -> Path:
    """Write samples (N,) or (N, C), in short blocks: libsndfile's Vorbis encoder overflows its stack on long ones."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    form = {".opus": "OGG"}.get(path.suffix)
    subtype = subtype or {".opus": "OPUS"}.get(path.suffix)
    with soundfile.SoundFile(path, "w", rate, channels, subtype, format=form) as file:
        for start in range(0, len(samples), rate):
            file.write(samples[start : start + rate])
    return path


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of the frames of (T, 12) and (T', 12), as many as both have; 1 where both are silent."""
    count = min(len(a), len(b))
    a, b = a[:count].astype(np.float64), b[:count].astype(np.float64)
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    silent = ~a.any(axis=1) & ~b.any(axis=1)
    return np.where(silent, 1.0, np.einsum("tf,tf->t", a, b) / np.maximum(sizes, 1e-12))
