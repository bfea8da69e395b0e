"""Accuracy, ROC and AUC of scored pairs: label 0 = cover, label 1 = non-cover, a low score means cover.

Every score is a distance or a probability that grows as two performances look less like one work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from covsearch.counting import comma_list
from covsearch.dataset.pairs import COVER, NON_COVER
from covsearch.errors import UsageError

THRESHOLD = 0.5


@dataclass(frozen=True)
class Roc:
    """A ROC curve with covers as what is to be found; every threshold at which it bends, (0, 0) to (1, 1).

    Attributes
    ----------
    false_alarms : NDArray[float64], shape (K,)
        Share of the non-covers that are taken for covers, ascending.
    found : NDArray[float64], shape (K,)
        Share of the covers that are taken for covers, ascending.
    """

    false_alarms: NDArray[np.float64]
    found: NDArray[np.float64]


def accuracy(p: ArrayLike, label: ArrayLike, threshold: float = THRESHOLD) -> float:
    """Share of pairs decided rightly, where a pair is a cover iff ``p < threshold`` (report, section 3).

    Parameters
    ----------
    p : array_like, shape (N,)
        Probability of being a non-cover, in [0, 1].
    label : array_like, shape (N,)
        0 = cover, 1 = non-cover.
    threshold : float
        Below it a pair is a cover; at it, a non-cover.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    UsageError
        For no pairs, unequal lengths, other labels, NaN, or values of `p` outside [0, 1].
    """
    values, labels = checked(p, label)
    if not len(values):
        raise UsageError("accuracy needs at least one pair, got none")
    if values.min() < 0 or values.max() > 1:
        raise UsageError(f"probabilities must lie in [0, 1], got {values.min():g} to {values.max():g}")
    decided = np.where(values < threshold, COVER, NON_COVER)
    return float(np.mean(decided == labels))


def auc(score: ArrayLike, label: ArrayLike) -> float:
    """Area under the ROC curve: how often a non-cover scores above a cover, ties counting half.

    Parameters
    ----------
    score : array_like, shape (N,)
        Any scale; high = non-cover.
    label : array_like, shape (N,)
        0 = cover, 1 = non-cover.

    Returns
    -------
    float
        In [0, 1]; 0.5 is chance.

    Raises
    ------
    UsageError
        As :func:`accuracy`, and when a class is missing.

    References
    ----------
    Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006).
    """
    values, labels = checked(score, label, both_classes=True)
    return float(roc_auc_score(labels, values))


def roc(score: ArrayLike, label: ArrayLike) -> Roc:
    """The ROC curve whose area is :func:`auc`; parameters and errors as there."""
    values, labels = checked(score, label, both_classes=True)
    false_alarms, found, _ = roc_curve(labels == COVER, -values)
    return Roc(false_alarms, found)


def checked(
    score: ArrayLike, label: ArrayLike, *, both_classes: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`score` and `label` as float64 and int64 vectors of one length, or the UsageError that says why not."""
    values, labels = np.asarray(score, dtype=np.float64), np.asarray(label)
    if values.ndim != 1 or values.shape != labels.shape:
        raise UsageError(f"expected scores and labels of one length, got {values.shape} and {labels.shape}")
    if not np.isin(labels, (COVER, NON_COVER)).all():
        raise UsageError(f"labels must be 0 (cover) or 1 (non-cover), got {comma_list(np.unique(labels)[:5])}")
    if not np.isfinite(values).all():
        raise UsageError(f"scores must be finite, {np.sum(~np.isfinite(values))} of {len(values)} are not")
    covers = int(np.sum(labels == COVER))
    if both_classes and not 0 < covers < len(labels):
        raise UsageError(f"AUC needs covers and non-covers, got {covers} and {len(labels) - covers}")
    return values, labels.astype(np.int64)
