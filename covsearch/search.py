"""Where vectors and metadata meet: a query becomes ranked matches, without the network that embedded them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from covsearch.dataset.ids import ID_RULE, in_words
from covsearch.dataset.names import is_name
from covsearch.dataset.performance import Performance, same_work
from covsearch.db.catalogue import Catalogue, Found
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.index.generation import Generation, open_generation, read_current
from covsearch.index.manifest import MEND
from covsearch.workspace import Workspace

if TYPE_CHECKING:  # imported where they are needed: `covsearch find` needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.index.collection import Collection
    from covsearch.index.flat import Ranking
    from covsearch.index.windows import Passage, Windows

THRESHOLD = 0.5  # of a model without a calibration: the decision is "cover" iff p is below it
HEAD, WINDOWS = "head", "windows"
RERANKS = (HEAD, WINDOWS)
CALIBRATE = "run `covsearch calibrate`, then `covsearch build-index`"
CANDIDATES = 100  # that windows re-rank, unless another number is asked for

T = TypeVar("T")


@dataclass(frozen=True)
class Match:
    """One ranked performance.

    Attributes
    ----------
    rank : int
        From 1.
    performance : Performance
    p : float
        σ(distance + β) in [0, 1]: near 0 cover, near 1 non-cover.
    distance : float
        The learned weighted squared distance, without the bias; negative only where a weight is.
    cover : bool
        What the model decides; see :meth:`Searcher.query`.
    is_cover : bool or None
        Whether the collection lists it under the query's work; None when either work is not known.
    calibrated : float or None
        Calibrated p at the odds of the collection; None where the model has no calibration.
    similarity : float or None
        Chamfer similarity of windows, where they were what ranked.
    passage : Passage or None
        Where query and match are most alike, with `similarity`.
    """

    rank: int
    performance: Performance
    p: float
    distance: float
    cover: bool
    is_cover: bool | None
    calibrated: float | None = None
    similarity: float | None = None
    passage: Passage | None = None

    @property
    def verdict(self) -> str:
        """``cover`` or ``non-cover``, what the model says."""
        return "cover" if self.cover else "non-cover"


@dataclass(frozen=True)
class QueryResult:
    """What a query answered, and how it was asked.

    Attributes
    ----------
    query : Performance or None
        None for a query by vector.
    matches : tuple of Match
        The nearest first; the query itself is not among them.
    rerank : str
        What ordered the candidates: ``head`` or ``windows``.
    candidates : int or None
        How many cosine neighbours the head ranked, None for all; how many of the head's nearest windows ranked.
    generation, model : str
        What was searched: the generation's name and its model's fingerprint.
    threshold : float
        Below it calibrated p, or p where the model has no calibration, decides for a cover.
    expected : float or None
        How many covers were expected, of which calibrated p depends; None where the model has no calibration.
    searched : int
        Performances in the collection, without the query.
    """

    query: Performance | None
    matches: tuple[Match, ...]
    rerank: str
    candidates: int | None
    generation: str
    model: str
    threshold: float
    expected: float | None
    searched: int

    @property
    def calibrated(self) -> bool:
        """Whether the model has a calibration."""
        return self.expected is not None

    @property
    def found(self) -> bool:
        """Whether the model takes any match for a cover."""
        return any(match.cover for match in self.matches)


class Searcher:
    """One generation, open for queries; made by :func:`open_searcher`.

    Parameters
    ----------
    generation : Generation
    catalogue : Catalogue
    collection : Collection
    windows : Windows, optional
        Of the same performances.
    """

    def __init__(
        self, generation: Generation, catalogue: Catalogue, collection: Collection, windows: Windows | None = None
    ) -> None:
        self.generation = generation
        self.catalogue = catalogue
        self.collection = collection
        self.windows = windows
        self.calibration = generation.calibration()

    def query(
        self,
        pid: str,
        top: int = 10,
        candidates: int | None = None,
        *,
        rerank: str = HEAD,
        expected: float | None = None,
    ) -> QueryResult:
        """Rank the collection as covers of one of its performances.

        Parameters
        ----------
        pid : str
            Its id, or ``collection:id`` where several collections have the id.
        top : int
            Matches wanted; more than the collection has gives all.
        candidates : int, optional
            At least `top`. Let the head rank only so many cosine neighbours, instead of all exactly; or let windows
            rank so many of the head's nearest, instead of 100.
        rerank : str
            ``head``: by the learned distance. ``windows``: by Chamfer similarity of windows.
        expected : float, optional
            How many covers the collection may be expected to have before anything is heard, by default what the
            calibration says. With N performances to search, the odds against each are N to that, and calibrated p is
            at these odds; a match is decided to be a cover when calibrated p is below the calibrated threshold.
            Without a calibration that is when p is below 0.5.

        Raises
        ------
        NotFoundError
            When no performance is called `pid`; names the nearest ones.
        UsageError
            When several collections have `pid`, `top` is less than 1 or `candidates` less than `top`, for an unknown
            `rerank`, for windows that were not opened, for an `expected` not above 0, or without a calibration.
        """
        if rerank not in RERANKS:
            raise UsageError(f"rerank must be one of {sorted(RERANKS)}, not {rerank!r}")
        pid = self.named(pid)
        row = self.collection.rows[pid]
        vector = self.collection.flat.vectors[row]
        own = self._opened_windows().take([row]) if rerank == WINDOWS else None
        ranked = self._rank(vector, own, top, candidates, row)
        performances = self._performances([pid, *self._pids(ranked.ranking)])
        return self._result(performances[0], performances[1:], ranked, expected)

    def query_vector(
        self,
        vector: NDArray[np.float32],
        *,
        model: str,
        top: int = 10,
        candidates: int | None = None,
        windows: Windows | None = None,
        expected: float | None = None,
    ) -> QueryResult:
        """Rank the collection as covers of a performance outside of it.

        Parameters
        ----------
        vector : ndarray of float32, shape (128,)
            Its embedding.
        model : str
            Fingerprint of the model that embedded it.
        top, candidates : int
            As for :meth:`query`.
        windows : Windows, optional
            Its windows; with them, the candidates are ranked by windows.
        expected : float, optional
            As for :meth:`query`.

        Raises
        ------
        ArtefactError
            When the vector is from another model than the collection's, is not finite or has another shape.
        UsageError
            As :meth:`query`.
        """
        if model != self.generation.manifest.model:
            built = self.generation.manifest.model
            raise ArtefactError(f"index was built with model {built}, the query's vector with {model}: {MEND}")
        ranked = self._rank(vector, windows, top, candidates, None)
        return self._result(None, self._performances(self._pids(ranked.ranking)), ranked, expected)

    def named(self, pid: str) -> str:
        """What the index calls the performance that `pid` means; raises as :meth:`query` does."""
        name = pid if pid in self.collection.rows else self.catalogue.resolve(pid)
        if name is None:
            raise NotFoundError(unknown_pid(pid, self.catalogue))
        return name

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances by title or artist; see :meth:`covsearch.db.catalogue.Catalogue.find`."""
        return self.catalogue.find(text, limit)

    def _rank(
        self, vector: NDArray[np.float32], own: Windows | None, top: int, candidates: int | None, row: int | None
    ) -> _Ranked:
        flat = self.collection.flat
        if own is not None:
            return self._rank_windows(vector, own, top, candidates, row)
        if candidates is None:
            return _Ranked(flat.rank(vector, top, exclude=row), None)
        return _Ranked(flat.rerank(vector, top, candidates, exclude=row), candidates)

    def _rank_windows(
        self, vector: NDArray[np.float32], own: Windows, top: int, candidates: int | None, row: int | None
    ) -> _Ranked:
        from covsearch.index.window_ranking import rank_by_windows

        count = max(CANDIDATES, top) if candidates is None else candidates
        flat, windows = self.collection.flat, self._opened_windows()
        found = rank_by_windows(flat, windows, vector, own, top, count, exclude=row)
        return _Ranked(found.ranking, count, found.similarity, found.passage)

    def _opened_windows(self) -> Windows:
        if self.windows is None:
            raise UsageError("the searcher was opened without windows: open_searcher(workspace, windows=True)")
        return self.windows

    def _pids(self, ranking: Ranking) -> list[str]:
        return [self.collection.pids[row] for row in ranking.rows.tolist()]

    def _performances(self, pids: list[str]) -> list[Performance]:
        found = self.catalogue.get(pids)
        if missing := [pid for pid in pids if pid not in found]:
            raise ArtefactError(f"{missing[0]} has a vector but no metadata: the database is another build's; {MEND}")
        return [found[pid] for pid in pids]

    def _result(
        self, query: Performance | None, found: list[Performance], ranked: _Ranked, expected: float | None
    ) -> QueryResult:
        head, distances = self.collection.flat.head, ranked.ranking.distances
        scores = distances + head.beta
        chances = head.probability(scores)
        searched = len(self.collection.pids) - (query is not None)
        judged = self._judge(scores, chances, searched, expected)
        unknown = [None] * len(found)
        matches = tuple(
            Match(rank, performance, p, distance, cover, same_work(query, performance) if query else None, *rest)
            for rank, (performance, p, distance, cover, *rest) in enumerate(
                zip(
                    found,
                    chances.tolist(),
                    distances.tolist(),
                    judged.cover,
                    judged.calibrated or unknown,
                    ranked.similarity or unknown,
                    ranked.passage or unknown,
                    strict=True,
                ),
                start=1,
            )
        )
        by = HEAD if ranked.similarity is None else WINDOWS
        generation = self.generation
        asked = (by, ranked.candidates, generation.name, generation.manifest.model)
        return QueryResult(query, matches, *asked, judged.threshold, judged.expected, searched)

    def _judge(
        self, scores: NDArray[np.float64], p: NDArray[np.float64], searched: int, expected: float | None
    ) -> _Judged:
        calibration = self.calibration
        if calibration is None:
            if expected is not None:
                raise UsageError(f"the index ({self.generation.name}) has no calibration to shift: {CALIBRATE}")
            return _Judged((p < THRESHOLD).tolist(), None, THRESHOLD, None)
        count = calibration.expected if expected is None else expected
        if not 0 < count < float("inf"):
            raise UsageError(f"the covers to expect must be a number above 0, not {expected}")
        calibrated = calibration.probability(scores, max(searched, 1) / count)
        threshold = calibration.calibrated_threshold
        return _Judged((calibrated < threshold).tolist(), calibrated.tolist(), threshold, count)


