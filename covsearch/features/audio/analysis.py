"""Sound to chroma: the harmonic pitch class profiles that Da-TACOS was made with, in a stream.

Frames of 4,096 samples at 44.1 kHz, the first centred on the first sample, each weighted by a Blackman-Harris window of
62 dB.

References
----------
F. J. Harris: On the use of windows for harmonic analysis with the discrete Fourier transform. Proceedings of the IEEE
66(1), 1978.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.features.audio.profile import BINS, ENVELOPE_STEP_HZ, HARMONICS, HIGHEST_HZ, REFERENCE_HZ, profiles

SAMPLE_RATE = 44_100
FRAME = 4096
SEARCH_HOP = 2048
"""Samples between frames where a search uses them: eight frames make one of the index's 2.69 frames/s."""
DATASET_HOP = 512
"""Samples between Da-TACOS's own frames."""
_BATCH = 64  # frames that are transformed at once: 1 MB of samples
_WIDTH_HZ = SAMPLE_RATE / FRAME
_KEPT = 530  # bins of a spectrum that peaks and envelope read, up to 5.7 kHz


def hpcp(samples: NDArray[np.floating], hop: int = SEARCH_HOP) -> NDArray[np.float32]:
    """Chroma of a whole recording.

    Parameters
    ----------
    samples : NDArray, shape (N,)
        Mono at 44.1 kHz, in [-1, 1].
    hop : int
        Samples between frames, 1 to 4096.

    Returns
    -------
    NDArray[float32], shape (T, 12)
        Bin 0 is A. Each frame's maximum is 1, or the frame is all zero where nothing sounds. T is ``ceil(N / hop) + 1``
        but for a last frame that would hold no sample.

    Raises
    ------
    UsageError
        When `samples` is not one-dimensional or `hop` out of range.
    """
    if np.ndim(samples) != 1:
        raise UsageError(f"expected samples of one channel, shape (N,), not {np.shape(samples)}: take their mean first")
    frames = list(hpcp_stream([np.asarray(samples, np.float32)], hop))
    return np.concatenate(frames) if frames else np.zeros((0, BINS), np.float32)


def hpcp_stream(
    blocks: Iterable[NDArray[np.float32]], hop: int = SEARCH_HOP, reference_hz: float = REFERENCE_HZ
) -> Iterator[NDArray[np.float32]]:
    """Chroma of a recording that comes in blocks of any lengths; what comes out does not depend on them.

    Parameters
    ----------
    blocks : iterable of NDArray[float32], shape (n,)
        Mono at 44.1 kHz, one after the other.
    hop : int
        Samples between frames, 1 to 4096.
    reference_hz : float
        The middle of bin 0, which is A.

    Yields
    ------
    NDArray[float32], shape (t, 12)
        The next frames, as :func:`hpcp` has them.

    Raises
    ------
    UsageError
        When `hop` is out of range.
    """
    for windows in _windows(blocks, hop):
        for first in range(0, len(windows), _BATCH):
            yield profiles(spectra(windows[first : first + _BATCH]), _WIDTH_HZ, *_tables(), reference_hz)


def spectra(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitudes of the lowest 530 bins of frames of shape (t, 4096): (t, 530), a sine of amplitude 1 has about 1."""
    transformed = np.fft.rfft(windows * _blackman_harris(), axis=1)[:, :_KEPT]
    return np.ascontiguousarray(np.abs(transformed), np.float32)


def _windows(blocks: Iterable[NDArray[np.float32]], hop: int) -> Iterator[NDArray[np.float32]]:
    """Frames of 4,096 samples, (t, 4096), the first and the last filled up with zeros."""
    if not 1 <= hop <= FRAME:
        raise UsageError(f"expected a hop of 1 to {FRAME} samples, not {hop}")
    held = np.zeros(FRAME // 2, np.float32)
    samples = frames = 0
    for block in blocks:
        samples += len(block)
        held = np.concatenate([held, block])
        if len(held) >= FRAME:
            ready = sliding_window_view(held, FRAME)[::hop]
            yield ready
            frames += len(ready)
            held = held[len(ready) * hop :]
    if missing := _frame_count(samples, hop) - frames:
        end = np.zeros((missing - 1) * hop + FRAME, np.float32)
        end[: len(held)] = held
        yield sliding_window_view(end, FRAME)[::hop]


def _frame_count(samples: int, hop: int) -> int:
    """Frames up to the first whose centre is at the end or behind it, if it holds a sample."""
    if not samples:
        return 0
    last = math.ceil(samples / hop)
    return last + 1 if last * hop - FRAME // 2 < samples else last


@lru_cache(maxsize=1)
def _blackman_harris() -> NDArray[np.float32]:
    """The symmetric window of 62 dB, scaled to the sum 2: half of a sine's energy lies at negative frequencies."""
    turn = 2 * np.pi * np.arange(FRAME) / (FRAME - 1)
    window = 0.44959 - 0.49364 * np.cos(turn) + 0.05677 * np.cos(2 * turn)
    return np.asarray(window * (2 / np.abs(window).sum()), np.float32)


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    return (*_envelope_table(), _harmonic_table())


def _envelope_table() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First bin and weights of each mean of the envelope, 0 to 3,600 Hz: from .66 to 1.58 of its frequency."""
    starts, rows = [], []
    for frequency in np.arange(0.0, HIGHEST_HZ + 2 * ENVELOPE_STEP_HZ, ENVELOPE_STEP_HZ):
        first = max(int((frequency - max(50.0, frequency * 0.34)) / _WIDTH_HZ + 0.5), 0)
        end = max(int((frequency + max(50.0, frequency * 0.58)) / _WIDTH_HZ + 0.5), first + 1)
        middle = (first + end) / 2
        starts.append(first)
        rows.append((1 - np.abs(np.arange(first, end) - middle) / (end - middle)) ** 4)
    weights = np.zeros((len(rows), max(map(len, rows))))
    for row, values in zip(weights, rows, strict=True):
        row[: len(values)] = values
    return np.array(starts), weights


def _harmonic_table() -> NDArray[np.float64]:
    """Semitones above the pitch class and the weight of each of the first nine partials, octaves joined."""
    joined: dict[float, float] = {}
    for partial in range(1, HARMONICS + 2):
        octaves = math.log2(partial)
        semitone = round(12 * octaves % 12, 5)
        joined[semitone] = joined.get(semitone, 0.0) + 1 / max(1.0, octaves / 2)
    return np.array([(semitone, strength**2) for semitone, strength in joined.items()])
