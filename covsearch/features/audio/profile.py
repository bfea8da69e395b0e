"""Magnitude spectra to harmonic pitch class profiles, compiled: peaks, whitening, harmonics, as Da-TACOS has them.

Each frame is computed by itself, in float64 from float32 spectra, so that a profile never depends on its neighbours.

References
----------
E. Gómez: Tonal description of polyphonic audio for music content processing. INFORMS Journal on Computing 18(3), 2006.
A. Röbel and X. Rodet: Efficient spectral envelope estimation. DAFx 2005.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from covsearch.compiled import compiled

BINS = 12
LOWEST_HZ, SPLIT_HZ, HIGHEST_HZ = 100.0, 500.0, 3500.0
REFERENCE_HZ = 440.0  # bin 0
MOST_PEAKS = 100
HARMONICS = 8
ENVELOPE_STEP_HZ = 100.0
_QUIETEST = 1e-10  # an amplitude below counts as -200 dB


@compiled(nogil=True)
def peaks(
    spectrum: NDArray[np.float32], width_hz: float, frequencies: NDArray[np.float64], heights: NDArray[np.float64]
) -> int:
    """The lowest 100 peaks between 100 and 3,500 Hz, each the top of a parabola through three bins.

    A plateau counts as one peak at its middle. The first bin in the range is one, too, where the next one is lower.

    Parameters
    ----------
    spectrum : NDArray[float32], shape (K,)
        Magnitudes; at least one bin more than the range needs.
    width_hz : float
        Of a bin.
    frequencies, heights : NDArray[float64], shape (100,)
        Filled, in the order of frequency: Hz, and magnitudes.

    Returns
    -------
    int
        How many peaks there are.
    """
    found = 0
    i = math.ceil(LOWEST_HZ / width_hz)
    if spectrum[i] > spectrum[i + 1]:
        frequencies[0], heights[0] = i * width_hz, spectrum[i]
        found = 1
    i += 1
    while i < len(spectrum) - 1 and found < MOST_PEAKS:
        if spectrum[i] <= spectrum[i - 1]:
            i += 1
            continue
        last = i
        while last < len(spectrum) - 2 and spectrum[last + 1] == spectrum[i]:
            last += 1
        if spectrum[last + 1] < spectrum[i]:
            place, height = 0.5 * (i + last), np.float64(spectrum[i])
            if last == i:
                slope = np.float64(spectrum[i - 1]) - spectrum[i + 1]
                shift = 0.5 * slope / (np.float64(spectrum[i - 1]) - 2 * height + spectrum[i + 1])
                place, height = i + shift, height - 0.25 * slope * shift
            if place * width_hz > HIGHEST_HZ:
                break
            frequencies[found], heights[found] = place * width_hz, height
            found += 1
        i = last + 1
    return found


@compiled(nogil=True)
def envelope(
    spectrum: NDArray[np.float32], starts: NDArray[np.int64], weights: NDArray[np.float64], levels: NDArray[np.float64]
) -> None:
    """The smooth level of a spectrum every 100 Hz from 0: means of energy, weighted by closeness and by energy.

    Parameters
    ----------
    spectrum : NDArray[float32], shape (K,)
    starts : NDArray[int64], shape (E,)
        First bin of each mean.
    weights : NDArray[float64], shape (E, W)
        Closeness of the bins from the first on, zero where a mean has ended.
    levels : NDArray[float64], shape (E,)
        Filled, dB.
    """
    for point in range(len(starts)):
        total = mass = 0.0
        for j in range(weights.shape[1]):
            k = starts[point] + j
            if k >= len(spectrum):
                break
            energy = np.float64(spectrum[k]) * spectrum[k]
            weight = weights[point, j] * energy
            total += energy * weight
            mass += weight
        level = total / mass if mass > 0 else 0.0
        levels[point] = 10 * math.log10(level) if level >= _QUIETEST * _QUIETEST else -200.0


@compiled(nogil=True)
def whitened(frequency: float, height: float, levels: NDArray[np.float64]) -> float:
    """Energy of a peak against the envelope: 1 at or above it, nearly none from 30 dB below, less for higher ones.

    Parameters
    ----------
    frequency : float
        Hz.
    height : float
        Magnitude.
    levels : NDArray[float64], shape (E,)
        :func:`envelope`, dB.
    """
    point = int(frequency / ENVELOPE_STEP_HZ)
    part = frequency / ENVELOPE_STEP_HZ - point
    level = levels[point] + part * (levels[point + 1] - levels[point])
    above = (20 * math.log10(height) if height >= _QUIETEST else -200.0) - level
    if above > 0:
        above = 0.0
    elif above <= -30:
        above = -200.0
    return float(10 ** ((above - frequency / 200.0) / 10))


@compiled(nogil=True)
def profiles(
    spectra: NDArray[np.float32],
    width_hz: float,
    starts: NDArray[np.int64],
    weights: NDArray[np.float64],
    harmonics: NDArray[np.float64],
    reference_hz: float,
) -> NDArray[np.float32]:
    """Harmonic pitch class profiles of many spectra.

    The band below 500 Hz and the one above are scaled to maximum 1 each, then their sum.

    Parameters
    ----------
    spectra : NDArray[float32], shape (T, K)
        Magnitudes.
    width_hz : float
        Of a bin of a spectrum.
    starts, weights
        As :func:`envelope` takes them.
    harmonics : NDArray[float64], shape (H, 2)
        How many semitones a harmonic lies above its pitch class, and what its energy counts.
    reference_hz : float
        The middle of bin 0.

    Returns
    -------
    NDArray[float32], shape (T, 12)
        In [0, 1], each frame's maximum 1, or all zero where nothing sounds.
    """
    out = np.zeros((len(spectra), BINS), np.float32)
    frequencies, heights = np.empty(MOST_PEAKS), np.empty(MOST_PEAKS)
    levels, bands = np.empty(len(starts)), np.empty((2, BINS))
    for t in range(len(spectra)):
        found = peaks(spectra[t], width_hz, frequencies, heights)
        if not found:
            continue
        envelope(spectra[t], starts, weights, levels)
        bands[:] = 0.0
        for p in range(found):
            energy = whitened(frequencies[p], heights[p], levels)
            band = bands[0] if frequencies[p] < SPLIT_HZ else bands[1]
            place = BINS * math.log2(frequencies[p] / reference_hz)
            for h in range(len(harmonics)):
                here = place - harmonics[h, 0]
                nearest = math.floor(here + 0.5)
                closeness = math.cos(math.pi * (here - nearest))
                band[int(nearest) % BINS] += energy * harmonics[h, 1] * closeness * closeness
        for b in range(2):
            if bands[b].max() > 0:
                bands[b] /= bands[b].max()
        total = bands[0] + bands[1]
        out[t] = total / total.max()
    return out
