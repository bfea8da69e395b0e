"""Where vectors and metadata meet: a query becomes ranked matches, without the network that embedded them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from covsearch.dataset.ids import is_pid
from covsearch.dataset.performance import Performance
from covsearch.db.catalogue import Catalogue, Found
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.generation import Generation, open_generation, read_current
from covsearch.index.manifest import MEND
from covsearch.workspace import Workspace

if TYPE_CHECKING:  # imported where they are needed: `covsearch find` needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.index.collection import Collection
    from covsearch.index.flat import Ranking

THRESHOLD = 0.5  # the decision is "cover" iff p is below it

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
    is_cover : bool or None
        Whether the collection lists it under the query's work; None when the query's work is not known.
    """

    rank: int
    performance: Performance
    p: float
    distance: float
    is_cover: bool | None

    @property
    def verdict(self) -> str:
        """``cover`` or ``non-cover``, what the model says."""
        return "cover" if self.p < THRESHOLD else "non-cover"


@dataclass(frozen=True)
class QueryResult:
    """What a query answered, and how it was asked.

    Attributes
    ----------
    query : Performance or None
        None for a query by vector.
    matches : tuple of Match
        The nearest first; the query itself is not among them.
    candidates : int or None
        How many cosine neighbours the head ranked; None for the exact search, in which it ranks all.
    generation, model : str
        What was searched: the generation's name and its model's fingerprint.
    """

    query: Performance | None
    matches: tuple[Match, ...]
    candidates: int | None
    generation: str
    model: str


class Searcher:
    """One generation, open for queries; made by :func:`open_searcher`.

    Parameters
    ----------
    generation : Generation
    catalogue : Catalogue
    collection : Collection
    """

    def __init__(self, generation: Generation, catalogue: Catalogue, collection: Collection) -> None:
        self.generation = generation
        self.catalogue = catalogue
        self.collection = collection

    def query(self, pid: str, top: int = 10, candidates: int | None = None) -> QueryResult:
        """Rank the collection as covers of one of its performances.

        Parameters
        ----------
        pid : str
        top : int
            Matches wanted; more than the collection has gives all.
        candidates : int, optional
            Let the head rank only so many cosine neighbours (at least `top`), instead of all exactly.

        Raises
        ------
        NotFoundError
            When no performance is called `pid`; names the nearest ones.
        UsageError
            When `top` is less than 1 or `candidates` less than `top`.
        """
        row = self.collection.rows.get(pid)
        if row is None:
            raise NotFoundError(unknown_pid(pid, self.catalogue))
        vector = self.collection.flat.vectors[row]
        ranking = self._rank(vector, top, candidates, row)
        performances = self._performances([pid, *self._pids(ranking)])
        return self._result(performances[0], performances[1:], ranking, candidates)

    def query_vector(
        self, vector: NDArray[np.float32], *, model: str, top: int = 10, candidates: int | None = None
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

        Raises
        ------
        ArtefactError
            When the vector is from another model than the collection's, is not finite or has another shape.
        """
        if model != self.generation.manifest.model:
            built = self.generation.manifest.model
            raise ArtefactError(f"index was built with model {built}, the query's vector with {model}: {MEND}")
        ranking = self._rank(vector, top, candidates, None)
        return self._result(None, self._performances(self._pids(ranking)), ranking, candidates)

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances by title or artist; see :meth:`covsearch.db.catalogue.Catalogue.find`."""
        return self.catalogue.find(text, limit)

    def _rank(self, vector: NDArray[np.float32], top: int, candidates: int | None, row: int | None) -> Ranking:
        flat = self.collection.flat
        if candidates is None:
            return flat.rank(vector, top, exclude=row)
        return flat.rerank(vector, top, candidates, exclude=row)

    def _pids(self, ranking: Ranking) -> list[str]:
        return [self.collection.pids[row] for row in ranking.rows.tolist()]

    def _performances(self, pids: list[str]) -> list[Performance]:
        found = self.catalogue.get(pids)
        if missing := [pid for pid in pids if pid not in found]:
            raise ArtefactError(f"{missing[0]} has a vector but no metadata: the database is another build's; {MEND}")
        return [found[pid] for pid in pids]

    def _result(
        self, query: Performance | None, found: list[Performance], ranking: Ranking, candidates: int | None
    ) -> QueryResult:
        head = self.collection.flat.head
        chances = head.probability(ranking.distances + head.beta).tolist()
        matches = tuple(
            Match(rank, performance, p, distance, performance.wid == query.wid if query else None)
            for rank, (performance, p, distance) in enumerate(
                zip(found, chances, ranking.distances.tolist(), strict=True), start=1
            )
        )
        return QueryResult(query, matches, candidates, self.generation.name, self.generation.manifest.model)


def open_searcher(workspace: Workspace) -> Searcher:
    """Open the workspace's current generation for queries.

    Raises
    ------
    NotFoundError
        When nothing was built yet.
    ArtefactError
        When a file is missing, corrupt or belongs to another build.
    """

    def read(generation: Generation) -> Searcher:
        from covsearch.index.collection import read_collection

        return Searcher(generation, _catalogue(generation), read_collection(generation))

    return _read_current(workspace, read)


def open_catalogue(workspace: Workspace) -> Catalogue:
    """Open only the metadata of the current generation, which is quicker; raises as :func:`open_searcher`."""
    return _read_current(workspace, _catalogue)


def unknown_pid(pid: str, catalogue: Catalogue) -> str:
    """The message for a PID that no performance has: what it looks like, and which ones it may have meant."""
    what = f"no performance {pid} in the index" if is_pid(pid) else f"{pid!r} is no performance id (like P_22)"
    near = catalogue.nearest(pid)
    meant = f": did you mean {' or '.join(near)}?" if near else "."
    return f"{what}{meant} Look it up with `covsearch find TITLE`"


def _catalogue(generation: Generation) -> Catalogue:
    catalogue = Catalogue(generation.database)
    if len(catalogue) != generation.manifest.count:
        expected = f"{generation.manifest.count} performances"
        raise ArtefactError(f"{generation.database}: expected {expected}, found {len(catalogue)}; {MEND}")
    return catalogue


def _read_current(workspace: Workspace, read: Callable[[Generation], T]) -> T:
    """Read from the current generation; again from the newer one where builds removed it meanwhile."""
    while True:
        current = read_current(workspace)
        try:
            return read(open_generation(workspace))
        except (ArtefactError, FileNotFoundError):
            if read_current(workspace) == current:
                raise
