"""Concerts put together from recordings: songs in other keys and tempi, applause, cross-fades, unknown songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.evaluate.setlist import PlayedStretch

Frames = NDArray[np.float32]
"""Chroma (T, 12), the highest value of a frame 1, as HPCP has it."""

LEAST, MOST = 12, 20  # songs of a concert
UNKNOWN = 4  # songs between them that the index does not have
TEMPO = 0.08  # a song is played at most so much faster or slower
NOISE = 0.15  # mean of what the hall adds to every pitch class
APPLAUSE, SILENCE, FADE = (3.0, 18.0), (1.0, 8.0), (1.0, 5.0)  # seconds


@dataclass(frozen=True, eq=False)
class Concert:
    """A long recording, and what is played in it.

    Attributes
    ----------
    chroma : NDArray[float32], shape (T, 12)
    rate : float
        Frames/s.
    played : tuple of PlayedStretch
        The songs whose work is in the index, in the order of time; the seconds of a cross-fade belong to both songs.
    unknown : int
        Songs beside these.
    """

    chroma: Frames
    rate: float
    played: tuple[PlayedStretch, ...]
    unknown: int


def make_concert(
    known: Mapping[str, Sequence[Frames]], unknown: Sequence[Frames], rate: float, rng: np.random.Generator
) -> Concert:
    """One concert.

    Parameters
    ----------
    known : mapping
        Work -> recordings of it that are not in the index, at least one.
    unknown : sequence of NDArray[float32], shapes (T_i, 12)
        Recordings of works that the index does not have.
    rate : float
        Frames/s of all.
    rng : numpy.random.Generator
    """
    works = rng.choice(sorted(known), min(int(rng.integers(LEAST, MOST + 1)), len(known)), replace=False).tolist()
    strangers = rng.choice(len(unknown), min(UNKNOWN, len(unknown)), replace=False).tolist()
    programme: list[tuple[str, Frames]] = [(work, known[work][int(rng.integers(len(known[work])))]) for work in works]
    programme += [("", unknown[k]) for k in strangers]
    chroma, played = _applause(rate, rng), []
    for place in rng.permutation(len(programme)).tolist():
        work, recording = programme[place]
        song = _played(recording, rng)
        fade = int(rate * rng.uniform(*FADE)) if rng.random() < 0.3 else 0
        start = max(len(chroma) - fade, 0)
        chroma = _joined(chroma, song, fade)
        if work:
            played.append(PlayedStretch(start / rate, len(chroma) / rate, work))
        chroma = np.concatenate([chroma, *_between(rate, rng)])
    return Concert(_in_the_hall(chroma, rng), rate, tuple(played), len(strangers))


def _played(recording: Frames, rng: np.random.Generator) -> Frames:
    """A recording in another key, a little faster or slower."""
    length = max(2, round(len(recording) * np.exp(rng.uniform(-TEMPO, TEMPO))))
    at = np.linspace(0, len(recording) - 1, length)
    before = np.minimum(at.astype(np.int64), len(recording) - 2)
    share = (at - before)[:, None].astype(np.float32)
    song = recording[before] * (1 - share) + recording[before + 1] * share
    return np.roll(song, int(rng.integers(12)), axis=1)


def _between(rate: float, rng: np.random.Generator) -> list[Frames]:
    """What comes between two songs: applause, silence, both, or nothing."""
    pieces = []
    if rng.random() < 0.6:
        pieces.append(_applause(rate, rng))
    if rng.random() < 0.4:
        pieces.append(np.zeros((int(rate * rng.uniform(*SILENCE)), 12), np.float32))
    return pieces


def _applause(rate: float, rng: np.random.Generator) -> Frames:
    """Noise without pitch: every pitch class alike but for chance."""
    frames = rng.gamma(4.0, 1.0, (max(1, int(rate * rng.uniform(*APPLAUSE))), 12))
    return np.asarray(frames / frames.max(axis=1, keepdims=True), np.float32)


def _joined(before: Frames, after: Frames, fade: int) -> Frames:
    """One after the other; in the last `fade` frames the first grows softer and the second louder."""
    fade = min(fade, len(before), len(after))
    if not fade:
        return np.concatenate([before, after])
    louder = np.linspace(0, 1, fade, dtype=np.float32)[:, None]
    mixed = before[-fade:] * (1 - louder) + after[:fade] * louder
    return np.concatenate([before[:-fade], mixed, after[fade:]])


def _in_the_hall(chroma: Frames, rng: np.random.Generator) -> Frames:
    """With noise over all that sounds, the highest value of each frame 1 again."""
    sounds = chroma.any(axis=1, keepdims=True)
    noisy = chroma + np.where(sounds, rng.exponential(NOISE, chroma.shape), 0)
    top = noisy.max(axis=1, keepdims=True)
    return np.asarray(np.divide(noisy, top, out=np.zeros_like(noisy), where=top > 0), np.float32)
