"""How far a recording is out of tune with A = 440 Hz: what its spectral peaks agree on, within half a semitone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from covsearch.compiled import compiled
from covsearch.features.audio.analysis import FRAME, SAMPLE_RATE, spectra
from covsearch.features.audio.profile import MOST_PEAKS, REFERENCE_HZ, peaks

LISTENED_SECONDS = 180  # of the beginning of a recording
_HOP = 8192
_BATCH = 64
_LEAST_AGREEMENT = 0.1  # length of the mean; noise has .02 or less, and is left in 440 Hz


def tuning(samples: NDArray[np.float32]) -> float:
    """Semitones that a recording is above A = 440 Hz, from its first three minutes.

    The mean direction of all peaks, each with its distance to the next semitone as a direction and its height as a
    weight.

    Parameters
    ----------
    samples : NDArray[float32], shape (N,)
        Mono at 44.1 kHz.

    Returns
    -------
    float
        In [-.5, .5]; 0 where the peaks agree on nothing.
    """
    total, weight = 0j, 0.0
    for magnitudes in _spectra(samples[: LISTENED_SECONDS * SAMPLE_RATE]):
        real, imaginary, mass = _directions(magnitudes, SAMPLE_RATE / FRAME)
        total, weight = total + complex(real, imaginary), weight + mass
    if abs(total) <= _LEAST_AGREEMENT * weight:
        return 0.0
    return math.atan2(total.imag, total.real) / (2 * math.pi)


def reference(semitones: float) -> float:
    """Hz of an A that is `semitones` above 440 Hz."""
    return float(REFERENCE_HZ * 2 ** (semitones / 12))


def _spectra(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    if len(samples) < FRAME:
        return
    windows = sliding_window_view(samples, FRAME)[::_HOP]
    for first in range(0, len(windows), _BATCH):
        yield spectra(windows[first : first + _BATCH])


@compiled(nogil=True)
def _directions(magnitudes: NDArray[np.float32], width_hz: float) -> tuple[float, float, float]:
    """Sum of the peaks' directions, weighted by height, and the sum of the weights."""
    frequencies, heights = np.empty(MOST_PEAKS), np.empty(MOST_PEAKS)
    real = imaginary = mass = 0.0
    for t in range(len(magnitudes)):
        for p in range(peaks(magnitudes[t], width_hz, frequencies, heights)):
            angle = 2 * math.pi * 12 * math.log2(frequencies[p] / REFERENCE_HZ)
            real += heights[p] * math.cos(angle)
            imaginary += heights[p] * math.sin(angle)
            mass += heights[p]
    return real, imaginary, mass
