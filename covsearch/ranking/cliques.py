"""Performances joined to groups by what is known of their pairs, so that one weak link does not chain two groups.

Average linkage with two bounds: some pair of two groups must be a link, and all their pairs together must, on average,
be half as much evidence as a link is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covsearch.errors import UsageError

LINK = 1.0
"""Evidence of a pair that is a link; what is above 2 counts as 2, what is below -1 as -1."""
MEAN = 0.5
"""What the pairs of two groups must have on average to be joined."""
APART = -0.5
"""What a pair counts of which nothing is known."""
_LEAST, _MOST = -1.0, 2.0
_UNIT = 2**20  # evidence is summed in whole numbers, so that the order of pairs changes nothing


def cliques(
    count: int,
    a: ArrayLike,
    b: ArrayLike,
    evidence: ArrayLike,
    *,
    together: ArrayLike | None = None,
    apart: Iterable[tuple[int, int]] = (),
) -> NDArray[np.int64]:
    """Join rows to groups; the result does not depend on the order of the pairs.

    The two groups with the highest mean evidence are joined, again and again, while there are two with a link between
    them and a mean of at least :data:`MEAN`. Of equal means those with the first rows come first.

    Parameters
    ----------
    count : int
        N rows.
    a, b : array_like of int, shape (P,)
        Pairs of rows, each pair once, in either order.
    evidence : array_like of float, shape (P,)
        That they belong together: :data:`LINK` and more is a link, 0 says nothing, NaN is refused.
    together : array_like of int, shape (N,), optional
        Rows with the same number from 0 on are together, whatever the evidence; -1 leaves a row free.
    apart : iterable of (int, int)
        Pairs of rows that are never in one group.

    Returns
    -------
    NDArray[int64], shape (N,)
        Of each row, the first row of its group.

    Raises
    ------
    UsageError
        When the arrays do not fit together, a pair comes twice or is of one row, evidence is NaN, or rows are both
        together and apart.
    """
    first, second, weight = _checked(count, a, b, evidence)
    fixed = np.full(count, -1) if together is None else np.asarray(together, np.int64)
    if fixed.shape != (count,):
        raise UsageError(f"expected {count} numbers of works, one a row, not {fixed.shape}")
    told = np.zeros(count, dtype=np.bool_)
    link = weight >= LINK * _UNIT
    told[first[link]] = told[second[link]] = told[fixed >= 0] = True
    kept = told[first] & told[second]
    pairs = zip(first[kept].tolist(), second[kept].tolist(), weight[kept].tolist(), strict=True)
    joining = _Joining(fixed, pairs, _held_apart(count, fixed, apart))
    joining.run()
    found = np.arange(count)
    for rows in joining.rows.values():
        found[rows] = min(rows)
    return found


def components(count: int, a: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
    """What hangs together by pairs, however weakly: of each of `count` rows the first row of its component.

    Parameters
    ----------
    count : int
    a, b : array_like of int, shape (P,)
    """
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in zip(np.asarray(a).tolist(), np.asarray(b).tolist(), strict=True):
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(row) for row in range(count)], dtype=np.int64)


class _Joining:
    """Groups while they are joined. A group has a number; what is joined gets a new one.

    Parameters
    ----------
    works : NDArray[int64], shape (N,)
        As :func:`cliques` takes `together`.
    pairs : iterable of (int, int, int)
        Two rows and their evidence in units.
    apart : mapping of int to set of int
        Rows with which a row is never joined, both ways.
    """

    def __init__(
        self, works: NDArray[np.int64], pairs: Iterable[tuple[int, int, int]], apart: dict[int, set[int]]
    ) -> None:
        self.rows: dict[int, list[int]] = {row: [row] for row in range(len(works))}
        self._work, self._apart = works.tolist(), apart
        # of each group, what is known of its pairs with others: their sum, their number, the strongest
        self._with: dict[int, dict[int, tuple[int, int, int]]] = {row: {} for row in self.rows}
        self._best: list[tuple[float, int, int, int, int]] = []
        self._next = len(works)
        for one, other, weight in pairs:
            self._with[one][other] = self._with[other][one] = (weight, 1, weight)

    def run(self) -> None:
        """Join the rows of each work, then whatever belongs together."""
        together: dict[int, int] = {}
        for row, work in enumerate(self._work):
            if work >= 0:
                together[work] = self._join(together[work], row) if work in together else row
        for group in list(self.rows):
            self._offer(group, higher=True)
        while self._best:
            _, _, _, one, other = heapq.heappop(self._best)
            if one in self.rows and other in self.rows:
                self._offer(self._join(one, other))

    def _join(self, one: int, other: int) -> int:
        new, self._next = self._next, self._next + 1
        known = self._with.pop(one)
        for group, more in self._with.pop(other).items():
            had = known.get(group)
            known[group] = more if had is None else (had[0] + more[0], had[1] + more[1], max(had[2], more[2]))
        for gone in (one, other):
            known.pop(gone, None)
        for group, values in known.items():
            self._with[group].pop(one, None)
            self._with[group].pop(other, None)
            self._with[group][new] = values
        self._with[new] = known
        self.rows[new] = self.rows.pop(one) + self.rows.pop(other)
        if held := self._apart.pop(one, set()) | self._apart.pop(other, set()):
            self._apart[new] = held
            for group in held:
                self._apart[group] = (self._apart[group] - {one, other}) | {new}
        return new

    def _offer(self, group: int, *, higher: bool = False) -> None:
        """Put forward the groups that `group` may be joined with; with `higher` only those of higher numbers."""
        rows, apart = self.rows[group], self._apart.get(group, ())
        for other, (total, known, strongest) in self._with[group].items():
            if strongest < LINK * _UNIT or (higher and other < group):
                continue
            if other in apart:
                continue
            pairs = len(rows) * len(self.rows[other])
            mean = (total + int(APART * _UNIT) * (pairs - known)) / pairs
            if mean >= MEAN * _UNIT:
                low, high = sorted((min(rows), min(self.rows[other])))
                heapq.heappush(self._best, (-mean, low, high, group, other))


def _held_apart(count: int, together: NDArray[np.int64], apart: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """The pairs, both ways."""
    held: dict[int, set[int]] = {}
    for one, other in apart:
        if not (0 <= one < count and 0 <= other < count) or one == other:
            raise UsageError(f"rows held apart must be two different ones from 0 to {count - 1}")
        if together[one] == together[other] >= 0:
            raise UsageError(f"rows {one} and {other} are both together and apart")
        held.setdefault(one, set()).add(other)
        held.setdefault(other, set()).add(one)
    return held


def _checked(
    count: int, a: ArrayLike, b: ArrayLike, evidence: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The pairs as integers, lower row first, and evidence in units."""
    one, other, weight = np.asarray(a, np.int64), np.asarray(b, np.int64), np.asarray(evidence, np.float64)
    if not one.shape == other.shape == weight.shape == (len(weight),):
        raise UsageError(f"pairs and evidence do not fit: {one.shape}, {other.shape} and {weight.shape}")
    if np.isnan(weight).any():
        raise UsageError("evidence must be a number for every pair; leave out what is not known")
    low, high = np.minimum(one, other), np.maximum(one, other)
    if len(low) and (low.min() < 0 or high.max() >= count or (low == high).any()):
        raise UsageError(f"pairs must be of two different rows from 0 to {count - 1}")
    if len(np.unique(low * count + high)) != len(low):
        raise UsageError("a pair comes twice")
    return low, high, np.rint(np.clip(weight, _LEAST, _MOST) * _UNIT).astype(np.int64)
