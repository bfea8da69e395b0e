"""The stages of a search: each orders what the one before it found, over fewer performances, and says why.

A new stage is a function and one entry in :data:`STAGES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from covsearch.decision import CALIBRATE
from covsearch.errors import UsageError
from covsearch.index.calibration import Calibration
from covsearch.index.collection_calibration import CollectionCalibration
from covsearch.index.window_ranking import rank_by_windows
from covsearch.index.windows import Passage, Windows
from covsearch.progress import Progress, silent
from covsearch.ranking import ALIGN, ALIGNER, COSINE, HEAD, WINDOWS
from covsearch.ranking.chance import LAST, Chance
from covsearch.ranking.fusion import log_qmax
from covsearch.ranking.learned import TEMPI, bundled_aligner
from covsearch.ranking.learned_fit import bundled_fit, heard
from covsearch.ranking.nearest import Ranking, checked_query
from covsearch.ranking.same_recording import same_recording
from covsearch.ranking.score_kernel import Frames
from covsearch.ranking.scores import qmax_scores

if TYPE_CHECKING:
    from covsearch.store.protocols import Blobs, ChromaBlobs, SegmentBlobs, VectorStore

BY_WINDOWS = 100  # of the head's nearest are ordered by windows, unless another number is asked for
CANDIDATES = 1000  # are aligned coarsely, unless another number is asked for
FINE = 100  # of which are aligned frame by frame, and judged by the learned aligner
AT_TEMPI = 20  # of which it hears slower and faster too
SPAN, COARSE_SPAN, BLOCK = 4, 3, 3  # frames compared at once: 1.5 s at 2.69 frames/s, 3.3 s at 0.90


@dataclass(frozen=True, eq=False)
class Question:
    """A query as the stages hear it.

    Attributes
    ----------
    vector : NDArray[float32], shape (D,)
    chroma : NDArray[float32], shape (L, F), or None
        In the key as played, about 2.69 frames/s; None where there is only the vector.
    windows : Windows or None
        Its windows, where there are some.
    row : int or None
        Its own row in the collection, which is not ranked.
    segments : NDArray[float32], shape (m, D), or None
        Of foreign vectors with segments, the query's; by default the vector alone.
    """

    vector: NDArray[np.float32]
    chroma: NDArray[np.float32] | None
    windows: Windows | None = None
    row: int | None = None
    segments: NDArray[np.float32] | None = None


def align_rows(
    chroma: ChromaBlobs, query: NDArray[np.float32], rows: NDArray[np.int64], block: int, span: int
) -> NDArray[np.float64]:
    """:func:`align_with` of a performance and some rows of a collection, whose chroma is converted nowhere else."""
    if not len(rows):
        return np.empty(0)
    part = chroma.take(rows.tolist())
    return align_with(query, [part.quantised(k) for k in range(len(rows))], block, span)


AlignRows: TypeAlias = "Callable[[ChromaBlobs, NDArray[np.float32], NDArray[np.int64], int, int], NDArray[np.float64]]"
"""What aligns: as :func:`align_rows`."""


@dataclass(frozen=True)
class Cascade:
    """How many performances a search aligns, and by what.

    Attributes
    ----------
    candidates : int
        How many of the head's nearest are aligned coarsely, unless a query asks for another number.
    fine : int
        How many of these are aligned frame by frame.
    align : AlignRows
    """

    candidates: int = CANDIDATES
    fine: int = FINE
    align: AlignRows = align_rows


@dataclass(frozen=True, eq=False)
class Scope:
    """What a stage looks through.

    Attributes
    ----------
    collection : VectorStore
    chroma : ChromaBlobs or None
        None of foreign vectors.
    windows : Blobs or None
        Of the same rows.
    calibration : Calibration, CollectionCalibration or None
        The model's, or that of foreign vectors.
    segments : SegmentBlobs or None
        Of foreign vectors, where there are several a track.
    cascade : Cascade
    """

    collection: VectorStore
    chroma: ChromaBlobs | None
    windows: Blobs | None
    calibration: Calibration | CollectionCalibration | None
    segments: SegmentBlobs | None = None
    cascade: Cascade = Cascade()


@dataclass(frozen=True, eq=False)
class Ranked:
    """The matches of one query, the likeliest first, and the evidence.

    Attributes
    ----------
    ranking : Ranking
        Rows, and the head's distances of these.
    ratio : NDArray[float64] or None, shape (k,)
        Log likelihood ratios of cover against non-cover; None of a model without a calibration.
    best : NDArray[float64], shape (m,)
        Of the query's best matches, descending, whether they were asked for or not: what tells the level of chance.
    chance : Chance or None
        Turns both into probabilities.
    candidates : int or None
        How many of the head's nearest were ordered; None for the head, which orders all.
    same : NDArray[bool], shape (k,)
        Which are the query's own recording.
    similarity : tuple of float, or None
        Of windows; of foreign vectors the cosine.
    passage : tuple of Passage, or None
        Of windows.
    """

    ranking: Ranking
    ratio: NDArray[np.float64] | None
    best: NDArray[np.float64]
    chance: Chance | None
    candidates: int | None
    same: NDArray[np.bool_]
    similarity: tuple[float, ...] | None = None
    passage: tuple[Passage, ...] | None = None

    def at(self, place: int) -> Ranked:
        """The one match at `place`, from 0, judged as among all."""
        one = slice(place, place + 1)
        return replace(
            self,
            ranking=Ranking(self.ranking.rows[one], self.ranking.distances[one]),
            ratio=None if self.ratio is None else self.ratio[one],
            same=self.same[one],
            similarity=self.similarity and self.similarity[one],
            passage=self.passage and self.passage[one],
        )


Stage = Callable[[Scope, Question, int, int | None], Ranked]
"""What is searched, the question, how many matches are wanted and how many candidates, or None -> the matches."""


def by_head(scope: Scope, question: Question, top: int, candidates: int | None) -> Ranked:
    """Order the whole collection by the learned head's distance, exactly."""
    if candidates is not None:
        raise UsageError("candidates are what windows or alignment order; the head ranks the whole collection exactly")
    ranking = scope.collection.search(question.vector, max(top, LAST), exclude=question.row)  # LAST tell chance
    return _exact(scope, question, ranking, top)


