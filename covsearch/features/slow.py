"""Slow chroma: a performance in the key as played at 2.69 frames/s, one byte a number; what alignments compare."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.config import FeatureConfig
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.features.frames import prepare, seen_rate

_STEPS = 255


def slow_chroma(
    chroma: Mapping[str, NDArray[np.float32]], names: Sequence[str], frame_rate: float
) -> tuple[NDArray[np.uint8], float]:
    """One performance's stored chroma as an index keeps it for alignments, all of it however long it is.

    Parameters
    ----------
    chroma : mapping
        Feature name -> (T, 12), values as in the dataset.
    names : sequence of str
        The features of the index's model, in stacking order.
    frame_rate : float
        Of `chroma`, frames/s.

    Returns
    -------
    NDArray[uint8], shape (L, F)
        ``F = 12 * len(names)``; :func:`quantised`.
    float
        :func:`slow_rate` of `frame_rate`.

    Raises
    ------
    ArtefactError
        When the lengths of two features differ by more than 2 %.
    """
    frames = prepare(chroma, _config("+".join(names)), frame_rate)
    return quantised(frames), slow_rate(frame_rate)


def slow_rate(frame_rate: float) -> float:
    """Frames/s of slow chroma of files with `frame_rate` frames/s: 2.69, as nearly as whole blocks come to it."""
    return seen_rate(_config("hpcp"), frame_rate)


def quantised(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """``round(255 x)`` of numbers in [0, 1], same shape; what was rounded comes back at most 1/510 away."""
    found: NDArray[np.uint8] = np.rint(values * _STEPS).clip(0, _STEPS).astype(np.uint8)
    return found


def restored(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Numbers in [0, 1] from what :func:`quantised` made of them, same shape."""
    found: NDArray[np.float32] = np.asarray(values, dtype=np.float32) / np.float32(_STEPS)
    return found


def _config(features: str) -> FeatureConfig:
    return FeatureConfig(features, frames=sys.maxsize, rate=SLOW_RATE, key="played")
