"""Fit what a search says: the weights of its evidence, and the probability of a match at every size of a collection."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from covsearch.dataset.pairs import COVER, NON_COVER
from covsearch.errors import ArtefactError
from covsearch.evaluate.calibration import Fitted, class_weights, logistic
from covsearch.evaluate.ranks import rank_covers
from covsearch.ranking.chance import Chance
from covsearch.ranking.fusion import Fusion

FALSE_ALARMS = 0.05
_ONE_KIND = "expected covers and non-covers among the performances: there is nothing to fit a search on"
_LEANINGS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0)  # of the head's fitted weight; more is no fit, even where all are told apart
DRAWS = 8  # collections of each size that every query searches
_KNEE = 0.95  # the quantile of non-covers' alignment from which it counts fully
_RIDGE = 1e-6  # keeps weights finite where pairs are told apart without a mistake
_FLATTEST = 1e-6  # of a model that tells nothing: then all matches are as likely
_TENTH = -math.log(-math.log(0.9))  # which Gumbel's distribution passes in one case of ten
_TAIL = -math.log(-math.log(1 - 0.8 * FALSE_ALARMS))


def fit_fusion(
    score: NDArray[np.float64], aligned: NDArray[np.float64], label: NDArray[np.int64], head: float = 0.0
) -> Fusion:
    """Weights at even odds, by logistic regression under the bound that none is negative.

    Parameters
    ----------
    score : NDArray[float64], shape (n,)
        The head's scores of pairs.
    aligned : NDArray[float64], shape (n,)
        :func:`~covsearch.ranking.fusion.log_qmax` of the same.
    label : NDArray[int64], shape (n,)
        0 = cover; both classes.
    head : float
        The least weight of the head.
    """
    knee = float(np.quantile(aligned[label != COVER], _KNEE))
    evidence = np.stack([-score, aligned, np.maximum(aligned - knee, 0)], axis=1)
    scale = np.maximum(evidence.std(axis=0), 1e-9)
    middle = evidence.mean(axis=0)
    x = (evidence - middle) / scale
    sign = np.where(label == COVER, 1.0, -1.0)
    weight = class_weights(label)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x @ values[:-1] + values[-1])
        slope = -weight * sign * 0.5 * (1 - np.tanh(0.5 * margin))  # -sign σ(-margin), without overflow
        gradient = np.append(slope @ x + 2 * _RIDGE * values[:-1], slope.sum())
        return float(weight @ np.logaddexp(0, -margin) + _RIDGE * np.square(values[:-1]).sum()), gradient

    bounds = [(head * scale[0], None), (0, None), (0, None), (None, None)]
    found = minimize(loss, np.array([head * scale[0], 0, 0, 0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    by_head, along, beyond = (found[:3] / scale).tolist()
    return Fusion(by_head, along, beyond, knee, float(found[3] - found[:3] / scale @ middle))


def fit_robust_fusion(score: NDArray[np.float64], aligned: NDArray[np.float64], work: NDArray[np.int64]) -> Fusion:
    """The fit that leans on the head as far as it costs nothing that can be told from chance.

    Renderings of one score keep every note, which alignment rewards more than real recordings will; there the two
    err differently. So the head's weight grows by halves of its fitted value while the mean average precision falls by
    no more than one standard error of that fall.

    Parameters
    ----------
    score, aligned : NDArray[float64], shape (M, M)
        Of all pairs, as for :func:`fit_fusion`; diagonals are not looked at.
    work : NDArray[int64], shape (M,)
        Numbers of their works, of which one at least has two performances.

    References
    ----------
    The rule of one standard error: Breiman et al., "Classification and regression trees", 1984, section 3.4.3.
    """
    above = np.triu_indices(len(work), 1)
    pairs = score[above], aligned[above], np.where(work[above[0]] == work[above[1]], COVER, NON_COVER)
    best = chosen = fit_fusion(*pairs)
    reached = work_precisions(best.ratio(score, aligned), work)
    for factor in _LEANINGS if best.head else ():
        tried = fit_fusion(*pairs, head=factor * best.head)
        fall = reached - work_precisions(tried.ratio(score, aligned), work)
        if fall.mean() > fall.std() / math.sqrt(len(fall)):
            break
        chosen = tried
    return chosen


def work_precisions(ratio: NDArray[np.float64], work: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average precision of each work that has two performances or more: the mean over these as queries.

    Parameters
    ----------
    ratio : NDArray[float64], shape (M, M)
        High = cover; the diagonal is not looked at.
    work : NDArray[int64], shape (M,)
    """
    ranks = rank_covers(lambda rows: -ratio[rows], work)
    sums = np.bincount(ranks.work, weights=ranks.average_precision())
    asked = np.bincount(ranks.work)
    return sums[asked > 0] / asked[asked > 0]


@dataclass(frozen=True, eq=False)
class PairMatrices:
    """What is known of all pairs of M performances, each matrix (M, M); diagonals are not looked at.

    Attributes
    ----------
    score : NDArray[float64]
        The head's.
    coarse, fine : NDArray[float64]
        :func:`~covsearch.ranking.fusion.log_qmax` at either coarseness (:mod:`covsearch.stages`).
    work : NDArray[int64], shape (M,)
        Numbers of their works.
    """

    score: NDArray[np.float64]
    coarse: NDArray[np.float64]
    fine: NDArray[np.float64]
    work: NDArray[np.int64]


@dataclass(frozen=True)
class SearchFit:
    """The part of a :class:`~covsearch.index.calibration.Calibration` that is of searches."""

    coarse: Fusion
    fine: Fusion
    by_head: Chance
    by_alignment: Chance


