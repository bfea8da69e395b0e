"""Whether p means what it says: fitting a calibration, and the expected calibration error of one.

Everywhere label 0 = cover, label 1 = non-cover, and p is the probability of a non-cover. Covers and non-covers weigh
one half each, however many there are: all pairs of some works have more to say than a balanced list, of their
non-covers above all, and the weights keep the odds those of the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

from covsearch.dataset.pairs import COVER, NON_COVER
from covsearch.errors import ArtefactError, UsageError
from covsearch.evaluate.bootstrap import Interval, WorkWeights, percentile_interval, replicated
from covsearch.evaluate.metrics import THRESHOLD, checked
from covsearch.index.calibration import HOTTEST, Calibration
from covsearch.index.head import Head
from covsearch.progress import Progress, silent

BINS = 15
REPLICATES = 200  # of the expected calibration error, each of which bins all pairs anew


@dataclass(frozen=True)
class Fitted:
    """Platt scaling (slope, intercept), temperature, and the threshold on p; see :class:`Calibration`."""

    slope: float
    intercept: float
    temperature: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: what was said and what was so, in bins of equal weight.

    Attributes
    ----------
    predicted, observed, weight : NDArray[float64], shape (B,)
        Mean p, share of non-covers and weight of each bin; weights sum to 1. Equal p share a bin, so B may be less
        than was asked for.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Expected calibration error, in [0, 1]: the mean distance of said and so."""
        return float(self.weight @ np.abs(self.predicted - self.observed))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """How far one reading of the scores means what it says.

    Attributes
    ----------
    diagram : Reliability
    ci : Interval
        95 % of its expected calibration error, bootstrap over works.
    """

    diagram: Reliability
    ci: Interval

    @property
    def ece(self) -> float:
        """Expected calibration error, in [0, 1]."""
        return self.diagram.ece


@dataclass(frozen=True, eq=False)
class CalibrationScore:
    """How a calibration does on pairs.

    Attributes
    ----------
    accuracy, accuracy_calibrated : float
        Of p against 0.5, and against the calibrated threshold, at even odds.
    threshold : float
        The calibrated one.
    before, temperature, after : Calibrated
        p, p after temperature scaling, calibrated p (Platt).
    """

    accuracy: float
    accuracy_calibrated: float
    threshold: float
    before: Calibrated
    temperature: Calibrated
    after: Calibrated

    def to_dict(self) -> dict[str, Any]:
        """Everything but the diagrams, ready for :func:`json.dumps`."""
        readings = {"before": self.before, "temperature": self.temperature, "after": self.after}
        errors = {name: {"ece": some.ece, "ci": [some.ci.low, some.ci.high]} for name, some in readings.items()}
        plain = {"accuracy": self.accuracy, "accuracy_calibrated": self.accuracy_calibrated}
        return {**plain, "threshold": self.threshold, "ece": errors, "bins": BINS}

    def sentence(self) -> str:
        """The figures in one line."""
        return (
            f"accuracy {self.accuracy:.3f} at 0.5, {self.accuracy_calibrated:.3f} at the calibrated "
            f"{self.threshold:.3f}; ECE {self.before.ece:.3f} before, {self.after.ece:.3f} after"
        )


def fit_calibration(score: ArrayLike, label: ArrayLike) -> Fitted:
    """Fit Platt scaling, temperature and the accuracy-optimal threshold at even odds.

    Platt's softened targets stand for the labels, so that pairs which a model tells apart without a mistake do not
    drive the slope to infinity.

    Parameters
    ----------
    score : array_like, shape (N,)
        Logits s; high = non-cover.
    label : array_like, shape (N,)

    Raises
    ------
    UsageError
        For pairs of one class only, and for what :func:`covsearch.evaluate.metrics.checked` refuses.
    ArtefactError
        When the scores of covers are not below those of non-covers: no rising curve fits.

    References
    ----------
    Platt (1999); Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    values, labels = checked(score, label, both_classes=True)
    threshold = best_threshold(values, labels)
    slope, intercept = logistic(values, labels, intercept=True)
    inverse, _ = logistic(values, labels, intercept=False)
    if not slope > 0:
        raise ArtefactError(
            f"on these pairs covers do not score below non-covers (slope {slope:.3g}): calibrating would turn the "
            "ranking round; train the model again"
        )
    # where nearly all s have one sign, no temperature is better than the hottest: p = 0.5 for every pair
    return Fitted(slope, intercept, 1 / max(inverse, 1 / HOTTEST), threshold)


def logistic(score: NDArray[np.float64], label: NDArray[np.int64], *, intercept: bool) -> tuple[float, float]:
    """Slope and intercept of a logistic regression on Platt's targets, without a penalty; both classes weigh one half.

    Parameters
    ----------
    score : NDArray[float64], shape (N,)
    label : NDArray[int64], shape (N,)
        0 or 1, both of them; 1 where scores are high.
    intercept : bool
        False fits a slope alone.
    """
    middle, spread = float(score.mean()) if intercept else 0.0, float(score.std())
    score = (score - middle) / spread  # any scale of scores is as good for the solver
    own = np.where(label == COVER, 1 - 1 / (np.sum(label == COVER) + 2), 1 - 1 / (np.sum(label != COVER) + 2))
    weight = class_weights(label) * len(label)
    twice = np.concatenate([score, score])[:, None]  # (2N, 1): once as it is labelled, once a little as it is not
    targets = np.concatenate([label, NON_COVER - label])
    model = LogisticRegression(C=np.inf, fit_intercept=intercept, solver="newton-cholesky", tol=1e-10)
    model.fit(twice, targets, sample_weight=np.concatenate([weight * own, weight * (1 - own)]))
    slope = float(model.coef_[0, 0]) / spread
    return slope, float(np.atleast_1d(model.intercept_)[0]) - slope * middle


def best_threshold(score: ArrayLike, label: ArrayLike) -> float:
    """The threshold on p = σ(s) below which calling pairs covers is right most often at even odds.

    Half way between two neighbouring scores; of thresholds that do as well, the one nearest to 0.5.
    """
    values, labels = checked(score, label, both_classes=True)
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        raise ArtefactError(f"all {len(values)} pairs score {values[0]:g}: no threshold tells them apart")
    sign = np.where(labels == COVER, 1.0, -1.0) * class_weights(labels)
    gain = np.cumsum(np.bincount(place, weights=sign))[:-1]  # of calling the k lowest scores covers
    between = (distinct[:-1] + distinct[1:]) / 2
    best = between[gain >= gain.max() - 1e-12]
    p = Head.probability(best[[np.argmin(np.abs(best))]])[0]
    return float(np.clip(p, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg))


def class_weights(label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights (N,) that sum to one half over the covers and to one half over the non-covers."""
    count = np.bincount(label, minlength=2)
    weights: NDArray[np.float64] = 0.5 / count[label]
    return weights


