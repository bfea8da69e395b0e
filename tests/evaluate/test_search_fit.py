"""The fit of a search's evidence and probabilities finds what data were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.evaluate.search_fit import FALSE_ALARMS, fit_chance, fit_fusion, fit_robust_fusion
from covsearch.ranking.chance import Chance

Array = NDArray[np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_weights_are_those_of_two_normal_distributions(rng: np.random.Generator) -> None:
    """Equal variances: the log likelihood ratio of N(m, 1) against N(0, 1) is m x - m²/2."""
    label = np.repeat([0, 1], [20_000, 20_000])
    score = rng.normal(0, 1, 40_000) - 1.5 * (label == 0)
    fusion = fit_fusion(score, rng.normal(0, 1, 40_000), label)
    assert fusion.head == pytest.approx(1.5, abs=0.05)
    assert fusion.bias == pytest.approx(-1.125, abs=0.05)
    assert fusion.aligned == pytest.approx(0, abs=0.05)


def test_no_weight_is_negative_where_evidence_misleads(rng: np.random.Generator) -> None:
    label = np.repeat([0, 1], [500, 500])
    fusion = fit_fusion(rng.normal(0, 1, 1000) + (label == 0), rng.normal(0, 1, 1000) - (label == 0), label)
    assert (fusion.head, fusion.aligned, fusion.beyond) == (0, 0, 0)


def test_the_knee_is_where_non_covers_nearly_end(rng: np.random.Generator) -> None:
    label = np.repeat([0, 1], [100, 10_000])
    aligned = rng.normal(0, 1, 10_100)
    assert fit_fusion(rng.normal(0, 1, 10_100), aligned, label).knee == np.quantile(aligned[100:], 0.95)


@pytest.mark.parametrize(("told", "leans"), [(2.0, True), (0.0, False)])
def test_the_fit_leans_on_a_head_that_knows_something_while_it_costs_nothing(
    told: float, leans: bool, rng: np.random.Generator
) -> None:
    work = np.repeat(np.arange(40), 2)
    same = work[:, None] == work
    noise = rng.normal(size=(2, 80, 80))
    score, aligned = noise[0] + noise[0].T - told * same, noise[1] + noise[1].T + 6 * same
    above = np.triu_indices(80, 1)
    plain = fit_fusion(score[above], aligned[above], (~same[above]).astype(np.int64))
    robust = fit_robust_fusion(score, aligned, work)
    assert (robust.head > 1.4 * plain.head) is leans
    ranked = [f.ratio(score, aligned) for f in (plain, robust)]
    first = [
        np.mean([work[np.delete(np.arange(80), i)[np.delete(r[i], i).argmax()]] == work[i] for i in range(80)])
        for r in ranked
    ]
    assert first[1] >= first[0] - 0.02


def chance_and_ratios(rng: np.random.Generator, strength: float) -> tuple[Chance, Array, NDArray[np.int64]]:
    work = np.arange(240) // 2
    ratio = rng.exponential(1, (240, 240)) - 3
    ratio = np.where(work[:, None] == work, ratio + strength, ratio)
    return fit_chance(ratio, work, 0), ratio, work


@pytest.mark.parametrize("size", [1, 2, 10, 87, 200])
def test_chance_is_called_a_cover_in_one_search_of_twenty_at_most(size: int, rng: np.random.Generator) -> None:
    chance, ratio, work = chance_and_ratios(rng, 12)
    alarms = 0
    for row in range(240):
        others = rng.permutation(np.flatnonzero(work != work[row]))[:size]
        best = np.sort(ratio[row, others])[::-1]
        alarms += chance.probability(best[:1], best, size)[0] >= chance.threshold
    assert alarms <= 240 * FALSE_ALARMS + 2 * np.sqrt(240 * FALSE_ALARMS)


@pytest.mark.parametrize("size", [1, 2, 87, 15_000, 1_000_000])
def test_a_strong_match_is_called_a_cover_at_every_size(size: int, rng: np.random.Generator) -> None:
    chance, _, _ = chance_and_ratios(rng, 12)
    assert chance.probability(np.array([25.0]), np.empty(0), size)[0] > chance.threshold


def test_the_level_is_that_of_the_drawn_ratios(rng: np.random.Generator) -> None:
    """One of N exponential ratios is expected above log N - 3."""
    chance, _, _ = chance_and_ratios(rng, 12)
    assert chance.offset == pytest.approx(-3, abs=0.3)


def test_the_same_seed_gives_the_same_fit() -> None:
    assert chance_and_ratios(np.random.default_rng(3), 12)[0] == chance_and_ratios(np.random.default_rng(3), 12)[0]


@pytest.mark.parametrize("work", [np.zeros(4, np.int64), np.arange(4)])
def test_one_work_or_no_covers_are_refused(work: NDArray[np.int64]) -> None:
    with pytest.raises(ArtefactError, match="expected covers and non-covers"):
        fit_chance(np.zeros((4, 4)), work, 0)