def whole_works(work: NDArray[np.int64], enough: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of whole works, drawn until they are at least `enough`; all where there are not so many.

    Parameters
    ----------
    work : NDArray[int64], shape (M,)
        Numbers of the works, from 0 on, M at least 1.
    enough : int
    rng : numpy.random.Generator
    """
    drawn = rng.permutation(work.max() + 1)
    rank = np.argsort(drawn)[work]  # of each row's work in the order drawn
    last = np.sort(rank)[min(enough, len(rank)) - 1]
    return np.flatnonzero(rank <= last)


def fit_search(pairs: PairMatrices, fitted: Fitted, seed: int) -> SearchFit:
    """Fit the weights of both alignments, and what best matches mean with and without them.

    Parameters
    ----------
    pairs : PairMatrices
    fitted : Fitted
        Platt scaling of the head's scores.
    seed : int

    Raises
    ------
    ArtefactError
        As :func:`fit_chance`.
    """
    above = np.triu_indices(len(pairs.work), 1)
    label = np.where(pairs.work[above[0]] == pairs.work[above[1]], COVER, NON_COVER)
    if len(np.unique(label)) < 2:
        raise ArtefactError(_ONE_KIND)
    coarse, fine = (fit_robust_fusion(pairs.score, some, pairs.work) for some in (pairs.coarse, pairs.fine))
    head = -(fitted.slope * pairs.score + fitted.intercept)
    by_head, by_alignment = (
        fit_chance(ratio, pairs.work, seed) for ratio in (head, fine.ratio(pairs.score, pairs.fine))
    )
    return SearchFit(coarse, fine, by_head, by_alignment)


def fit_chance(ratio: NDArray[np.float64], work: NDArray[np.int64], seed: int) -> Chance:
    """Judge best matches where the performances of some works query collections of 1, 2, 4, ... of the others.

    Every query searches collections of each size, drawn from the other works, without its covers and with them. The
    offset makes the ratios that chance reaches in one search of ten right on average over the sizes. Slope and bias
    make the probabilities of best matches right, with and without covers at even odds. The threshold is what chance
    passes in at most 5 % of the searches at the size where it comes highest. These collections are too small to show
    a query's own level; that of a large one is set so that Gumbel's distribution, which the best of many follows,
    passes the threshold in 4 %: a tail that is not quite exponential has some room left.

    Parameters
    ----------
    ratio : NDArray[float64], shape (M, M)
        Log likelihood ratio of each performance (row) as a query with each other one; the diagonal is not looked at.
    work : NDArray[int64], shape (M,)
        Numbers of their works.
    seed : int
        Of the drawn collections.

    Raises
    ------
    ArtefactError
        When no work has two performances, there is one work only, or all pairs have one ratio.
    """
    searches = _searches(ratio, work, np.random.default_rng([seed, 7]))
    sizes = sorted(searches)
    if not sizes:
        raise ArtefactError(_ONE_KIND)
    highest = [float(np.quantile([best[0] for best, _ in searches[n]], 0.9)) - math.log(n) for n in sizes]
    offset = float(np.mean(highest)) - _TENTH
    by_chance = {n: np.array([best[0] for best, _ in searches[n]]) - math.log(n) - offset for n in sizes}
    found = [_found(best, cover, n, offset) for n in sizes for best, cover in searches[n] if len(cover)]
    z = np.concatenate([*by_chance.values(), [z for z, _ in found]])
    wrong = np.concatenate([np.ones(sum(map(len, by_chance.values()))), [not right for _, right in found]])
    if not z.std():
        raise ArtefactError(f"all best matches are {z[0]:.3g} above chance: covers cannot be told from it")
    slope, bias = logistic(-z, wrong.astype(np.int64), intercept=True)
    slope = max(slope, _FLATTEST)
    worst = max(float(np.quantile(some, 1 - FALSE_ALARMS, method="higher")) for some in by_chance.values())
    threshold = 0.5 * (1 + math.tanh(0.5 * (slope * np.nextafter(worst, math.inf) - bias)))
    return Chance(offset, _TAIL - worst, slope, -bias, float(np.clip(threshold, 1e-6, 1 - 1e-6)))


_Search = tuple[NDArray[np.float64], NDArray[np.float64]]  # ratios of a collection, descending; those of the covers


def _searches(
    ratio: NDArray[np.float64], work: NDArray[np.int64], rng: np.random.Generator
) -> dict[int, list[_Search]]:
    """By size, what each query found in collections without covers, and its covers' ratios (none for most)."""
    rows = np.arange(len(work))
    others = {int(row): np.flatnonzero(work != work[row]) for row in rows}
    covers = {int(row): np.flatnonzero((work == work[row]) & (rows != row)) for row in rows}
    largest = min((len(some) for some in others.values()), default=0)
    sizes = sorted({*(2**k for k in range(int(math.log2(largest)) + 1)), largest}) if largest else []
    if not any(len(some) for some in covers.values()):
        return {}
    found: dict[int, list[_Search]] = {}
    for size in sizes:
        for row in rows.tolist():
            for _ in range(DRAWS if size < largest else 1):
                drawn = ratio[row, rng.choice(others[row], size, replace=False)]
                found.setdefault(size, []).append((np.sort(drawn)[::-1], ratio[row, covers[row]]))
    return found


def _found(best: NDArray[np.float64], cover: NDArray[np.float64], size: int, offset: float) -> tuple[float, bool]:
    """How far the best match is above the level where the covers are in the collection, and whether it is one."""
    highest = max(float(best[0]), float(cover.max()))
    return highest - math.log(size + len(cover)) - offset, bool(cover.max() > best[0])