def by_windows(scope: Scope, question: Question, top: int, candidates: int | None) -> Ranked:
    """Order the head's nearest by how well their windows find their like in the query's."""
    if scope.windows is None or question.windows is None:
        raise UsageError("the searcher was opened without windows: open_searcher(workspace, windows=True)")
    count = max(BY_WINDOWS, top) if candidates is None else candidates
    search, windows = scope.collection.search, scope.windows
    found = rank_by_windows(search, windows, question.vector, question.windows, top, count, exclude=question.row)
    head = by_head(scope, question, 1, None)
    ratio, chance = _head_ratio(scope, found.ranking)
    same = _same(scope, question, found.ranking.rows)
    return Ranked(found.ranking, ratio, head.best, chance, count, same, found.similarity, found.passage)


def by_alignment(scope: Scope, question: Question, top: int, candidates: int | None) -> Ranked:
    """Order the head's nearest by head and alignment together: coarsely aligned, and the best of these finely.

    A performance that was not aligned follows those that were, in the head's order, and is told to be no likelier.
    """
    calibration, collection, chroma = scope.calibration, scope.collection, question.chroma
    align, fine = scope.cascade.align, scope.cascade.fine
    if chroma is None or scope.chroma is None:
        raise UsageError("alignment needs the query's chroma, not a vector alone: choose the head")
    if not isinstance(calibration, Calibration):
        raise UsageError(f"alignment needs a calibrated model: {CALIBRATE}")
    count = scope.cascade.candidates if candidates is None else candidates
    near = collection.search(question.vector, max(top, count), exclude=question.row)
    score = near.distances + collection.head.beta
    ratio, rows = calibration.head_ratio(score), near.rows[:count]
    order = np.arange(len(rows))
    if len(rows) > fine:
        coarse = align(scope.chroma, chroma, rows, BLOCK, COARSE_SPAN)
        ratio[:count] = calibration.coarse.ratio(score[:count], coarse)
        order = np.argsort(-ratio[:count], kind="stable")
    first = order[:fine]
    ratio[first] = calibration.fine.ratio(score[first], align(scope.chroma, chroma, rows[first], 1, SPAN))
    same = np.zeros(len(near.rows), dtype=np.bool_)
    same[first] = _same(scope, question, rows[first])
    ratio[same] = ratio[first].max(initial=-np.inf)  # nothing is likelier than the recording itself
    first = first[np.lexsort((-ratio[first], ~same[first]))]
    order = np.concatenate([first, order[fine:], np.arange(len(rows), len(near.rows))])
    ratio = np.minimum.accumulate(ratio[order])
    shown = order[:top]
    ranking = Ranking(near.rows[shown], near.distances[shown])
    return Ranked(ranking, ratio[:top], ratio[: len(first)], calibration.by_alignment, count, same[shown])


