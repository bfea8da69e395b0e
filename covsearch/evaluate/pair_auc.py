"""How well one threshold on the distance would tell covers from non-covers: AUC over all pairs of a collection.

A ranking only ever compares distances of one query; this compares those of all. The pairs are all (a, b) with a ≠ b
in that order, works with one performance included; where the distance is symmetric, that is the AUC over all pairs
without an order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.evaluate.ranks import BLOCK, Distances, checked
from covsearch.progress import Progress, silent


def pair_auc(
    distances: Distances,
    work: ArrayLike,
    covers: NDArray[np.float64],
    *,
    block: int = BLOCK,
    stage: str = "comparing all pairs",
    progress: Progress = silent,
) -> float | None:
    """The share of (cover pair, non-cover pair) in which the cover pair has the smaller distance; ties count half.

    Exact, and in `block` x N memory: the covers are few enough to be kept, and every block of non-covers is counted
    against all of them and let go.

    Parameters
    ----------
    distances : Distances
        Asked for `block` performances at a time, all N of them.
    work : array_like of str or int, shape (N,)
    covers : NDArray[float64], shape (P,)
        The distances of all cover pairs, as :attr:`covsearch.evaluate.ranks.Ranks.distance` has them.
    block : int
    stage : str
        What `progress` is told, after every block.
    progress : Progress

    Returns
    -------
    float or None
        In [0, 1]; None when all performances are of one work and there are no non-covers.

    Raises
    ------
    UsageError
        When distances have another shape or are not finite.

    References
    ----------
    The Mann-Whitney U statistic: Hanley, McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143 (1982).
    """
    codes = np.unique(np.asarray(work), return_inverse=True)[1]
    covers = np.sort(covers)  # ascending needles make the search in a block run through memory in order
    twice_won = pairs = 0  # Python's integers: 15,000 performances make 3.5e13 comparisons and nothing is rounded
    for k in range(0, len(codes), block):
        some = np.arange(k, min(k + block, len(codes)))
        rows = checked(distances(some), (len(some), len(codes)))
        others = np.sort(rows[codes[some, None] != codes])  # (M,) of different works
        farther = 2 * len(others) - np.searchsorted(others, covers, "left") - np.searchsorted(others, covers, "right")
        twice_won += int(farther.sum())
        pairs += len(others)
        progress(stage, k + len(some), len(codes))
    return twice_won / (2 * len(covers) * pairs) if pairs else None
