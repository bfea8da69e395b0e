"""The decision: which scores are covers, and how probable; the one rule that queries and comparisons share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covsearch.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.index.calibration import Calibration

THRESHOLD = 0.5  # of a model without a calibration: cover iff the cover probability is above it
CALIBRATE = "run `covsearch calibrate`, then `covsearch build-index`"


@dataclass(frozen=True)
class Decision:
    """What is decided of some performances, all by one threshold.

    Attributes
    ----------
    probability : list of float
        Cover probabilities in [0, 1]: near 1 cover, near 0 non-cover.
    predicted : list of bool
        Whether each is decided to be a cover: its probability is above `threshold`.
    threshold : float
    expected : float or None
        How many covers were expected; None where the model has no calibration.
    """

    probability: list[float]
    predicted: list[bool]
    threshold: float
    expected: float | None


def decide(
    scores: NDArray[np.float64],
    p: NDArray[np.float64],
    calibration: Calibration | None,
    *,
    searched: int,
    expected: float | None = None,
) -> Decision:
    """Decide which performances are covers of a query.

    With a calibration the cover probability is 1 less calibrated p, at the odds of `expected` covers among
    `searched` performances. Without one it is 1 - p.

    Parameters
    ----------
    scores : NDArray[float64], shape (n,)
        Logits s of the head: high is non-cover.
    p : NDArray[float64], shape (n,)
        σ(s).
    calibration : Calibration or None
        The model's.
    searched : int
        Performances in the collection, without the query.
    expected : float, optional
        Covers to expect in the collection; by default what the calibration says.

    Raises
    ------
    UsageError
        When `expected` is not above 0 and finite, or is given without a calibration.
    """
    if calibration is None:
        if expected is not None:
            raise UsageError(f"the index has no calibration to shift: {CALIBRATE}")
        return _decision(1 - p, THRESHOLD, None)
    count = calibration.expected if expected is None else expected
    if not 0 < count < float("inf"):
        raise UsageError(f"the covers to expect must be a number above 0, not {expected}")
    calibrated = calibration.probability(scores, max(searched, 1) / count)
    return _decision(1 - calibrated, 1 - calibration.calibrated_threshold, count)


def word(predicted: bool) -> str:
    """What people are told of a decision: ``cover`` or ``non-cover``."""
    return "cover" if predicted else "non-cover"


def _decision(probability: NDArray[np.float64], threshold: float, expected: float | None) -> Decision:
    return Decision(probability.tolist(), (probability > threshold).tolist(), threshold, expected)
