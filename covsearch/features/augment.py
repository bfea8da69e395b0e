"""Changes to frames that do not change the composition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import BINS

_TEMPO_SPREAD = 0.1  # standard deviation of log tempo: two thirds of the factors within 0.90-1.11
_SHORTEST_CROP = 0.6
_FEWEST_FRAMES = 16
_MOST_DROPPED = 0.15
_MOST_STRETCHES, _LONGEST_STRETCH = 3, 0.1
_MOST_PITCHES = 2


def rotate_key(frames: NDArray[np.float32], semitones: int) -> NDArray[np.float32]:
    """Transpose a track: roll every block of 12 pitch classes by the same number of bins.

    Stacked features (F = 24) are rolled block by block, never across the seam.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
        F a multiple of 12.
    semitones : int
        Upwards; taken modulo 12.

    Returns
    -------
    NDArray[float32], shape (L, F)
    """
    blocks = frames.reshape(len(frames), -1, BINS)  # (L, F/12, 12)
    return np.roll(blocks, semitones, axis=2).reshape(frames.shape)


def stretch(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Play a track at another tempo: linear interpolation to exp(N(0, 0.1)) times its frames.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
    rng : numpy.random.Generator

    Returns
    -------
    NDArray[float32], shape (L', F)
        The first and last frame stay.
    """
    length = round(len(frames) * float(np.exp(rng.normal(0, _TEMPO_SPREAD))))
    return resampled(frames, max(min(len(frames), _FEWEST_FRAMES), length))


def resampled(frames: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Frames (L, F) as `length` of them, at least 1, by linear interpolation; the first and last stay."""
    at = np.linspace(0, len(frames) - 1, length, dtype=np.float32)
    before = at.astype(np.int64)
    after = np.minimum(before + 1, len(frames) - 1)
    share = (at - before).astype(np.float32)[:, None]  # (L', 1)
    moved: NDArray[np.float32] = frames[before] * (1 - share) + frames[after] * share
    return moved


def crop(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A stretch of 60-100 % of a track, from anywhere in it.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
    rng : numpy.random.Generator

    Returns
    -------
    NDArray[float32], shape (L', F)
    """
    length = max(min(len(frames), _FEWEST_FRAMES), int(len(frames) * rng.uniform(_SHORTEST_CROP, 1)))
    start = int(rng.integers(0, len(frames) - length + 1))
    return frames[start : start + length]


def drop_frames(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Leave out up to 15 % of a track's frames, one by one and anywhere; at least 16 stay.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
    rng : numpy.random.Generator

    Returns
    -------
    NDArray[float32], shape (L', F)
        The others in their order.
    """
    fewest = min(len(frames), _FEWEST_FRAMES)
    dropped = min(int(rng.uniform(0, _MOST_DROPPED) * len(frames)), len(frames) - fewest)
    return np.delete(frames, rng.choice(len(frames), dropped, replace=False), axis=0)


def mask_time(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur up to three stretches of a track, each of at most a tenth of it: all their frames become their mean.

    The mean of the track stays what it was.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
    rng : numpy.random.Generator

    Returns
    -------
    NDArray[float32], shape (L, F)
    """
    masked = frames.copy()
    for _ in range(int(rng.integers(_MOST_STRETCHES + 1))):
        length = int(rng.uniform(0, _LONGEST_STRETCH) * len(frames))
        start = int(rng.integers(0, len(frames) - length + 1))
        if length:
            masked[start : start + length] = masked[start : start + length].mean(axis=0)
    return masked


def mask_pitch(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Silence up to two pitch classes of a track, the same ones in every block of 12.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
        F a multiple of 12.
    rng : numpy.random.Generator

    Returns
    -------
    NDArray[float32], shape (L, F)

    References
    ----------
    Park et al., "SpecAugment" (2019): masks of time and frequency.
    """
    masked = frames.reshape(len(frames), -1, BINS).copy()  # (L, F/12, 12)
    masked[:, :, rng.choice(BINS, int(rng.integers(_MOST_PITCHES + 1)), replace=False)] = 0
    return masked.reshape(frames.shape)
