"""Open-set detection: is a cover found that is there, and is none found where there is none?

Pure functions of what searches told of their best matches; :mod:`covsearch.evaluate.detection_trials` makes the
searches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import comma_list
from covsearch.dataset.pairs import COVER, NON_COVER
from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import REPLICATES, Interval, bootstrap_means, percentile_interval
from covsearch.evaluate.calibration import Reliability, reliability

ALARMS = (0.01, 0.05)
"""Shares of false alarms at which detection is also told, whatever the threshold is."""
BINS = 10


@dataclass(frozen=True, eq=False)
class Answers:
    """What Q searches told of their best matches.

    Attributes
    ----------
    probability : NDArray[float64], shape (Q,)
        Cover probability of each best match, near 1 cover.
    called : NDArray[bool], shape (Q,)
        Whether it was called a cover.
    right : NDArray[bool], shape (Q,)
        Whether it is what was looked for.
    work : NDArray[int64], shape (Q,)
        A number for the work of each query.
    """

    probability: NDArray[np.float64]
    called: NDArray[np.bool_]
    right: NDArray[np.bool_]
    work: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = {values.shape for values in vars(self).values()}
        if len(shapes) > 1 or len(self.work) == 0:
            raise UsageError(
                f"expected one value a query and at least one query, got shapes {comma_list(sorted(shapes))}"
            )


@dataclass(frozen=True)
class Rate:
    """A share of queries, or another figure over them, with its 95 % interval."""

    value: float
    ci: Interval

    def __format__(self, form: str) -> str:
        return f"{self.value:{form}} {self.ci:{form}}"

    def to_dict(self) -> dict[str, Any]:
        """Value and interval, ready for :func:`json.dumps`."""
        return {"value": self.value, "ci": [self.ci.low, self.ci.high]}


@dataclass(frozen=True, eq=False)
class Detection:
    """How well covers are told from chance, at one size of the collection.

    Attributes
    ----------
    queries : int
        Each asked with its covers there and without them.
    detected : Rate
        The best match is a cover and is called one.
    false_alarms : Rate
        Without covers there, the best match is called one.
    detected_at : mapping of float to float
        Share of false alarms -> detection where the threshold gives no more of them (:data:`ALARMS`).
    diagram : Reliability
        Of the best matches' cover probabilities, with and without covers there: told, and share that are covers.
    """

    queries: int
    detected: Rate
    false_alarms: Rate
    detected_at: Mapping[float, float]
    diagram: Reliability

    @property
    def ece(self) -> float:
        """Expected calibration error of the best matches' probabilities, in [0, 1]."""
        return self.diagram.ece

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        told = {name: values.tolist() for name, values in vars(self.diagram).items()}
        return {
            "queries": self.queries,
            "detected": self.detected.to_dict(),
            "false_alarms": self.false_alarms.to_dict(),
            "detected_at_false_alarms": {f"{share:g}": rate for share, rate in self.detected_at.items()},
            "ece": self.ece,
            "reliability": told,
        }


def judge_detection(present: Answers, absent: Answers, *, replicates: int = REPLICATES, seed: int = 0) -> Detection:
    """Judge searches for the same queries with their covers in the collection and without.

    Parameters
    ----------
    present, absent : Answers
        With the covers and without. Both of the same works; nothing is right in `absent`.
    replicates, seed : int
        Of the bootstrap over works.

    Raises
    ------
    UsageError
        When something is right without covers there, or the two are of different works.
    """
    if absent.right.any():
        raise UsageError("expected no right match among searches without covers, but some are")
    if not np.array_equal(np.sort(present.work), np.sort(absent.work)):
        raise UsageError("expected the same queries with and without covers, but their works differ")
    return Detection(
        queries=len(present.work),
        detected=share_of(present.called & present.right, present.work, replicates=replicates, seed=seed),
        false_alarms=share_of(absent.called, absent.work, replicates=replicates, seed=seed),
        detected_at={share: detected_at(present, absent, share) for share in ALARMS},
        diagram=told_and_so([present, absent]),
    )


def share_of(which: NDArray[np.bool_], work: NDArray[np.int64], *, replicates: int = REPLICATES, seed: int = 0) -> Rate:
    """The share of queries, with a 95 % interval by drawing whole works with replacement.

    Parameters
    ----------
    which : NDArray[bool], shape (Q,)
    work : NDArray[int64], shape (Q,)
        The work of each query.
    replicates, seed : int
    """
    drawn = bootstrap_means({"share": which.astype(np.float64)}, work, replicates=replicates, seed=seed)["share"]
    return Rate(float(which.mean()), percentile_interval(drawn))


def detected_at(present: Answers, absent: Answers, alarms: float) -> float:
    """The detection rate with the lowest threshold that a share of at most `alarms` of the absent passes.

    Parameters
    ----------
    present, absent : Answers
    alarms : float
        In [0, 1].
    """
    return float((present.right & (present.probability > threshold_at(absent, alarms))).mean())


def threshold_at(absent: Answers, alarms: float) -> float:
    """The lowest threshold that a share of at most `alarms` of the absent passes; what is above it passes."""
    if not 0 <= alarms <= 1:
        raise UsageError(f"the share of false alarms must lie in [0, 1], not {alarms:g}")
    descending = np.sort(absent.probability)[::-1]
    allowed = math.floor(alarms * len(descending) + 1e-9)
    return float(descending[allowed]) if allowed < len(descending) else -math.inf


def told_and_so(answers: Sequence[Answers], bins: int = BINS) -> Reliability:
    """Told cover probabilities beside the share that are covers, every best match counting as much.

    Parameters
    ----------
    answers : sequence of Answers
        Of which all best matches are taken together.
    bins : int
        Of equal mass.
    """
    told = np.concatenate([some.probability for some in answers])
    label = np.where(np.concatenate([some.right for some in answers]), COVER, NON_COVER)
    diagram = reliability(1 - told, label, np.ones(len(told)), bins)  # which is of the probability of a non-cover
    turned = (1 - diagram.predicted, 1 - diagram.observed, diagram.weight)
    return Reliability(*(values[::-1].copy() for values in turned))
