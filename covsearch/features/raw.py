"""Chroma arrays from a caller, checked as files are: a wrong one must not be answered with a wrong vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.dataset.chroma import BINS
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.errors import UsageError


def declared(frame_rate: float | None) -> float:
    """The frame rate of an array in frames/s, which only its owner knows.

    Raises
    ------
    UsageError
        When there is none, or it is no positive number.
    """
    if frame_rate is None:
        raise UsageError("expected the array's frame rate: say frame_rate=86.13 for Da-TACOS's own")
    return check_frame_rate(frame_rate)


def checked_chroma(chroma: ArrayLike | Mapping[str, ArrayLike], names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Chroma of one performance by feature name, checked.

    Parameters
    ----------
    chroma : array or mapping
        (T, 12), or feature name -> (T, 12); values finite and not negative.
    names : sequence of str
        The features that are needed.

    Returns
    -------
    dict
        Feature name -> NDArray[float32] of shape (T, 12).

    Raises
    ------
    UsageError
        When a feature is missing, or an array has another shape, a NaN, an infinity or a negative value.
    """
    given = chroma if isinstance(chroma, Mapping) else dict.fromkeys(names[:1], chroma)
    if missing := [name for name in names if name not in given]:
        raise UsageError(f"the model sees {' and '.join(names)}: expected a mapping of both, {missing[0]} is missing")
    return {name: _checked(given[name], name) for name in names}


def _checked(values: ArrayLike, name: str) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != BINS or not len(array) or array.dtype.kind not in "fiu":
        raise UsageError(f"expected {name} as numbers of shape (T, {BINS}), not {array.dtype} {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise UsageError(f"expected {name} finite and not negative: it has a NaN, an infinity or a negative value")
    loudest = float(array.max())
    if loudest and not 1e-6 < loudest < 1e6:  # squares of float32 would be nothing or infinite; no scale is heard
        array = array.astype(np.float64) / loudest
    return np.ascontiguousarray(array, dtype=np.float32)
