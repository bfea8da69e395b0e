"""What the learned aligner adds to head and alignment: its weight beside theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.config import from_toml
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError, UsageError
from covsearch.guard.files import RefusedError, read_text
from covsearch.ranking.learned import BUNDLED

FIT = "fit.toml"
MAX_FIT_BYTES = 2**13
SHORT, LONG = 60.0, 120.0  # seconds: up to the first nothing is heard, from the second on all


@dataclass(frozen=True)
class AlignerFit:
    """Fitted where validation works of a model and covers of songs held out query each other.

    Attributes
    ----------
    model : str
        Fingerprint of the model beside whose head and alignment the network was weighed.
    share : float
        Its weight, 0 or more: how much of its score is added to their log likelihood ratio.

    Raises
    ------
    UsageError
        When the share is out of range.
    """

    model: str
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < math.inf:
            raise UsageError(f"share must be 0 or more and finite, not {self.share}")

    def evidence(self, learned: NDArray[np.float64], frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """What is added to the log likelihood ratios of pairs, in the shape of both.

        Parameters
        ----------
        learned : NDArray[float64]
            The network's scores, high = cover.
        frames : NDArray[int64]
            About 2.69 of these a second, of the shorter of both performances.
        """
        return self.share * heard(frames) * learned


def heard(frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much the network's judgement counts, in [0, 1], in the shape of `frames`, the shorter performance's.

    In a short matrix it sees little: what its scores are worth beside the alignment grows with the music heard.
    """
    seconds = np.asarray(frames) / SLOW_RATE
    return np.clip((seconds - SHORT) / (LONG - SHORT), 0.0, 1.0)


def load_fit(folder: Path) -> AlignerFit:
    """Read ``fit.toml`` beside a trained aligner's weights.

    Raises
    ------
    ArtefactError
        When it is missing or damaged.
    """
    try:
        fit: AlignerFit = from_toml(read_text(folder / FIT, MAX_FIT_BYTES), fit=AlignerFit)["fit"]
    except (OSError, RefusedError, UsageError, TypeError) as e:
        raise ArtefactError(f"{folder / FIT}: expected what an aligner was fitted to: {e}; fetch it again") from e
    return fit


@cache
def bundled_fit() -> AlignerFit:
    """That of the weights that come with the package, read once."""
    return load_fit(BUNDLED)
