"""Concerts as audio: songs played with the sound font, applause, cross-fades, a noisy hall, unknown songs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.concerts import APPLAUSE, FADE, LEAST, MOST, SILENCE, TEMPO, UNKNOWN
from covsearch.evaluate.setlist import PlayedStretch

Samples = NDArray[np.float32]
RATE = 44_100
CLAPS = 60  # a second
LOUD = 0.25  # the loudest clap; songs have 0.9 at most
HALL = 0.004  # standard deviation of the noise over all, -47 dB

Play = Callable[[str, float, int], Samples]
"""A performance's id, how many times as fast, how many semitones higher -> mono at 44.1 kHz, (N,)."""


@dataclass(frozen=True, eq=False)
class AudioConcert:
    """A long recording, and what is played in it.

    Attributes
    ----------
    samples : NDArray[float32], shape (N,)
        Mono at 44.1 kHz.
    played : tuple of PlayedStretch
        As :class:`benchmarks.concerts.Concert` has them.
    unknown : int
        Songs beside these.
    """

    samples: Samples
    played: tuple[PlayedStretch, ...]
    unknown: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE


def make_audio_concert(
    known: Mapping[str, str], unknown: Sequence[str], play: Play, rng: np.random.Generator
) -> AudioConcert:
    """One concert, put together as :func:`benchmarks.concerts.make_concert` does, of sound instead of chroma.

    Parameters
    ----------
    known : mapping
        Work -> the performance of it that the index does not have.
    unknown : sequence of str
        Performances of works that it does not have.
    play : Play
    rng : numpy.random.Generator
    """
    works = rng.choice(sorted(known), min(int(rng.integers(LEAST, MOST + 1)), len(known)), replace=False).tolist()
    strangers = rng.choice(len(unknown), min(UNKNOWN, len(unknown)), replace=False).tolist()
    programme = [(work, known[work]) for work in works] + [("", unknown[k]) for k in strangers]
    pieces = _Line(_applause(rng))
    played = []
    for place in rng.permutation(len(programme)).tolist():
        work, pid = programme[place]
        song = play(pid, float(np.exp(rng.uniform(-TEMPO, TEMPO))), int(rng.integers(-5, 7)))
        fade = round(RATE * rng.uniform(*FADE)) if rng.random() < 0.3 else 0
        start = pieces.join(song, fade)
        if work:
            played.append(PlayedStretch(start / RATE, pieces.length / RATE, work))
        if rng.random() < 0.6:
            pieces.join(_applause(rng))
        if rng.random() < 0.4:
            pieces.join(np.zeros(round(RATE * rng.uniform(*SILENCE)), np.float32))
    noise = rng.standard_normal(pieces.length, dtype=np.float32) * np.float32(HALL)
    return AudioConcert(np.clip(pieces.samples() + noise, -1, 1), tuple(played), len(strangers))


class _Line:
    """Sounds one after the other."""

    def __init__(self, first: Samples) -> None:
        self.pieces, self.length = [first], len(first)

    def join(self, piece: Samples, fade: int = 0) -> int:
        """Put a sound behind the last one, or cross-fade into it; the sample at which it begins."""
        last = self.pieces[-1]
        fade = min(fade, len(last), len(piece))
        start = self.length - fade
        if fade:
            louder = np.linspace(0, 1, fade, dtype=np.float32)
            mixed = last[-fade:] * (1 - louder) + piece[:fade] * louder
            self.pieces[-1:] = [last[:-fade], mixed]
            piece = piece[fade:]
        self.pieces.append(piece)
        self.length = start + fade + len(piece)
        return start

    def samples(self) -> Samples:
        return np.concatenate(self.pieces)


def _applause(rng: np.random.Generator) -> Samples:
    """Many hands: short bursts of noise at chance moments."""
    length = round(RATE * rng.uniform(*APPLAUSE))
    sound = np.zeros(length + RATE // 20, np.float32)
    decay = np.exp(-np.arange(RATE // 20) / (RATE * 0.006)).astype(np.float32)
    for start in rng.integers(0, length, round(CLAPS * length / RATE)).tolist():
        burst = rng.standard_normal(len(decay), dtype=np.float32) * decay
        sound[start : start + len(decay)] += burst * np.float32(rng.uniform(0.2, 1))
    return sound[:length] * np.float32(LOUD / np.abs(sound).max())