def reliability(
    p: ArrayLike, label: ArrayLike, weight: NDArray[np.float64] | None = None, bins: int = BINS
) -> Reliability:
    """Bin pairs by p, every bin with (nearly) the same weight.

    Parameters
    ----------
    p : array_like, shape (N,)
        Probability of a non-cover.
    label : array_like, shape (N,)
    weight : NDArray[float64], shape (N,), optional
        At least 0 and not all 0; by default covers and non-covers weigh one half each.
    bins : int
        Of equal mass: in bins of equal width, most would be nearly empty.

    References
    ----------
    Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """
    values, labels = checked(p, label, both_classes=weight is None)
    if len(values) and (values.min() < 0 or values.max() > 1):
        raise UsageError(f"probabilities must lie in [0, 1], got {values.min():g} to {values.max():g}")
    share = class_weights(labels) if weight is None else weight / weight.sum()
    return _Diagram(values, labels).binned(share, bins)


class _Diagram:
    """Pairs in the order of p, found once and binned anew for every weighting."""

    def __init__(self, p: NDArray[np.float64], label: NDArray[np.int64]) -> None:
        self._order = np.argsort(p, kind="stable")
        self._p, self._label = p[self._order], label[self._order].astype(np.float64)
        self._last = np.searchsorted(self._p, self._p, side="right") - 1  # (N,) the last pair with the same p

    def binned(self, share: NDArray[np.float64], bins: int) -> Reliability:
        """The diagram with these weights (N,), in the pairs' own order, that sum to 1."""
        share = share[self._order]
        below = np.cumsum(share)[self._last]  # equal p, equal bin
        place = np.clip(np.ceil(below * bins - 1e-9).astype(np.int64) - 1, 0, bins - 1)
        mass, said, so = (
            np.bincount(place, weights=values, minlength=bins).astype(np.float64)
            for values in (share, share * self._p, share * self._label)
        )
        some = mass > 0
        return Reliability(said[some] / mass[some], so[some] / mass[some], mass[some])


def judge_calibration(
    score: ArrayLike,
    label: ArrayLike,
    work_a: ArrayLike,
    work_b: ArrayLike,
    calibration: Calibration | Fitted,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress = silent,
) -> CalibrationScore:
    """Judge a calibration on pairs.

    Parameters
    ----------
    score : array_like, shape (N,)
        Logits s.
    label : array_like, shape (N,)
    work_a, work_b : array_like of str or int, shape (N,)
        The works of both sides of each pair.
    calibration : Calibration or Fitted
    replicates, seed : int
        Of the bootstrap over works.
    progress : Progress

    Raises
    ------
    UsageError
        For pairs of one class only, or labels that contradict the works.
    """
    values, labels = checked(score, label, both_classes=True)
    p = {
        "before": Head.probability(values),
        "temperature": Head.probability(values / calibration.temperature),
        "after": Head.probability(calibration.slope * values + calibration.intercept),
    }
    diagrams = {name: _Diagram(some, labels) for name, some in p.items()}
    errors = _resampled(diagrams, labels, WorkWeights(labels, work_a, work_b), replicates, seed, progress)
    even = class_weights(labels)
    said = {
        name: Calibrated(diagram.binned(even, BINS), percentile_interval(errors[name]))
        for name, diagram in diagrams.items()
    }
    usual, own = (_even_accuracy(p["before"], labels, threshold) for threshold in (THRESHOLD, calibration.threshold))
    return CalibrationScore(usual, own, calibration.threshold, **said)


def _even_accuracy(p: NDArray[np.float64], label: NDArray[np.int64], threshold: float) -> float:
    return float(np.sum(class_weights(label)[(p < threshold) == (label == COVER)]))


def _resampled(
    diagrams: dict[str, _Diagram],
    label: NDArray[np.int64],
    works: WorkWeights,
    replicates: int,
    seed: int,
    progress: Progress,
) -> dict[str, NDArray[np.float64]]:
    """Expected calibration errors (R,) of every diagram on the same works drawn, classes weighing one half each."""
    share = np.empty(len(label))

    def once(rng: np.random.Generator) -> dict[str, float]:
        covers, others = works.draw_both(rng)
        share[label == COVER], share[label != COVER] = covers / covers.sum() / 2, others / others.sum() / 2
        return {name: diagram.binned(share, BINS).ece for name, diagram in diagrams.items()}

    return replicated(once, replicates=replicates, seed=seed, stage="bootstrap of the calibration", progress=progress)
