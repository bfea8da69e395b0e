"""Windows of performances: how alike two are part by part, and which part of one is most like which of the other.

One vector speaks for a whole performance; a window's vector speaks for two minutes of it. Performances that share a
part, or play their parts in another order, are nearer by their windows than as wholes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of N performances, M in all.

    Attributes
    ----------
    vectors : NDArray[float32], shape (M, 128)
        Embeddings, unit length.
    first : NDArray[int64], shape (N + 1,)
        Rows ``first[i]`` to ``first[i + 1]`` are the windows of performance i, in the order of time; at least one.
    start : NDArray[float64], shape (M,)
        Seconds from the beginning of the performance to that of the window.

    Raises
    ------
    ArtefactError
        When the three do not fit each other.
    """

    vectors: NDArray[np.float32]
    first: NDArray[np.int64]
    start: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.vectors)
        ordered = len(self.first) > 1 and self.first[0] == 0 and self.first[-1] == count
        if not (ordered and (np.diff(self.first) > 0).all() and self.start.shape == (count,)):
            raise ArtefactError(f"windows: {count} vectors, {len(self.start)} starts and their offsets do not fit")

    def __len__(self) -> int:
        return len(self.first) - 1

    def of(self, row: int) -> Windows:
        """Those of one performance alone."""
        begin, end = self.first[row : row + 2].tolist()
        return Windows(self.vectors[begin:end], np.array([0, end - begin]), self.start[begin:end])


@dataclass(frozen=True)
class Passage:
    """The two windows that are most alike.

    Attributes
    ----------
    a, b : float
        Where they begin in either performance, in seconds.
    cosine : float
        How alike they are, in [-1, 1].
    """

    a: float
    b: float
    cosine: float


def chamfer(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Chamfer similarity: how well every window of either finds its like in the other, on average.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (m, 128) and (n, 128)
        Unit vectors.

    Returns
    -------
    float
        Mean of the row maxima and mean of the column maxima of ``a @ b.T``, averaged; in [-1, 1].
    """
    cosine = a @ b.T  # (m, n)
    return float(cosine.max(axis=1).mean() + cosine.max(axis=0).mean()) / 2


def chamfer_to_all(
    query: NDArray[np.float32], vectors: NDArray[np.float32], first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """:func:`chamfer` of one performance with each of N, in one matrix product.

    Parameters
    ----------
    query : NDArray[float32], shape (m, 128)
    vectors : NDArray[float32], shape (M, 128)
    first : NDArray[int64], shape (N + 1,)
        As in :class:`Windows`.

    Returns
    -------
    NDArray[float64], shape (N,)
    """
    cosine = vectors @ query.T  # (M, m)
    theirs = np.add.reduceat(cosine.max(axis=1).astype(np.float64), first[:-1]) / np.diff(first)  # (N,)
    ours = np.maximum.reduceat(cosine, first[:-1], axis=0).mean(axis=1, dtype=np.float64)  # (N,)
    similarity: NDArray[np.float64] = (theirs + ours) / 2
    return similarity


def rerank_windows(
    query: NDArray[np.float32], windows: Windows, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Candidates from the most to the least alike by Chamfer similarity of windows.

    Parameters
    ----------
    query : NDArray[float32], shape (m, 128)
        Windows of the query.
    windows : Windows
        Of the collection.
    rows : NDArray[int64], shape (k,)
        Candidates.

    Returns
    -------
    NDArray[int64], shape (k,)
        Places in `rows`, the most alike first; equal ones in the order of `rows`.
    NDArray[float64], shape (k,)
        Their similarities, descending.
    """
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0, np.float64)
    spans = [np.arange(windows.first[row], windows.first[row + 1]) for row in rows.tolist()]
    first = np.cumsum([0, *map(len, spans)], dtype=np.int64)
    similarity = chamfer_to_all(query, windows.vectors[np.concatenate(spans)], first)
    order = np.argsort(-similarity, kind="stable")
    return order, similarity[order]


def best_passage(a: Windows, b: Windows) -> Passage:
    """Which window of one performance is most like which of another; of equal ones the earliest."""
    cosine = a.vectors @ b.vectors.T  # (m, n)
    i, j = np.unravel_index(int(cosine.argmax()), cosine.shape)
    return Passage(float(a.start[i]), float(b.start[j]), float(cosine[i, j]))
