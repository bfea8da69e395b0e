"""What several seeds say together: spreads, and whether the quantum block makes a difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from covsearch.counting import counted
from covsearch.evaluate.bootstrap import LEVEL, Interval, bootstrap_over_works
from covsearch.reproduce.judged import JudgedRun

ENOUGH = 3  # seeds for an interval: of two, Student's t allows any difference
ENOUGH_PAIRS = 50  # for a statement: of fewer, an AUC is off by a tenth and more by chance


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds: mean, and standard deviation where there are several."""

    mean: float
    std: float | None

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.std is None else f"{self.mean:.3f} ± {self.std:.3f}"


@dataclass(frozen=True)
class Difference:
    """AUC of the hybrid less AUC of the CNN on the same test pairs, on one split.

    Attributes
    ----------
    split : str
    mean : float
        Over the seeds.
    interval : Interval or None
        95 % of that mean by Student's t, paired by seed; None for less than three seeds or fifty test pairs.
    p : float or None
        Of the paired t test.
    pairs : int
        Test pairs, the fewest of a seed.
    within : tuple of (int, float, Interval)
        Of every seed: the difference, and its 95 % interval over works.
    """

    split: str
    mean: float
    interval: Interval | None
    p: float | None
    pairs: int
    within: tuple[tuple[int, float, Interval], ...]

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        within = [{"seed": seed, "difference": value, **asdict(interval)} for seed, value, interval in self.within]
        return {**asdict(self), "within": within}

    @property
    def verdict(self) -> str:
        """What may be said of it."""
        if self.pairs < ENOUGH_PAIRS:
            return f"{counted(self.pairs, 'test pair')}: no statement; at least {ENOUGH_PAIRS} are needed"
        if self.interval is None:
            return f"{counted(len(self.within), 'seed')}: no statement; at least {ENOUGH} are needed"
        if self.interval.low > 0:
            return "the quantum block is better"
        return "the quantum block is worse" if self.interval.high < 0 else "the two cannot be told apart"


def over_seeds(values: Sequence[float]) -> Spread:
    """Mean and standard deviation (ddof 1) of a figure over the seeds."""
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def runs_of(judged: Sequence[JudgedRun], branch: str, split: str) -> list[JudgedRun]:
    """The runs of one model on one split, by seed."""
    return sorted((j for j in judged if (j.run.branch, j.run.split) == (branch, split)), key=lambda j: j.run.seed)


def auc_interval(one: JudgedRun) -> Interval:
    """95 % of a run's test AUC, bootstrap over works."""
    return bootstrap_over_works({"": one.score}, one.label, one.work_a, one.work_b, seed=one.run.seed).interval("")


def difference(judged: Sequence[JudgedRun], split: str) -> Difference:
    """The hybrid's AUC less the CNN's on `split`, seed by seed and over all."""
    sides = zip(runs_of(judged, "cnn", split), runs_of(judged, "hybrid", split), strict=True)
    within = tuple(_within(cnn, hybrid) for cnn, hybrid in sides)
    values = np.array([value for _, value, _ in within])
    mean, pairs = float(values.mean()), min(len(one.label) for one in runs_of(judged, "cnn", split))
    if len(values) < ENOUGH or pairs < ENOUGH_PAIRS or values.std() == 0:
        return Difference(split, mean, None, None, pairs, within)
    test = stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval(LEVEL)
    return Difference(split, mean, Interval(float(low), float(high)), float(test.pvalue), pairs, within)


def _within(cnn: JudgedRun, hybrid: JudgedRun) -> tuple[int, float, Interval]:
    scores = {"cnn": cnn.score, "hybrid": hybrid.score}
    drawn = bootstrap_over_works(scores, cnn.label, cnn.work_a, cnn.work_b, seed=cnn.run.seed)
    return cnn.run.seed, hybrid.auc - cnn.auc, drawn.difference("hybrid", "cnn")
