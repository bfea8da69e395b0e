"""Where vectors and metadata meet: a query becomes ranked matches, without the network that embedded them."""

from __future__ import annotations

import copy
import os.path
import re
from typing import TYPE_CHECKING, cast

from covsearch.answers import Match, QueryResult
from covsearch.config import check_count
from covsearch.counting import comma_list
from covsearch.dataset.ids import ID_RULE, in_words
from covsearch.dataset.names import is_name
from covsearch.dataset.performance import Performance, same_work
from covsearch.decision import decide, decide_uncalibrated, undecided
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.index.manifest import MEND
from covsearch.ranking import COSINE, HEAD
from covsearch.store import store_of
from covsearch.workspace import Workspace

if TYPE_CHECKING:  # imported where they are needed: `covsearch find` needs no arrays
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from covsearch.corrections.log import Log
    from covsearch.links import Links
    from covsearch.models import Checkpoint
    from covsearch.stages import Question, Ranked
    from covsearch.store.protocols import Blobs, Catalogue, ChromaBlobs, Opened, SegmentBlobs

_PATH = re.compile(r"[/\\]|\.\w{2,8}$")  # with a folder, or a suffix at its end


class Searcher:
    """One generation, open for queries; made by :func:`open_searcher`.

    Parameters
    ----------
    opened : Opened

    Attributes
    ----------
    generation : State
    catalogue : Catalogue
    corrections : Log
        That the works in `catalogue` follow.
    collection : VectorStore
    chroma : ChromaBlobs or None
        None of foreign vectors.
    windows : Blobs or None
        None where they were not opened.
    segments : SegmentBlobs or None
        Of foreign vectors with several a track.
    calibration : Calibration, CollectionCalibration or None
    checkpoint : Checkpoint or None
        The index's model, once a query from outside has read it.
    links : dict
        By share of false alarms, once groups were looked for; corrections change none.
    """

    def __init__(self, opened: Opened) -> None:
        self.generation = opened.state
        self.catalogue = opened.catalogue
        self.corrections = opened.corrections
        self.collection = opened.vectors
        self.chroma = cast("ChromaBlobs | None", opened.parts.get("chroma"))
        self.segments = cast("SegmentBlobs | None", opened.parts.get("segments"))
        self.windows: Blobs | None = opened.parts.get("windows")
        self.calibration = self.generation.calibration()
        self.checkpoint: Checkpoint | None = None
        self.links: dict[float, Links] = {}
        self._judged: tuple[object, tuple[Ranked, str]] | None = None

    def corrected(self, log: Log) -> Searcher:
        """The same generation with the works of other corrections; nothing is read again."""
        from covsearch.corrections.catalogue import corrected

        made = copy.copy(self)
        made.catalogue, made.corrections = corrected(self.catalogue, log), log
        return made

    def query(
        self, pid: str, top: int = 10, candidates: int | None = None, *, rerank: str | None = None
    ) -> QueryResult:
        """Rank the collection as covers of one of its performances.

        Parameters
        ----------
        pid : str
            Its id, or ``collection:id`` where several collections have the id.
        top : int
            Matches wanted; more than the collection has gives all.
        candidates : int, optional
            How many of the head's nearest are aligned [1000] or ordered by windows [100, at least `top`]; the head
            itself ranks all.
        rerank : str, optional
            ``aligner``: by head, alignment and the learned aligner together. ``align``: by head and alignment.
            ``head``: by the learned distance. ``windows``: by Chamfer similarity of windows. By default ``aligner`` of
            the bundled model, ``align`` of another, and ``head`` where it has no calibration. Foreign vectors are
            ordered by ``cosine``, and by nothing else.

        Raises
        ------
        NotFoundError
            When no performance is called `pid`; names the nearest ones.
        UsageError
            When several collections have `pid`, `top` or `candidates` is less than 1, `candidates` is less than `top`
            for windows or given for the head, for an unknown `rerank`, for windows that were not opened, an
            alignment without a calibration, or the learned aligner beside another model than it is fitted to.
        """
        pid = self.named(pid)
        return self.ask(self._question(pid), top, candidates, rerank=rerank, query=self.performances([pid])[0])

    def judge(self, a: str, b: str) -> QueryResult:
        """What :meth:`query` says by default for `a`, of the match `b` alone, wherever that is ranked.

        Parameters
        ----------
        a, b : str
            Two performances, as :meth:`named` calls them.
        """
        query, match = self.performances([a, b])
        return self._judged_match(a, lambda: self._question(a), query, match)

    def judge_question(self, question: Question, b: str) -> QueryResult:
        """What :meth:`ask` says by default for a question from outside, of the match `b` alone."""
        return self._judged_match(question, lambda: question, None, self.performances([b])[0])

    def query_vector(self, vector: NDArray[np.float32], *, model: str, top: int = 10) -> QueryResult:
        """Rank the collection by the head as covers of a vector of the index's model; there is nothing to align.

        Parameters
        ----------
        vector : ndarray of float32, shape (D,)
            Of the index's dimension; 128 of models of ours.
        model : str
            Fingerprint of the model that made it; of foreign vectors the name that :meth:`Index.stats` has.
        top : int

        Raises
        ------
        ArtefactError
            When the vector is from another model than the collection's, is not finite or has another shape.
        UsageError
            When `top` is less than 1, and for a vector that is not of unit length.
        """
        from covsearch.stages import Question

        if model != self.generation.manifest.model:
            built = self.generation.manifest.model
            raise ArtefactError(f"index was built with model {built}, the query's vector with {model}: {MEND}")
        _check_vector(vector, self.generation.manifest.dim)
        return self.ask(Question(vector, None), top, rerank=COSINE if self.generation.manifest.foreign else HEAD)

    def ask(
        self,
        question: Question,
        top: int = 10,
        candidates: int | None = None,
        *,
        rerank: str | None = None,
        query: Performance | None = None,
    ) -> QueryResult:
        """Rank the collection for a question; parameters and errors are those of :meth:`query`.

        Parameters
        ----------
        question : Question
            Made by the index's model.
        query : Performance, optional
            Whose question it is, where that is in the index.
        """
        check_count(top, "match", "matches")
        if candidates is not None:
            check_count(candidates, "candidate")
        ranked, by = self._rank(question, top, candidates, rerank)
        if candidates is None and rerank is None:
            self._judged = (query.pid if query else question, (ranked, by))
        found = self.performances([self.collection.names[row] for row in ranked.ranking.rows.tolist()])
        return self._result(query, found, ranked, by)

    def _question(self, pid: str) -> Question:
        from covsearch.stages import Question

        row = self.collection.rows[pid]
        own = self.windows.take([row]) if self.windows else None
        chroma = self.chroma.track(row) if self.chroma else None
        segments = self.segments.track(row) if self.segments else None
        return Question(self.collection.take([row])[0], chroma, own, row, segments)

    def _rank(self, question: Question, top: int, candidates: int | None, rerank: str | None) -> tuple[Ranked, str]:
        """The matches, and which stage ordered them."""
        from covsearch.stages import STAGES, Scope, default_stage

        foreign = self.generation.manifest.foreign
        by = rerank or (COSINE if foreign else default_stage(self.calibration))
        allowed = [name for name in STAGES if (name == COSINE) == foreign]
        if by not in allowed:
            if foreign:
                raise UsageError(f"foreign vectors are ranked by cosine, and not by {by}: leave rerank out")
            raise UsageError(f"rerank must be one of {comma_list(sorted(allowed))}, not {by!r}")
        scope = Scope(self.collection, self.chroma, self.windows, self.calibration, self.segments)
        return STAGES[by](scope, question, top, candidates), by

    def _judged_match(
        self, a: object, question: Callable[[], Question], query: Performance | None, match: Performance
    ) -> QueryResult:
        row = self.collection.rows[match.pid]
        ranked, by = self._ranked_for(a, question, row)
        return self._result(query, [match], ranked.at(ranked.ranking.rows.tolist().index(row)), by)

    def _ranked_for(self, a: object, question: Callable[[], Question], row: int) -> tuple[Ranked, str]:
        """A ranking for `a` that has `row`; the last is kept, as whoever asks for `a` judges its matches next."""
        kept = self._judged  # once: another thread may judge meanwhile
        if kept is None or kept[0] != a or row not in kept[1][0].ranking.rows:
            kept = self._judged = (a, self._rank(question(), len(self.collection), None, None))
        return kept[1]

    def named(self, pid: str) -> str:
        """What the index calls the performance that `pid` means; raises as :meth:`query` does."""
        name = pid if pid in self.collection.rows else self.catalogue.resolve(pid)
        if name is None:
            raise NotFoundError(unknown_pid(pid, self.catalogue))
        return name

    def performances(self, pids: list[str]) -> list[Performance]:
        """Performances of names that the index has, in their order; an ArtefactError where metadata are missing."""
        found = self.catalogue.get(pids)
        if missing := [pid for pid in pids if pid not in found]:
            raise ArtefactError(f"{missing[0]} has a vector but no metadata: the database is another build's; {MEND}")
        return [found[pid] for pid in pids]

    def _result(self, query: Performance | None, found: list[Performance], ranked: Ranked, by: str) -> QueryResult:
        head, distances = self.collection.head, ranked.ranking.distances
        foreign = self.generation.manifest.foreign
        p = head.probability(distances + head.beta)
        searched = len(self.collection) - (query is not None)
        if ranked.ratio is None or ranked.chance is None:
            decided = undecided(len(p)) if foreign else decide_uncalibrated(p, ranked.same)
        else:
            decided = decide(ranked.ratio, ranked.best, ranked.chance, ranked.same, searched=searched)
        unknown = [None] * len(found)
        columns = zip(
            found,
            decided.probability,
            decided.predicted,
            ranked.same.tolist(),
            (query and same_work(query, performance) for performance in found),
            unknown if foreign else p.tolist(),
            distances.tolist(),
            ranked.similarity or unknown,
            ranked.passage or unknown,
            strict=True,
        )
        return QueryResult(
            query,
            tuple(Match(rank, *values) for rank, values in enumerate(columns, start=1)),
            by,
            ranked.candidates,
            self.generation.name,
            self.generation.manifest.model,
            decided.threshold,
            self.calibration is not None,
            searched,
            exact=self.segments is not None or self.collection.exact,
        )


