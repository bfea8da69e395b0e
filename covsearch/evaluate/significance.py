"""Whether two systems differ by more than chance: a paired randomisation test over works, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import UsageError

DRAWS = 10_000
_AT_ONCE = 1_000  # draws in memory: 3 MB a thousand works
_ALMOST = 1e-12  # sums of the same numbers in another order


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p values, in their own order.

    Parameters
    ----------
    p : sequence of float
        In [0, 1].

    Returns
    -------
    list of float
        In [0, 1]. Reject where it is below the level: the chance of any wrong rejection is then below that level.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).

    Examples
    --------
    >>> [round(value, 2) for value in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    adjusted, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = worst
    return adjusted


def randomisation_p(
    difference: NDArray[np.float64], work: NDArray[np.int64], *, draws: int = DRAWS, seed: int = 0
) -> float:
    """Two-sided p of a mean difference between two systems, if it were as likely the other way round in every work.

    The sign of all queries of a work is turned at random, `draws` times. Queries of one work are not independent, so
    they are turned together.

    Parameters
    ----------
    difference : NDArray[float64], shape (Q,)
        A figure of each query by one system, less that by the other.
    work : NDArray[int64], shape (Q,)
        The work of each query.
    draws, seed : int

    Returns
    -------
    float
        In (0, 1]: (1 + draws that differ as much or more) / (1 + draws).

    Raises
    ------
    UsageError
        For less than one draw.

    References
    ----------
    Smucker, Allan, Carterette, "A comparison of statistical significance tests for information retrieval evaluation",
    CIKM (2007).

    Examples
    --------
    >>> randomisation_p(np.zeros(4), np.array([0, 0, 1, 1]))
    1.0
    """
    if draws < 1:
        raise UsageError(f"the randomisation test needs at least 1 draw, not {draws}")
    sums = np.bincount(np.unique(work, return_inverse=True)[1], weights=difference)  # (W,)
    least = abs(sums.sum()) - _ALMOST * np.abs(sums).sum()
    rng, beyond = np.random.default_rng([seed, 5]), 0
    for k in range(0, draws, _AT_ONCE):
        signs = 2.0 * rng.integers(2, size=(min(_AT_ONCE, draws - k), len(sums)), dtype=np.int8) - 1
        beyond += int((np.abs(signs @ sums) >= least).sum())
    return (1 + beyond) / (1 + draws)
