"""Changes to frames that do not change the composition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rotate_key(frames: NDArray[np.float32], semitones: NDArray[np.int64]) -> NDArray[np.float32]:
    """Transpose each track of a batch: roll every block of 12 pitch classes by the same number of bins.

    Stacked features (F = 24) are rolled block by block, never across the seam.

    Parameters
    ----------
    frames : NDArray[float32], shape (B, T, F)
        F a multiple of 12.
    semitones : NDArray[int64], shape (B,)
        Upwards; taken modulo 12.

    Returns
    -------
    NDArray[float32], shape (B, T, F)
    """
    blocks = frames.reshape(*frames.shape[:2], -1, 12)  # (B, T, F/12, 12)
    source = (np.arange(12) - semitones[:, None]) % 12  # (B, 12)
    rolled = np.take_along_axis(blocks, source[:, None, None, :], axis=3)
    return rolled.reshape(frames.shape)
