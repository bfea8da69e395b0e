"""How much speaks for every pair of an index: near in vectors, aligned coarsely, then finely where it may be a link.

A pair's evidence is how far its log likelihood ratio is above the mean of both performances' levels of chance
(:mod:`covsearch.ranking.chance`), in units of what a link must have. Each pair is aligned once at either coarseness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.decision import CALIBRATE
from covsearch.errors import UsageError
from covsearch.index.calibration import Calibration
from covsearch.progress import Progress, silent
from covsearch.ranking.chance import LAST
from covsearch.ranking.cliques import LINK, components
from covsearch.ranking.same_recording import same_recording
from covsearch.stages import BLOCK, COARSE_SPAN, SPAN, Scope, align_with
from covsearch.store.protocols import ChromaBlobs, VectorStore

NEAREST = 100
"""Neighbours of each performance that are aligned coarsely."""
LARGEST = 200
"""Performances that hang together by links: of no more, the pairs left are aligned too."""


@dataclass(frozen=True, eq=False)
class Links:
    """What is known of P pairs of N performances, sorted by their rows.

    Attributes
    ----------
    count : int
        N.
    a, b : NDArray[int64], shape (P,)
        Rows, a below b.
    above : NDArray[float64], shape (P,)
        Log likelihood ratio less the mean of both levels of chance.
    evidence : NDArray[float64], shape (P,)
        The same as :func:`covsearch.ranking.cliques.cliques` takes it: 1 for what just is a link.
    probability : NDArray[float64], shape (P,)
        Cover probabilities in [0, 1], as a query tells them of a search of this size.
    same : NDArray[bool], shape (P,)
        Which are the same recording; their evidence is the highest and their probability 1.
    """

    count: int
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    above: NDArray[np.float64]
    evidence: NDArray[np.float64]
    probability: NDArray[np.float64]
    same: NDArray[np.bool_]


def find_links(scope: Scope, alarms: float, progress: Progress = silent) -> Links:
    """Align every performance with its nearest neighbours.

    Memory grows with N times :data:`NEAREST`.

    Parameters
    ----------
    scope : Scope
        With chroma and a calibrated model.
    alarms : float
        Share of performances without a version that chance alone may link, 0.0001 to 0.05.
    progress : Progress

    Raises
    ------
    UsageError
        Without chroma or a calibration, and for another share.
    """
    calibration, chroma = scope.calibration, scope.chroma
    if chroma is None:
        raise UsageError("groups need chroma to align, and the index has only foreign vectors")
    if not isinstance(calibration, Calibration):
        raise UsageError(f"groups need a calibrated model: {CALIBRATE}")
    least = calibration.by_alignment.above(alarms)
    return _Pairs(scope.collection, chroma, calibration, progress).links(least)


class _Pairs:
    """The pairs of one index while they are aligned."""

    def __init__(
        self, collection: VectorStore, chroma: ChromaBlobs, calibration: Calibration, progress: Progress
    ) -> None:
        self.collection, self.chroma, self.calibration, self.progress = collection, chroma, calibration, progress
        self.count = len(collection)
        self.near = np.empty((self.count, min(NEAREST, self.count - 1)), dtype=np.int64)
        score = np.empty(self.near.shape)
        for row in range(self.count if self.count > 1 else 0):
            found = collection.search(collection.take([row])[0], NEAREST, exclude=row)
            self.near[row], score[row] = found.rows, found.distances + collection.head.beta
            progress("finding neighbours", row + 1, self.count)
        own = np.repeat(np.arange(self.count), self.near.shape[1])
        self.key, first = np.unique(self._key(own, self.near.ravel()), return_index=True)
        self.score = score.ravel()[first]
        self.ratio = self._coarse(self.key, self.score, "aligning coarsely")
        self.level = self._levels()

    def links(self, least: float) -> Links:
        """Everything, where a link is at least `least` above the level."""
        same = self._finely("aligning finely")
        link = self._above() >= least
        left = self._left(*divmod(self.key[link], self.count))
        if len(left):
            score = self._scores(left)
            ratio = self._coarse(left, score, "aligning coarsely within groups")
            order = np.argsort(np.concatenate([self.key, left]), kind="stable")
            known = np.concatenate([self.key[same], [-1]])
            self.key = np.concatenate([self.key, left])[order]
            self.score, self.ratio = np.append(self.score, score)[order], np.append(self.ratio, ratio)[order]
            new = np.isin(self.key, left)
            same = np.isin(self.key, known) | self._finely("aligning finely within groups", new)
        above = self._above()
        a, b = np.divmod(self.key, self.count)
        chance = self.calibration.by_alignment
        probability = 0.5 * (1 + np.tanh(0.5 * (chance.slope * above + chance.bias)))
        evidence = np.where(same, np.inf, above / least * LINK)
        return Links(self.count, a, b, above, evidence, np.where(same, 1.0, probability), same)

    def _key(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number a pair, whichever row comes first."""
        return np.minimum(a, b) * self.count + np.maximum(a, b)

    def _scores(self, key: NDArray[np.int64]) -> NDArray[np.float64]:
        collection, found = self.collection, np.empty(len(key))
        for a, pairs, b in self._by_row(key):
            vector = collection.take([a])[0]
            found[pairs] = collection.head.scores(vector, collection.take(b.tolist()))
        return found

    def _by_row(self, key: NDArray[np.int64]) -> Iterator[tuple[int, slice, NDArray[np.int64]]]:
        """Of sorted pairs, each first row, where its pairs are, and their second rows."""
        a, b = np.divmod(key, self.count)
        rows, first = np.unique(a, return_index=True)
        for row, begin, end in zip(rows.tolist(), first, np.append(first, len(key))[1:], strict=True):
            yield row, slice(begin, end), b[begin:end]

    def _aligned(self, key: NDArray[np.int64], block: int, span: int, stage: str) -> NDArray[np.float64]:
        found = np.empty(len(key))
        for a, pairs, b in self._by_row(key):
            tracks = [self.chroma.track(row) for row in b.tolist()]
            found[pairs] = align_with(self.chroma.track(a), tracks, block, span)
            self.progress(stage, pairs.stop, len(key))
        return found

    def _coarse(self, key: NDArray[np.int64], score: NDArray[np.float64], stage: str) -> NDArray[np.float64]:
        return self.calibration.coarse.ratio(score, self._aligned(key, BLOCK, COARSE_SPAN, stage))

    def _levels(self) -> NDArray[np.float64]:
        """Each performance's level of chance, by the coarse ratios of its nearest; (N,).

        On validation works among 15,000 performances this is a query's level, but for 0.4 either way.
        """
        some = self.near[:, :LAST]
        own = np.repeat(np.arange(self.count), some.shape[1])
        ratio = self.ratio[np.searchsorted(self.key, self._key(own, some.ravel()))].reshape(some.shape)
        chance, searched = self.calibration.by_alignment, self.count - 1
        return np.array([chance.level(best, searched) for best in -np.sort(-ratio, axis=1)])

    def _above(self) -> NDArray[np.float64]:
        a, b = np.divmod(self.key, self.count)
        found: NDArray[np.float64] = self.ratio - (self.level[a] + self.level[b]) / 2
        return found

    def _finely(self, stage: str, among: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Align finely what is above the level of chance; which of these pairs are the same recording."""
        chosen = self._above() >= 0
        places = np.flatnonzero(chosen if among is None else chosen & among)
        key = self.key[places]
        self.ratio[places] = self.calibration.fine.ratio(self.score[places], self._aligned(key, 1, SPAN, stage))
        same = np.zeros(len(self.key), dtype=np.bool_)
        for place, a, b in zip(places.tolist(), *(side.tolist() for side in np.divmod(key, self.count)), strict=True):
            same[place] = same_recording(self.chroma.track(a), self.chroma.track(b))
        return same

    def _left(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pairs that links hold together and that were not aligned, sorted."""
        part = components(self.count, a, b)
        left = [np.empty(0, np.int64)]
        for first, size in zip(*np.unique(part, return_counts=True), strict=True):
            if 2 < size <= LARGEST:
                rows = np.flatnonzero(part == first)
                one, other = np.triu_indices(len(rows), 1)
                left.append(self._key(rows[one], rows[other]))
        return np.setdiff1d(np.concatenate(left), self.key)