def open_searcher(workspace: Workspace, *, windows: bool | None = False) -> Searcher:
    """Open the workspace's current generation for queries.

    Parameters
    ----------
    workspace : Workspace
    windows : bool or None
        Read the windows too, some 2 MB for every 1,000 performances; None reads them where there are some.

    Raises
    ------
    NotFoundError
        When nothing was built yet, or, with `windows`, not with windows.
    ArtefactError
        When a file is missing, corrupt or belongs to another build.
    """
    return store_of(workspace).read(Searcher, None if windows is None else ["windows"] if windows else [])


def unknown_pid(pid: str, catalogue: Catalogue) -> str:
    """The message for a PID that no performance has: what it looks like, and which ones it may have meant."""
    what = (
        f"no performance {in_words(pid)} in the index" if is_name(pid) else f"{pid!r} is no performance id: {ID_RULE}"
    )
    near = catalogue.nearest(pid)
    meant = f": did you mean {' or '.join(map(in_words, near))}?" if near else "."
    return f"{what}{_no_file(pid)}{meant} Look it up with `covsearch find TITLE`"


def _no_file(text: str) -> str:
    """What is said more of an unknown PID that looks like a path."""
    path = os.path.expanduser(text)  # noqa: PTH111, like os.path's others it never raises, whatever was typed
    if os.path.isdir(path):  # noqa: PTH112
        return ", and a folder is no file to ask with"
    return ", and no such file" if _PATH.search(text) and not os.path.exists(path) else ""  # noqa: PTH110


def _check_vector(vector: NDArray[np.float32], dim: int) -> None:
    """Refuse what is not of unit length: the distances would mean nothing."""
    import numpy as np

    length = float(np.linalg.norm(np.asarray(vector, dtype=np.float64)))
    if vector.shape == (dim,) and length < float("inf") and abs(length - 1) > 1e-3:
        raise UsageError(f"expected a query vector of length 1, its length is {length:.6g}: divide the vector by it")