@dataclass(frozen=True)
class _Judged:
    """What a model decides of every match, by which threshold, and what it expected."""

    cover: list[bool]
    calibrated: list[float] | None
    threshold: float
    expected: float | None


@dataclass(frozen=True)
class _Ranked:
    """A ranking, how many candidates it is of, and what windows say where they made it."""

    ranking: Ranking
    candidates: int | None
    similarity: tuple[float, ...] | None = None
    passage: tuple[Passage, ...] | None = None


def open_searcher(workspace: Workspace, *, windows: bool = False) -> Searcher:
    """Open the workspace's current generation for queries.

    Parameters
    ----------
    workspace : Workspace
    windows : bool
        Read the windows too, some 2 MB for every 1,000 performances.

    Raises
    ------
    NotFoundError
        When nothing was built yet, or, with `windows`, not with windows.
    ArtefactError
        When a file is missing, corrupt or belongs to another build.
    """
    return read_newest(workspace, lambda generation: open_in(generation, windows=windows))


def open_in(generation: Generation, *, windows: bool = False) -> Searcher:
    """Open one generation for queries; parameters and errors are those of :func:`open_searcher`."""
    from covsearch.index.collection import read_collection
    from covsearch.index.windows_file import read_windows

    parts = read_windows(generation) if windows else None
    return Searcher(generation, _catalogue(generation), read_collection(generation), parts)


