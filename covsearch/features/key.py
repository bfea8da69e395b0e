"""The key of a performance, so that versions in different keys can be brought to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# How well each tone fits C major and C minor: Temperley (1999), "What's Key for Key?", Music Perception 17, 65-100.
# On the sample's training and validation works they give versions the same key more often than the ratings of
# listeners in Krumhansl & Kessler (1982) do.
MAJOR = np.array([5, 2, 3.5, 2, 4.5, 4, 2, 4.5, 2, 3.5, 1.5, 4])
MINOR = np.array([5, 2, 3.5, 4.5, 2, 4, 2, 4.5, 3.5, 2, 1.5, 4])


PROFILES = np.stack([np.roll(MAJOR, k) for k in range(12)] + [np.roll(MINOR, k - 3) for k in range(12)])
"""Of all keys, (24, 12): row k and row 12 + k are the major key k and the minor key three semitones below it, which
shares its tones."""


def major_tonic(chroma: NDArray[np.float32]) -> int:
    """The tonic of the major key (or of the relative major of the minor key) that fits a performance best.

    Correlates the mean frame with the profiles of all 24 keys (Krumhansl 1990). The tonic moves with the music:
    transposed by k semitones, a performance's tonic is k higher.

    Parameters
    ----------
    chroma : NDArray[float32], shape (T, 12)
        Bin 0 is C.

    Returns
    -------
    int
        Pitch class 0-11, C = 0; 0 when the mean frame is flat.
    """
    mean = chroma.mean(axis=0, dtype=np.float64)
    centred = mean - mean.mean()
    if not centred.any():
        return 0
    profiles = PROFILES - PROFILES.mean(axis=1, keepdims=True)
    fit = profiles @ centred / np.linalg.norm(profiles, axis=1)  # (24,) correlations times one positive number
    return int(fit.argmax()) % 12


def to_c(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transpose a performance so that its major tonic is C; every block of 12 pitch classes by the same amount.

    The tonic is estimated on the mean over all blocks.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, F)
        F a multiple of 12, bin 0 of each block C.

    Returns
    -------
    NDArray[float32], shape (L, F)
    """
    blocks = frames.reshape(len(frames), -1, 12)  # (L, F/12, 12)
    tonic = major_tonic(blocks.mean(axis=1))
    return np.roll(blocks, -tonic, axis=2).reshape(frames.shape)
