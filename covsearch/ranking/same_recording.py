"""Whether two performances are one recording: as long, in one key, and alike at every moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 0.97
"""Mean cosine from which two are one recording. Of the bundled sample, the most alike renderings, two of one score,
have 0.96; the most alike of different works have 0.90."""
_SHARE = 0.01  # by which lengths may differ
_FRAMES = 4  # by which one may begin later


def same_recording(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two performances are the same recording.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (L, F) and (M, F)
        Chroma as played, at one frame rate; meant for 2.69 frames/s.
    """
    if abs(len(a) - len(b)) > max(_FRAMES, _SHARE * max(len(a), len(b))):
        return False
    lags = range(-min(_FRAMES, len(b) - 1), min(_FRAMES, len(a) - 1) + 1)
    return max(_alike(a[max(lag, 0) :], b[max(-lag, 0) :]) for lag in lags) >= LEAST


def _alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean cosine of frames at the same place, as far as both go; frames that are silent in both count as alike."""
    frames = min(len(a), len(b))
    a, b = a[:frames], b[:frames]
    products = np.einsum("ij,ij->i", a, b)
    lengths = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    silent = ~(a.any(axis=1) | b.any(axis=1))
    return float(np.where(silent, 1.0, products / np.maximum(lengths, 1e-12)).mean())
