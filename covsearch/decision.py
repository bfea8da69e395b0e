"""The decision: which matches are covers, and how probable; the one rule that queries and comparisons share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.ranking.chance import Chance

THRESHOLD = 0.5  # of a model without a calibration: cover iff the cover probability is above it
CALIBRATE = "run `covsearch calibrate`, then `covsearch build-index`"


@dataclass(frozen=True)
class Decision:
    """What is decided of some performances, all by one threshold.

    Attributes
    ----------
    probability : sequence of float
        Cover probabilities in [0, 1]: near 1 cover, near 0 non-cover; None where nothing tells them.
    predicted : sequence of bool
        Whether each is decided to be a cover: its probability is above `threshold`; None without one.
    threshold : float or None
    """

    probability: Sequence[float | None]
    predicted: Sequence[bool | None]
    threshold: float | None


def decide(
    ratio: NDArray[np.float64],
    best: NDArray[np.float64],
    chance: Chance,
    same: NDArray[np.bool_],
    *,
    searched: int,
) -> Decision:
    """Decide which matches of a query are covers.

    Parameters
    ----------
    ratio : NDArray[float64], shape (n,)
        Log likelihood ratios of cover against non-cover.
    best : NDArray[float64], shape (k,)
        Those of the query's best matches, descending.
    chance : Chance
        Of the stage that made the ratios.
    same : NDArray[bool], shape (n,)
        Which are the query's own recording: their probability is 1.
    searched : int
        Performances in the collection, without the query.
    """
    probability = chance.probability(ratio, best, searched)
    probability[same] = 1
    return _decision(probability, chance.threshold)


def decide_uncalibrated(p: NDArray[np.float64], same: NDArray[np.bool_]) -> Decision:
    """The same for a model without a calibration, by the head's p (n,): cover probability 1 - p."""
    probability = 1 - p
    probability[same] = 1
    return _decision(probability, THRESHOLD)


def undecided(count: int) -> Decision:
    """Of `count` matches of foreign vectors without a calibration: a cosine alone is no probability."""
    return Decision([None] * count, [None] * count, None)


def word(predicted: bool, same_recording: bool = False) -> str:
    """What people are told of a decision: ``cover``, ``non-cover`` or ``the same recording``."""
    return "the same recording" if same_recording else "cover" if predicted else "non-cover"


def _decision(probability: NDArray[np.float64], threshold: float) -> Decision:
    return Decision(probability.tolist(), (probability > threshold).tolist(), threshold)
