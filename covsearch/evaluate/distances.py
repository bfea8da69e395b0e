"""Anybody's distances or vectors as :data:`~covsearch.evaluate.ranks.Distances`: blocks of rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.counting import comma_list
from covsearch.errors import ArtefactError, UsageError
from covsearch.evaluate.ranks import Distances

AnyDistances: TypeAlias = "ArrayLike | Iterator[ArrayLike] | Distances"
"""A matrix (N, N), memory-mapped or not; an iterator of its rows or blocks of rows; or a function of positions."""
METRICS = ("cosine", "euclidean")
_DECIMALS = 12  # beyond which a distance between vectors is the rounding of a matrix product


def as_distances(given: AnyDistances, size: int, *, similarity: bool = False) -> Distances:
    """Blocks of float64 rows of the distances between N performances, checked as they are asked for.

    The diagonal may hold anything: a performance is never ranked for itself. Asymmetric distances are taken as they
    are: row q ranks for query q.

    Parameters
    ----------
    given : array_like, iterator of array_like, or Distances
        A matrix (N, N), row = query. An iterator of rows or of blocks of rows, in order, is written to a temporary
        file, since every row is looked at twice: 4 N² bytes where the first block is float32 or float16, else 8 N².
        A function is asked for blocks.
    size : int
        N.
    similarity : bool
        High = cover, instead of low = cover.

    Returns
    -------
    Distances

    Raises
    ------
    UsageError
        When it has another shape, or is no number.
    ArtefactError
        When a block is asked for that has NaN or infinity.
    """
    if callable(given):
        rows = given
    else:
        matrix = _spooled(given, size) if isinstance(given, Iterator) else _numbers(given)
        if matrix.shape != (size, size):
            raise UsageError(
                f"expected distances of the shape ({size}, {size}), one row and one column for each of {size:,} works, "
                f"got {matrix.shape}"
            )
        rows = lambda queries: matrix[queries]  # noqa: E731
    sign = -1.0 if similarity else 1.0

    def distances(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        block = sign * np.asarray(rows(queries), dtype=np.float64)
        if block.shape == (len(queries), size):
            block[np.arange(len(queries)), queries] = 0.0
            _check_finite(block, queries)
        return block

    return distances


def cosine(vectors: ArrayLike) -> Distances:
    """One minus the cosine of N vectors (N, D), in [0, 2]; rounded to 12 decimals, so that equal vectors are tied.

    Raises
    ------
    UsageError
        When they are not (N, D).
    ArtefactError
        When they are not finite, or one is all zeros.

    Examples
    --------
    >>> cosine([[1, 0], [0, 2], [3, 0]])(np.array([0])).tolist()
    [[0.0, 1.0, 0.0]]
    """
    rows = _vectors(vectors)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        raise ArtefactError(f"row {int(np.argmin(lengths))} of the vectors is all zeros and has no direction: drop it")
    unit = rows / lengths
    return lambda queries: np.round(1 - unit[queries] @ unit.T, _DECIMALS)


def euclidean(vectors: ArrayLike) -> Distances:
    """Squared Euclidean distances of N vectors (N, D), in units of the longest one's square; rounded to 12 decimals.

    Ranks, AUC and detection are those of the distances themselves.

    Raises
    ------
    UsageError
        When they are not (N, D).
    ArtefactError
        When they are not finite.

    Examples
    --------
    >>> euclidean([[0, 0], [3, 4], [0, 5]])(np.array([0])).tolist()
    [[0.0, 1.0, 1.0]]
    """
    rows = _vectors(vectors)
    squares = np.square(rows).sum(axis=1)
    scale = np.sqrt(squares.max()) or 1.0
    rows, squares = rows / scale, squares / scale**2

    def distances(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        found = squares[queries, None] + squares - 2 * (rows[queries] @ rows.T)
        return np.asarray(np.round(found, _DECIMALS), dtype=np.float64)

    return distances


def between(vectors: ArrayLike, metric: str) -> Distances:
    """:func:`cosine` or :func:`euclidean`, by name.

    Raises
    ------
    UsageError
        For another name, and as these two do.
    """
    if metric not in METRICS:
        raise UsageError(f"metric must be one of {comma_list(METRICS)}, not {metric!r}")
    return cosine(vectors) if metric == "cosine" else euclidean(vectors)


def _vectors(vectors: ArrayLike) -> NDArray[np.float64]:
    rows = _numbers(vectors)
    if rows.ndim != 2 or not rows.size:
        raise UsageError(f"expected vectors of the shape (N, D), one row a performance, got {rows.shape}")
    rows = rows.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ArtefactError(f"row {bad[0]} of the vectors has NaN or infinity: expected finite numbers")
    biggest = np.abs(rows).max()
    return np.asarray(rows / biggest if biggest else rows, dtype=np.float64)  # whose squares can be summed


def _numbers(given: Any) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.asanyarray(given)
    except ValueError as e:  # rows of unequal lengths
        raise UsageError(f"expected an array of numbers: {e}") from e
    if found.dtype.kind not in "fiub":
        raise UsageError(f"expected an array of numbers, got {found.dtype}")
    return found


def _check_finite(block: NDArray[np.float64], queries: NDArray[np.int64]) -> None:
    if not np.isfinite(block).all():
        row, column = np.argwhere(~np.isfinite(block))[0].tolist()
        raise ArtefactError(
            f"row {queries[row]}, column {column} of the distances is {block[row, column]:g}: expected finite numbers; "
            "give a pair that was not compared a distance above all others"
        )


def _spooled(blocks: Iterable[ArrayLike], size: int) -> NDArray[Any]:
    """The rows of an iterator as a matrix in a temporary file, which is gone with it."""
    kind, done = np.dtype(np.float64), 0
    with tempfile.TemporaryFile() as file:
        for one in blocks:
            block = np.atleast_2d(_numbers(one))
            if block.ndim != 2 or block.shape[1] != size:
                raise UsageError(f"expected blocks of rows of {size:,} distances, got {block.shape} after row {done}")
            if not done and block.dtype in (np.float16, np.float32):
                kind = np.dtype(np.float32)  # type: ignore[assignment]
            file.write(np.ascontiguousarray(block, dtype=kind).tobytes())
            done += len(block)
            if done > size:
                raise UsageError(f"expected {size:,} rows, one for each work, but more came")
        if done != size:
            raise UsageError(f"expected {size:,} rows, one for each work, but {done:,} came")
        file.flush()
        return np.memmap(file, dtype=kind, mode="r", shape=(size, size))
