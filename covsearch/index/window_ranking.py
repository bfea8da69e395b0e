"""The nearest under the head, in the order in which their windows say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.index.windows import Passage, Windows, passages, rerank_windows
from covsearch.ranking.nearest import Ranking

if TYPE_CHECKING:
    from covsearch.store.protocols import Blobs


@dataclass(frozen=True, eq=False)
class WindowRanking:
    """Rows from the most to the least alike.

    Attributes
    ----------
    ranking : Ranking
        Rows in this order, and the head's distances, which need not ascend.
    similarity : tuple of float
        Chamfer similarity of windows, descending.
    passage : tuple of Passage
        Where query and row are most alike.
    """

    ranking: Ranking
    similarity: tuple[float, ...]
    passage: tuple[Passage, ...]


def rank_by_windows(
    search: Callable[..., Ranking],
    windows: Blobs,
    vector: NDArray[np.float32],
    own: Windows,
    k: int,
    candidates: int,
    *,
    exclude: int | None = None,
) -> WindowRanking:
    """The `k` most alike by windows among the `candidates` nearest rows under the head, which are found exactly.

    Parameters
    ----------
    search : callable
        Finds the nearest rows: ``search(vector, k, exclude=row)``.
    windows : Blobs
        Windows of the same rows.
    vector : NDArray[float32], shape (128,)
        The query as a whole.
    own : Windows
        The query's windows.
    k, candidates : int
        ``1 <= k <= candidates``.
    exclude : int, optional
        A row that is not ranked: the query's own.

    Raises
    ------
    UsageError
        When no match is wanted, or more than candidates.
    """
    if k < 1:
        raise UsageError(f"at least 1 match must be asked for, not {k}")
    if candidates < k:
        raise UsageError(f"candidates must be at least the {k} wanted matches, not {candidates}")
    nearest = search(vector, candidates, exclude=exclude)
    if not len(nearest.rows):
        return WindowRanking(nearest, (), ())
    there = windows.take(nearest.rows.tolist())
    order, similarity = rerank_windows(own, there)
    best = order[:k]
    return WindowRanking(
        Ranking(nearest.rows[best], nearest.distances[best]),
        tuple(similarity[:k].tolist()),
        tuple(passages(own, there.take([place]))[0] for place in best.tolist()),
    )
