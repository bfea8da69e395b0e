"""Several channels to one, and what is refused before: impossible formats, samples that are no numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError

LEAST_RATE, MOST_RATE = 4_000, 384_000
MOST_CHANNELS = 64


def check_format(path: Path, rate: int, channels: int) -> None:
    """Refuse what no recording has.

    Raises
    ------
    ArtefactError
        When `rate` is not 4 to 384 kHz, or there are not 1 to 64 channels.
    """
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise ArtefactError(f"{path}: expected a sample rate of {LEAST_RATE} to {MOST_RATE} Hz, not {rate}")
    if not 1 <= channels <= MOST_CHANNELS:
        raise ArtefactError(f"{path}: expected 1 to {MOST_CHANNELS} channels, not {channels}")


def mean_of_channels(path: Path, block: NDArray[Any]) -> NDArray[np.float32]:
    """Samples (n, C) to their mean (n,), which is never a view of them.

    Raises
    ------
    ArtefactError
        When a sample is NaN or infinite.
    """
    channels = block.shape[1]
    mono = block[:, 0].copy() if channels == 1 else block @ np.full(channels, 1 / channels, np.float32)
    if not np.isfinite(mono).all():
        raise ArtefactError(f"{path}: holds samples that are no finite numbers")
    return np.asarray(mono, np.float32)
