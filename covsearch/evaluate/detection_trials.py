"""The searches that detection is judged by: every query with its covers there, without them, and with itself there.

Every collection is drawn and then searched by the real stage, as ``covsearch query`` would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from covsearch.decision import Decision, decide
from covsearch.errors import UsageError
from covsearch.evaluate.detection import Answers
from covsearch.index.calibration import Calibration
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.progress import Progress, silent
from covsearch.stages import STAGES, Question, Ranked, Scope, default_stage
from covsearch.store import in_memory

FAR = 1_000_000
"""Performances of the collection that identical recordings are also told in, by calculation."""


@dataclass(frozen=True, eq=False)
class Bench:
    """Performances to ask for, and all that may be in a collection with them.

    Attributes
    ----------
    pids : tuple of str
        M performances, sorted: what is drawn then does not depend on their order. Made so by :func:`lay_out`.
    work : NDArray[int64], shape (M,)
        Numbers of their works.
    vectors : NDArray[float32], shape (M + n, 128)
        Theirs and, after them, those of n distractors.
    chroma : Chroma
        Of the same.
    head : Head
    calibration : Calibration
    seed : int
        Of the drawn collections.
    """

    pids: tuple[str, ...]
    work: NDArray[np.int64]
    vectors: NDArray[np.float32]
    chroma: Chroma
    head: Head
    calibration: Calibration
    seed: int

    @cached_property
    def queries(self) -> NDArray[np.int64]:
        """Rows of the performances with a cover."""
        return np.flatnonzero(np.bincount(self.work)[self.work] > 1)

    @property
    def own(self) -> int:
        """Performances that a query searches in the collection as it is: all but itself."""
        return len(self.pids) - 1

    @property
    def largest(self) -> int:
        """The largest collection there can be: with distractors, all without the covers of the commonest work."""
        return len(self.vectors) - int(np.bincount(self.work).max())

    def covers(self, row: int) -> NDArray[np.int64]:
        """The covers of performance `row`, in a drawn order."""
        rows = np.flatnonzero(self.work == self.work[row])
        return np.random.default_rng([self.seed, 10, row]).permutation(rows[rows != row])

    def others(self, row: int) -> NDArray[np.int64]:
        """Everything else, in a drawn order: the collection's other works before the distractors."""
        rng = np.random.default_rng([self.seed, 9, row])
        own = rng.permutation(np.flatnonzero(self.work != self.work[row]))
        return np.concatenate([own, rng.permutation(np.arange(len(self.work), len(self.vectors)))])


def lay_out(
    pids: Sequence[str],
    wids: Sequence[str],
    vectors: NDArray[np.float32],
    chroma: Chroma,
    head: Head,
    calibration: Calibration,
    *,
    distractors: tuple[NDArray[np.float32], Chroma] | None = None,
    seed: int = 0,
) -> Bench:
    """A :class:`Bench` of performances in any order.

    Parameters
    ----------
    pids, wids : sequence of str
        M performances and their works.
    vectors : NDArray[float32], shape (M, 128)
    chroma : Chroma
    head : Head
    calibration : Calibration
    distractors : tuple of NDArray[float32] (n, 128) and Chroma, optional
        Covers of none of the M.
    seed : int

    Raises
    ------
    UsageError
        When no performance has a cover, or there is one work only.
    """
    order = np.argsort(np.array(pids), kind="stable")
    work = np.unique(np.array(wids), return_inverse=True)[1][order].astype(np.int64)
    if not 1 < len(np.unique(work)) < len(work):
        raise UsageError(f"{len(work)} performances of {len(np.unique(work))} works: expected covers and other works")
    vectors, chroma = vectors[order], chroma.take(order.tolist())
    if distractors:
        vectors, chroma = np.concatenate([vectors, distractors[0]]), chroma + distractors[1]
    return Bench(tuple(pids[row] for row in order.tolist()), work, vectors, chroma, head, calibration, seed)


