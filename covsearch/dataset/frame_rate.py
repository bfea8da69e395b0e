"""How many frames a second the files of a collection hold; no file says so, so it is given, known or assumed."""

from __future__ import annotations

import math

from covsearch.errors import UsageError

DATACOS_RATE = 44_100 / 512  # frames/s
SLOW_RATE = DATACOS_RATE / 32  # 2.69 frames/s: what methods and branches with a frame rate of their own see
FRAME_RATES = {
    "benchmark": DATACOS_RATE,
    "coveranalysis": DATACOS_RATE,
    "sample": 44_100 / 4096,
    "covers80_dev": 44_100 / 4096,
}


def check_frame_rate(frame_rate: float) -> float:
    """`frame_rate` itself, frames/s.

    Raises
    ------
    UsageError
        When it is no positive number.
    """
    if not 0 < frame_rate < math.inf:
        raise UsageError(f"the frame rate must be a positive number of frames a second, not {frame_rate}")
    return float(frame_rate)


def frame_rate_of(subset: str, given: float | None = None) -> tuple[float, bool]:
    """The frame rate of a subset, and whether it is given or known; else it is assumed to be Da-TACOS's.

    Parameters
    ----------
    subset : str
    given : float, optional
        Frames/s; goes before what is known.

    Returns
    -------
    (float, bool)

    Raises
    ------
    UsageError
        When `given` is no positive number.
    """
    if given is not None:
        return check_frame_rate(given), True
    return FRAME_RATES.get(subset, DATACOS_RATE), subset in FRAME_RATES
