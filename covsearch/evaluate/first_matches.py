"""What a query says first, and whether it is so: calibrated chances at the odds of a whole collection.

Pairs of two works drawn at random are easy, and nearly all pairs are. A query shows the few that are not; what p is
worth there is a matter of its own, fitted with one number: how many covers to expect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.evaluate.calibration import Fitted
from covsearch.index.calibration import Calibration
from covsearch.index.flat import FlatIndex
from covsearch.index.head import Head

COLUMNS = ("first matches of", "queries", "covers", "mean chance", "called covers", "right of those")


@dataclass(frozen=True, eq=False)
class FirstMatches:
    """What comes first where the performances of some works query each other.

    Attributes
    ----------
    score : NDArray[float64], shape (Q,)
        Logit of the first match of every performance.
    cover : NDArray[bool], shape (Q,)
        Whether it is a cover.
    searched : int
        How many performances each query searched.
    """

    score: NDArray[np.float64]
    cover: NDArray[np.bool_]
    searched: int


@dataclass(frozen=True)
class QueryScore:
    """What a calibration says of first matches, and what is so.

    Attributes
    ----------
    queries, searched : int
        How many queries, of how many performances each.
    right : float
        Share of first matches that are covers.
    said : float
        Mean chance of being one, by calibrated p at the odds of the collection.
    found : float
        Share of queries whose first match is decided to be a cover; to the others, no cover is found.
    found_right : float or None
        Share of covers among those; None where there is none.
    """

    queries: int
    searched: int
    right: float
    said: float
    found: float
    found_right: float | None

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS` but the first."""
        right = "-" if self.found_right is None else f"{self.found_right:.3f}"
        return (f"{self.queries:,}", f"{self.right:.3f}", f"{self.said:.3f}", f"{self.found:.3f}", right)


def fit_expected(first: FirstMatches, fitted: Fitted) -> float:
    """How many covers to expect so that first matches are covers as often as calibrated p says on average.

    That is the likeliest shift of the fitted log odds; half a query more of either kind keeps it finite.
    """
    share = (np.sum(first.cover) + 0.5) / (len(first.cover) + 1)
    logits = fitted.slope * first.score + fitted.intercept + math.log(first.searched)
    low, high = float(logits.min()) - 50, float(logits.max()) + 50
    for _ in range(100):  # bisection: the mean chance rises with the shift
        middle = (low + high) / 2
        enough = 1 - Head.probability(logits - middle).mean() > share
        low, high = (low, middle) if enough else (middle, high)
    return math.exp((low + high) / 2)


def judge_first_matches(first: FirstMatches, calibration: Calibration) -> QueryScore:
    """What `calibration` says of first matches beside what is so."""
    p = calibration.probability(first.score, first.searched / calibration.expected)
    found = p < calibration.calibrated_threshold
    return QueryScore(
        len(first.score),
        first.searched,
        float(first.cover.mean()),
        float(1 - p.mean()),
        float(found.mean()),
        float(first.cover[found].mean()) if found.any() else None,
    )


def first_matches(vectors: NDArray[np.float32], work: ArrayLike, head: Head) -> FirstMatches:
    """Let every performance query all others, as ``covsearch query`` would.

    Parameters
    ----------
    vectors : NDArray[float32], shape (M, 128)
        Of at least two performances.
    work : array_like of str or int, shape (M,)
    head : Head
    """
    flat, works = FlatIndex(vectors, head), np.asarray(work)
    ranked = [flat.rank(vector, 1, exclude=row) for row, vector in enumerate(vectors)]
    nearest = np.array([ranking.rows[0] for ranking in ranked])
    distance = np.array([ranking.distances[0] for ranking in ranked])
    return FirstMatches(distance + head.beta, works[nearest] == works, len(vectors) - 1)