def by_aligner(scope: Scope, question: Question, top: int, candidates: int | None) -> Ranked:
    """Order what was aligned finely by head, alignment and the learned aligner together.

    It hears the best twenty slower and faster too. Those beyond these twenty, and those that were not aligned finely,
    keep their order and are told to be no likelier. The level of chance is that of head and alignment, by which it was
    fitted: what speaks against the others is not to make the best likelier.
    """
    fit, calibration = bundled_fit(), scope.calibration
    if isinstance(calibration, Calibration) and calibration.model != fit.model:
        beside = f"beside the model {fit.model}, not {calibration.model}"
        raise UsageError(f"the learned aligner is fitted {beside}: choose align")
    found = by_alignment(scope, question, max(top, scope.cascade.fine), candidates)
    assert scope.chroma is not None  # else it refused
    assert question.chroma is not None
    assert found.ratio is not None
    judged = len(found.best)
    tracks = [scope.chroma.track(row) for row in found.ranking.rows[:judged].tolist()]
    frames = np.array([min(len(question.chroma), len(track)) for track in tracks], dtype=np.int64)
    ratio, same, order = found.ratio.copy(), found.same, np.arange(len(found.ratio))
    for count, tempi in ((judged, ()), (AT_TEMPI, TEMPI)):
        first = order[: min(count, judged)]
        long = first[heard(frames[first]) > 0]
        learned = bundled_aligner().scores(question.chroma, [tracks[place] for place in long], tempi)
        ratio[long] = found.ratio[long] + fit.evidence(learned, frames[long])
        ratio[first[same[first]]] = ratio[first].max(initial=-np.inf)
        order[: len(first)] = first[np.lexsort((-ratio[first], ~same[first]))]
    ratio = np.minimum.accumulate(ratio[order])
    shown = order[:top]
    ranking = Ranking(found.ranking.rows[shown], found.ranking.distances[shown])
    return replace(found, ranking=ranking, ratio=ratio[:top], same=same[shown])


def by_cosine(scope: Scope, question: Question, top: int, candidates: int | None) -> Ranked:
    """Order all of a collection of foreign vectors by cosine, exactly; of segments that of the most alike pair."""
    if candidates is not None:
        raise UsageError("candidates are for windows or alignment; foreign vectors are all ranked by cosine, exactly")
    if scope.segments is None:
        ranking = scope.collection.search(question.vector, max(top, LAST), exclude=question.row)
    else:
        vector = checked_query(question.vector, top, scope.collection.head.dim)
        own = vector[None] if question.segments is None else question.segments
        ranking = scope.segments.search(own, max(top, LAST), exclude=question.row)
    return replace(_exact(scope, question, ranking, top), similarity=tuple((1 - ranking.distances[:top]).tolist()))


STAGES: Mapping[str, Stage] = {
    ALIGN: by_alignment,
    ALIGNER: by_aligner,
    COSINE: by_cosine,
    HEAD: by_head,
    WINDOWS: by_windows,
}


def default_stage(calibration: Calibration | CollectionCalibration | None) -> str:
    """What orders the matches of a model of ours where nobody says it: the best that it is calibrated for."""
    if not isinstance(calibration, Calibration):
        return HEAD
    return ALIGNER if calibration.model == bundled_fit().model else ALIGN


def align_with(query: Frames, tracks: Sequence[Frames], block: int, span: int) -> NDArray[np.float64]:
    """:func:`~covsearch.ranking.fusion.log_qmax` of one performance with each of n, (n,).

    Parameters
    ----------
    query, tracks : NDArray[float32 or uint8], shapes (L, F) and (M_i, F)
        Chroma at about 2.69 frames/s, or 255 times that.
    block : int
        Frames that are averaged first.
    span : int
        Of these means, compared at once.
    """
    scores = qmax_scores(query, tracks, span=span, block=block).scores
    means, *others = (-(-len(track) // block) for track in (query, *tracks))
    return log_qmax(scores, means, others)


def align_all(
    tracks: list[NDArray[np.float32]], block: int, span: int, progress: Progress = silent
) -> NDArray[np.float64]:
    """:func:`align_with` of every pair of M performances, (M, M); 0 on the diagonal."""
    found = np.zeros((len(tracks), len(tracks)))
    for row in range(len(tracks) - 1):
        found[row, row + 1 :] = align_with(tracks[row], tracks[row + 1 :], block, span)
        progress("aligning", row + 1, len(tracks) - 1)
    return found + found.T


def _exact(scope: Scope, question: Question, ranking: Ranking, top: int) -> Ranked:
    """The first `top` of a whole collection's ranking by distance."""
    ratio, chance = _head_ratio(scope, ranking)
    shown = Ranking(ranking.rows[:top], ranking.distances[:top])
    same = _same(scope, question, shown.rows)
    if ratio is None:
        return Ranked(shown, None, np.empty(0), None, None, same)
    return Ranked(shown, ratio[:top], ratio, chance, None, same)


def _head_ratio(scope: Scope, ranking: Ranking) -> tuple[NDArray[np.float64] | None, Chance | None]:
    calibration = scope.calibration
    if calibration is None:
        return None, None
    return calibration.head_ratio(ranking.distances + scope.collection.head.beta), calibration.by_head


def _same(scope: Scope, question: Question, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the first rows, as many as are aligned finely, are the query's own recording, (k,)."""
    same = np.zeros(len(rows), dtype=np.bool_)
    if question.chroma is not None and scope.chroma is not None:
        for place, row in enumerate(rows[: scope.cascade.fine].tolist()):
            same[place] = same_recording(question.chroma, scope.chroma.track(row))
    return same
