"""The key of a performance, so that versions in different keys can be brought to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# how well each tone fits C major and C minor, rated by listeners: Krumhansl & Kessler (1982), Psychological Review 89
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
# a minor key shares its tones with the major key three semitones above: both count as that major key
_PROFILES = np.stack([np.roll(MAJOR, k) for k in range(12)] + [np.roll(MINOR, k - 3) for k in range(12)])  # (24, 12)


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
    profiles = _PROFILES - _PROFILES.mean(axis=1, keepdims=True)
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
