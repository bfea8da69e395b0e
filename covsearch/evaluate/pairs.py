"""Several systems on the same pairs: who decides how well, how surely, and by how much better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.counting import comma_list
from covsearch.dataset.pairs import Pairs
from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import REPLICATES, BootstrapAuc, Interval, bootstrap_over_works
from covsearch.evaluate.metrics import Roc, accuracy, auc, roc
from covsearch.index.head import Head
from covsearch.progress import Progress, silent

COLUMNS = ("system", "accuracy at 0.5", "AUC [95 % CI]", "difference [95 % CI]")
_CHUNK = 2**14  # pairs at once: 16 MB of float64 differences


@dataclass(frozen=True)
class PairScores:
    """What one system says of N pairs.

    Attributes
    ----------
    name : str
    score : NDArray[float64], shape (N,)
        Ranks the pairs; any scale, high = non-cover.
    probability : NDArray[float64], shape (N,), or None
        Probability of being a non-cover; None for a bare distance, for which 0.5 means nothing.
    """

    name: str
    score: NDArray[np.float64]
    probability: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class PairReport:
    """How one system does.

    Attributes
    ----------
    name : str
    accuracy : float or None
        At threshold 0.5; None where there are no probabilities.
    auc : float
    ci : Interval
        95 % of `auc`, bootstrap over works.
    difference : float or None
        `auc` minus the reference system's; None for the reference itself.
    difference_ci : Interval or None
        95 %, paired: both on the same works drawn.
    roc : Roc
    """

    name: str
    accuracy: float | None
    auc: float
    ci: Interval
    difference: float | None
    difference_ci: Interval | None
    roc: Roc

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS`; ``-`` where there is none."""
        accuracy = "-" if self.accuracy is None else f"{self.accuracy:.3f}"
        more = "-" if self.difference is None else f"{self.difference:+z.3f} {self.difference_ci:+z.3f}"
        return (self.name, accuracy, f"{self.auc:.3f} {self.ci:.3f}", more)


def head_scores(vectors: NDArray[np.float32], pairs: Pairs, head: Head, name: str) -> PairScores:
    """The learned head on pairs of embeddings.

    Parameters
    ----------
    vectors : NDArray[float32], shape (M, 128)
    pairs : Pairs
        N pairs of rows of `vectors`.
    head : Head
    name : str
        What to call the model.

    Returns
    -------
    PairScores
        Scores are the logits s, which unlike p never round to a tie at 0 or 1.
    """
    score = np.empty(len(pairs))
    for k in range(0, len(pairs), _CHUNK):
        rows = slice(k, k + _CHUNK)
        delta = vectors[pairs.a[rows]].astype(np.float64) - vectors[pairs.b[rows]]  # (n, 128)
        score[rows] = delta**2 @ head.alpha.astype(np.float64) + head.beta
    return PairScores(name, score, head.probability(score))


def compare_systems(
    systems: Sequence[PairScores],
    label: NDArray[np.int64],
    work_a: ArrayLike,
    work_b: ArrayLike,
    *,
    reference: str,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[tuple[PairReport, ...], BootstrapAuc]:
    """Report every system on the same pairs, and its difference to one of them.

    Parameters
    ----------
    systems : sequence of PairScores
        With distinct names.
    label : NDArray[int64], shape (N,)
        0 = cover, 1 = non-cover.
    work_a, work_b : array_like of str or int, shape (N,)
        The works of both sides of each pair.
    reference : str
        The system that differences are taken to.
    replicates, seed : int
        Of the bootstrap over works.
    progress : Progress
        Told after every replicate.

    Returns
    -------
    reports : tuple of PairReport
        In the order of `systems`.
    bootstrap : BootstrapAuc

    Raises
    ------
    UsageError
        When the reference is none of the systems, and for what the metrics refuse.
    """
    scores = {system.name: system.score for system in systems}
    if reference not in scores or len(scores) < len(systems):
        raise UsageError(
            f"systems must have distinct names and one must be {reference!r}, got {comma_list(sorted(scores))}"
        )
    areas = {name: auc(score, label) for name, score in scores.items()}
    draws = bootstrap_over_works(scores, label, work_a, work_b, replicates=replicates, seed=seed, progress=progress)
    reports = tuple(
        PairReport(
            name=system.name,
            accuracy=None if system.probability is None else accuracy(system.probability, label),
            auc=areas[system.name],
            ci=draws.interval(system.name),
            difference=None if system.name == reference else areas[system.name] - areas[reference],
            difference_ci=None if system.name == reference else draws.difference(system.name, reference),
            roc=roc(system.score, label),
        )
        for system in systems
    )
    return reports, draws