def open_catalogue(workspace: Workspace) -> Catalogue:
    """Open only the metadata of the current generation, which is quicker; raises as :func:`open_searcher`."""
    return read_newest(workspace, _catalogue)


def unknown_pid(pid: str, catalogue: Catalogue) -> str:
    """The message for a PID that no performance has: what it looks like, and which ones it may have meant."""
    what = (
        f"no performance {in_words(pid)} in the index" if is_name(pid) else f"{pid!r} is no performance id: {ID_RULE}"
    )
    near = catalogue.nearest(pid)
    meant = f": did you mean {' or '.join(map(in_words, near))}?" if near else "."
    return f"{what}{meant} Look it up with `covsearch find TITLE`"


def _catalogue(generation: Generation) -> Catalogue:
    catalogue = Catalogue(generation.database)
    if len(catalogue) != generation.manifest.count:
        expected = f"{generation.manifest.count} performances"
        raise ArtefactError(f"{generation.database}: expected {expected}, found {len(catalogue)}; {MEND}")
    return catalogue


def read_newest(workspace: Workspace, read: Callable[[Generation], T]) -> T:
    """What `read` makes of the current generation; of the newer one where builds removed that meanwhile.

    A generation stays for one build after its own, and two may end while it is read: whatever reads a generation's
    files, and not only what was opened, belongs inside of `read`.
    """
    while True:
        current = read_current(workspace)
        try:
            return read(open_generation(workspace))
        except (CovsearchError, OSError):
            if read_current(workspace) == current:
                raise
