"""How much of a performance is sound: of too little, no model can say which song it is."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, CovsearchError

LEAST_SECONDS = 15.0


def seconds_of_sound(chroma: Mapping[str, NDArray[np.float32]], frame_rate: float) -> float:
    """Seconds of the frames that are not all zero.

    Parameters
    ----------
    chroma : mapping
        Feature -> (T, 12), values from 0; of several features, the one with the least sound counts.
    frame_rate : float
        Frames/s.

    Returns
    -------
    float
        From 0.
    """
    return min(np.count_nonzero(values.any(axis=1)) for values in chroma.values()) / frame_rate


def check_sound(
    chroma: Mapping[str, NDArray[np.float32]],
    frame_rate: float,
    *,
    what: str = "",
    error: type[CovsearchError] = ArtefactError,
) -> None:
    """Refuse a performance with less than 15 s of sound.

    Parameters
    ----------
    chroma, frame_rate
        As for :func:`seconds_of_sound`.
    what : str
        Goes before the reason, where the caller does not say whose it is.
    error : type
        Raised.

    Raises
    ------
    CovsearchError
        An `error` that says how much there is and how much is needed.
    """
    seconds = seconds_of_sound(chroma, frame_rate)
    if seconds < LEAST_SECONDS:
        there = math.floor(10 * seconds) / 10  # 14.99 s are not 15.0 s
        raise error(f"{what}{there:.1f} s of sound, at least {LEAST_SECONDS:g} s are needed")
