"""In which order a cover plays the parts of a song, and how fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.synthesis.song import Song

_FEWEST_BARS = 8  # a shorter song is played whole
FOREIGN = -1


def play_order(song: Song, rng: np.random.Generator, h: float) -> NDArray[np.int64]:
    """The steps of a song in the order a cover plays them; bars stay whole.

    With probability 1 - 0.6 h the whole song, its ends cut; else one to five stretches of 8 to 32 bars, mostly in
    order, together at least half of the song. Stretches may be repeated, and with probability 0.3 h four or eight
    bars are of no song: an introduction or a solo.

    Parameters
    ----------
    song : Song
    rng : numpy.random.Generator
    h : float
        Hardness in [0, 1].

    Returns
    -------
    NDArray[int64], shape (m,)
        Steps of the song; -1 for foreign material.
    """
    bars = song.steps // song.bar
    if bars < _FEWEST_BARS:
        order = np.arange(song.steps)
    else:
        stretches = _whole(bars, rng, h) if rng.random() < 1 - 0.6 * h else _stretches(bars, rng)
        order = np.concatenate([piece for some in stretches for piece in _played(some, song.bar, rng, h)])
    return _with_foreign(order, song.bar, rng) if rng.random() < 0.3 * h else order


def _whole(bars: int, rng: np.random.Generator, h: float) -> list[tuple[int, int]]:
    first = int(rng.integers(max(1, bars // 8))) if rng.random() < h else 0
    cut = int(rng.integers(max(1, bars // 4))) if rng.random() < h else 0
    return [(first, max(first + 1, bars - cut))]


def _stretches(bars: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    found = [_stretch(bars, (8, 8, 16, 16, 24, 32)[rng.integers(6)], rng) for _ in range(rng.integers(1, 6))]
    if rng.random() < 0.7:
        found.sort()
    while sum(end - start for start, end in found) < bars / 2:
        found.append(_stretch(bars, (16, 24, 32)[rng.integers(3)], rng))
    return found


def _stretch(bars: int, length: int, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(max(1, bars - length + 1)))
    if rng.random() < 0.8:
        start = start // 4 * 4  # phrases have four bars
    return start, min(bars, start + length)


def _played(stretch: tuple[int, int], bar: int, rng: np.random.Generator, h: float) -> list[NDArray[np.int64]]:
    start, end = stretch
    pieces = [np.arange(start * bar, end * bar)]
    if rng.random() < 0.2 * h:
        pieces.append(np.arange(start * bar, min(end, start + 8) * bar))
    return pieces


def _with_foreign(order: NDArray[np.int64], bar: int, rng: np.random.Generator) -> NDArray[np.int64]:
    foreign = np.full((4, 8)[rng.integers(2)] * bar, FOREIGN)
    at = (0, len(order), int(rng.integers(len(order))) // (4 * bar) * 4 * bar)[rng.integers(3)]
    return np.concatenate([order[:at], foreign, order[at:]])


def time_map(
    played: int, beat: float, frames_a_beat_second: float, longest: int | None, rng: np.random.Generator, h: float
) -> NDArray[np.float64]:
    """Where in the played steps each frame of a cover begins: another tempo, drifting by up to 5 %·h.

    Parameters
    ----------
    played : int
        m, steps.
    beat : float
        Seconds of a beat in the song's tempo; the cover's is exp(N(0, 0.02 + 0.16 h)) times that, within 0.2-1.4 s.
    frames_a_beat_second : float
        Frames a second.
    longest : int or None
        At most so many frames: a stretch from anywhere; None for all.
    rng : numpy.random.Generator
    h : float
        Hardness in [0, 1].

    Returns
    -------
    NDArray[float64], shape (L + 1,)
        Ascending positions in [0, m], the last one the end of the last frame.
    """
    beat = float(np.clip(beat * np.exp(np.clip(rng.normal(0, 0.02 + 0.16 * h), -0.4, 0.4)), 0.2, 1.4))
    frames = max(2, round(played / 4 * beat * frames_a_beat_second))
    knots = np.cumsum(rng.normal(0, 1, max(4, frames // 64 + 2)))
    knots -= knots.mean()
    drift = knots / (np.abs(knots).max() + 1e-9) * rng.uniform(0, 0.05 * h)
    speed = np.exp(np.interp(np.arange(frames), np.arange(len(drift)) * 64, drift))
    position = np.concatenate([[0.0], np.cumsum(speed)])
    position *= played / position[-1]
    if longest is None or frames <= longest:
        return position
    start = int(rng.integers(frames - longest + 1))
    return position[start : start + longest + 1]