@dataclass(frozen=True, eq=False)
class Trials:
    """All searches at one size.

    Attributes
    ----------
    searched : int
        Performances in every collection, but for those without covers where there are too few others.
    present, absent : Answers
        With the query's covers there, as many as go in, and without.
    itself : Answers
        Every performance as a stranger's query, with itself there: right where the best match is that recording.
    unaided, far, far_unaided : NDArray[bool], shape (P,)
        Of the same searches, whether the best match is called a cover: without the rule that the same recording is
        one; in :data:`FAR` performances; and there without the rule.
    """

    searched: int
    present: Answers
    absent: Answers
    itself: Answers
    unaided: NDArray[np.bool_]
    far: NDArray[np.bool_]
    far_unaided: NDArray[np.bool_]


def run_trials(bench: Bench, size: int, queries: int | None = None, progress: Progress = silent) -> Trials:
    """Search collections of `size` performances, drawn anew for every query.

    Parameters
    ----------
    bench : Bench
    size : int
        At least 1, at most :attr:`Bench.own` or :attr:`Bench.largest`.
    queries : int, optional
        At most so many of the queries, drawn; by default all.
    progress : Progress
    """
    if not 1 <= size <= max(bench.own, bench.largest):
        largest = max(bench.own, bench.largest)
        raise UsageError(f"expected a collection of 1 to {largest} performances, not {size}: add distractors")
    rng = np.random.default_rng([bench.seed, 11])
    asked, strangers = (np.sort(rng.permutation(rows)[:queries]) for rows in (bench.queries, np.arange(bench.own + 1)))
    stage, total = f"detecting among {size:,}", 2 * len(asked) + len(strangers)
    present, absent, itself = [], [], []
    for row in asked.tolist():
        covers, others = bench.covers(row), bench.others(row)
        present.append(_ask(bench, row, np.concatenate([covers, others])[:size], covers))
        absent.append(_ask(bench, row, others[:size], covers))
        progress(stage, 2 * len(present), total)
    for row in strangers.tolist():
        itself.append(_ask(bench, row, np.concatenate([[row], bench.covers(row), bench.others(row)])[:size], [row]))
        progress(stage, 2 * len(present) + len(itself), total)
    return Trials(
        size,
        _answers(bench, asked, present),
        _answers(bench, asked, absent),
        _answers(bench, strangers, itself),
        *(np.array(values) for values in zip(*(one.calls() for one in itself), strict=True)),
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """One query's best match."""

    ranked: Ranked
    searched: int
    right: bool

    def decided(self, *, rule: bool = True, among: int | None = None) -> Decision:
        """What is said of it; `among` so many performances, of which the ones searched are a fair sample.

        Of `among` / `searched` times as many performances, the level of chance is higher by the logarithm of that, as
        :mod:`covsearch.ranking.chance` has it; the best match stays what it is.
        """
        found = self.ranked
        assert found.ratio is not None  # a bench has a calibration
        assert found.chance is not None
        ratio = found.ratio - np.log((among or self.searched) / self.searched)
        return decide(ratio, found.best, found.chance, found.same & rule, searched=self.searched)

    def calls(self) -> tuple[bool, bool, bool]:
        """As in :class:`Trials`: unaided, far, far and unaided."""
        told = self.decided(rule=False), self.decided(among=FAR), self.decided(rule=False, among=FAR)
        unaided, far, far_unaided = (bool(one.predicted[0]) for one in told)
        return unaided, far, far_unaided


def _ask(bench: Bench, query: int, rows: NDArray[np.int64], wanted: Sequence[int] | NDArray[np.int64]) -> _Search:
    """Search `rows` as if they were an index, and see whether the best match is one of `wanted`."""
    rows = np.sort(rows)
    names = tuple(str(row) for row in rows.tolist())
    collection = in_memory(names, bench.vectors[rows], bench.head)
    searched = Scope(collection, bench.chroma.take(rows.tolist()), None, bench.calibration)
    question = Question(bench.vectors[query], bench.chroma.track(query))
    ranked = STAGES[default_stage(bench.calibration)](searched, question, 1, None)
    best = int(rows[ranked.ranking.rows[0]])
    return _Search(ranked, len(rows), best in wanted or (query in wanted and bool(ranked.same[0])))


def _answers(bench: Bench, rows: NDArray[np.int64], searches: Sequence[_Search]) -> Answers:
    told = [one.decided() for one in searches]
    return Answers(
        np.array([one.probability[0] for one in told]),
        np.array([one.predicted[0] for one in told]),
        np.array([one.right for one in searches]),
        bench.work[rows],
    )
