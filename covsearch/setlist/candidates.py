"""Which performances may be played where in a long recording: windows ask the index, alignment finds begin and end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import BINS
from covsearch.features.augment import rotate_key
from covsearch.features.frames import means_of, unit_norm
from covsearch.features.sound import LEAST_SECONDS
from covsearch.features.windows import WindowRecipe
from covsearch.index.calibration import Calibration
from covsearch.progress import Progress, silent
from covsearch.ranking.alignment import NEAREST, local_alignment, trace
from covsearch.ranking.fusion import log_qmax
from covsearch.ranking.same_recording import same_recording
from covsearch.ranking.scores import cores, qmax_scores
from covsearch.ranking.similarity import mutual_neighbours, stretch_similarity
from covsearch.stages import BLOCK, COARSE_SPAN, SPAN

if TYPE_CHECKING:
    from covsearch.store.protocols import ChromaBlobs, VectorStore

Span = tuple[int, int]
Embed = Callable[[Sequence[Span]], NDArray[np.float32]]
"""Stretches of the recording, from one slow frame up to another -> their vectors (n, D) of the index's model."""
T = TypeVar("T")
R = TypeVar("R")

CROWD_SECONDS = 60.0  # candidates up to so long count as of one length
MOST_FRAMES = 4_096  # of a track or of the stretch it is aligned with, 25 minutes; a matrix has 64 MB at most


@dataclass(frozen=True)
class SetlistRecipe:
    """How a long recording is searched. Chosen on concerts of the sample's validation works.

    Attributes
    ----------
    windows : tuple of float
        Seconds of the windows that ask the index.
    hop : float
        From the start of one window to that of the next, as a share of its length.
    near : int
        How many of a window's nearest under the head are aligned with it.
    kept : int
        How many of these are looked for around the window.
    around : float
        Where: in the stretch of so many lengths of the track, the window in its middle.
    keys : int
        In how many keys: those that fit best.
    cells : int
        Pairs of frames of such a stretch and a track; more are compared in coarser frames.
    judged : int
        How many candidates of about one length and one place are heard by the model: those that align best.
    penalty : float
        What a song costs when the recording is divided, as a log likelihood ratio: more makes fewer songs.
    least : float
        Cover probability in [0, 1) that a query for the song's stretch must give it: less is a gap.
    """

    windows: tuple[float, ...] = (30.0, 90.0)
    hop: float = 1 / 3
    near: int = 100
    kept: int = 15
    around: float = 3.0
    keys: int = 2
    cells: int = 300_000
    judged: int = 15
    penalty: float = 1.0
    least: float = 0.1


@dataclass(frozen=True)
class Candidate:
    """A performance that may be played in a stretch of the recording.

    Attributes
    ----------
    row : int
        In the collection.
    start, end : int
        Slow frames of the recording.
    track_start, track_end : int
        Slow frames of the performance, where the match begins and ends.
    semitones : int
        How much higher the recording sounds than the performance, -6 to 5.
    tempo : float
        How many times as fast the recording is played.
    ratio : float
        Log likelihood ratio of cover against non-cover; before that is known, how well it aligns.
    same : bool
        Whether the stretch is this very recording.
    """

    row: int
    start: int
    end: int
    track_start: int
    track_end: int
    semitones: int
    tempo: float
    ratio: float = 0.0
    same: bool = False


@dataclass(frozen=True)
class _Hit:
    """A performance that a window found; `up`: how many semitones higher than the window it sounds."""

    row: int
    start: int
    end: int
    ratio: float
    up: int

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


@dataclass(frozen=True, eq=False)
class Search:
    """What a long recording is looked for in.

    Attributes
    ----------
    collection : VectorStore
    chroma : ChromaBlobs
    calibration : Calibration
    """

    collection: VectorStore
    chroma: ChromaBlobs
    calibration: Calibration


def candidates_of(
    search: Search,
    slow: NDArray[np.float32],
    rate: float,
    embed: Embed,
    recipe: SetlistRecipe,
    progress: Progress = silent,
) -> list[Candidate]:
    """What may be played where.

    Parameters
    ----------
    search : Search
    slow : NDArray[float32], shape (T, F)
        Chroma of the recording in the key as played.
    rate : float
        Frames/s of `slow`, about 2.69.
    embed : Embed
    recipe : SetlistRecipe
    progress : Progress
    """
    hits = _hits(search, slow, rate, embed, recipe, progress)
    places = _places(search, hits, slow, recipe)
    found = _each(lambda place: _located(search, slow, *place, recipe), places, "aligning", progress)
    long_enough = [c for c in found if c is not None and c.end - c.start >= LEAST_SECONDS * rate]
    return beside_the_same(_weighed(search, slow, embed, _likeliest(long_enough, rate, recipe.judged), progress))


def aligned_again(
    search: Search, slow: NDArray[np.float32], candidate: Candidate, span: Span, recipe: SetlistRecipe
) -> Candidate:
    """A candidate with the key, the tempo and the match that its stretch alone has, whichever key fits best of all."""
    hit = _Hit(candidate.row, *span, candidate.ratio, -candidate.semitones)
    found = _located(search, slow, hit, span, replace(recipe, keys=BINS))
    return candidate if found is None else replace(found, start=span[0], end=span[1], ratio=candidate.ratio)


def _hits(
    search: Search, slow: NDArray[np.float32], rate: float, embed: Embed, recipe: SetlistRecipe, progress: Progress
) -> list[_Hit]:
    """What every window with enough sound finds: the head's nearest, aligned coarsely."""
    spans = _windows(slow, rate, recipe)
    if not spans:
        return []
    vectors = embed(spans)

    def ask(k: int) -> list[_Hit]:
        start, end = spans[k]
        near = search.collection.search(vectors[k], recipe.near)
        own = means_of(slow[start:end], BLOCK)
        tracks = [means_of(search.chroma.track(row), BLOCK) for row in near.rows.tolist()]
        aligned = qmax_scores(own, tracks, span=COARSE_SPAN, threads=1)
        lengths = [len(track) for track in tracks]
        score = near.distances + search.collection.head.beta
        ratio = search.calibration.coarse.ratio(score, log_qmax(aligned.scores, len(own), lengths))
        best = np.argsort(-ratio, kind="stable")[: recipe.kept]
        return [_Hit(int(near.rows[i]), start, end, float(ratio[i]), int(aligned.semitones[i])) for i in best.tolist()]

    return [hit for some in _each(ask, range(len(spans)), "searching", progress) for hit in some]


def _windows(slow: NDArray[np.float32], rate: float, recipe: SetlistRecipe) -> list[Span]:
    """The windows of all lengths in which there are 15 s of sound."""
    sounds = np.concatenate([[0], np.cumsum(slow.any(axis=1))])
    spans = set()
    for seconds in recipe.windows:
        length = max(1, round(seconds * rate))
        cut = WindowRecipe(rate, length, max(1, round(length * recipe.hop)))
        spans |= {(start, min(start + length, len(slow))) for start in cut.starts(len(slow)).tolist()}
    enough = LEAST_SECONDS * rate
    return sorted(span for span in spans if sounds[span[1]] - sounds[span[0]] >= enough)


def _places(
    search: Search, hits: list[_Hit], slow: NDArray[np.float32], recipe: SetlistRecipe
) -> list[tuple[_Hit, Span]]:
    """Where each performance that was found is looked for; of windows near each other the best one counts."""
    places: dict[tuple[int, int], _Hit] = {}
    for hit in hits:
        step = max(1, len(search.chroma.track(hit.row)) // 2)
        key = (hit.row, round(hit.middle / step))
        if key not in places or places[key].ratio < hit.ratio:
            places[key] = hit
    found = []
    for (row, _), hit in sorted(places.items(), key=lambda item: item[0]):
        half = min(MOST_FRAMES, round(recipe.around * len(search.chroma.track(row)))) // 2
        found.append((hit, (max(0, hit.middle - half), min(len(slow), hit.middle + half))))
    return found


def _located(
    search: Search, slow: NDArray[np.float32], hit: _Hit, span: Span, recipe: SetlistRecipe
) -> Candidate | None:
    """Where in a stretch of the recording the performance begins and ends, by the best local path; None without one."""
    track = search.chroma.track(hit.row)
    block = max(1, math.ceil(math.sqrt((span[1] - span[0]) * len(track) / recipe.cells)))
    a, b = means_of(slow[span[0] : span[1]], block), means_of(track, block)
    width = min(SPAN if block < 3 else COARSE_SPAN, len(a), len(b))
    if not width:
        return None
    best, path, up = -1.0, np.empty((0, 2), np.int64), 0
    for key in _keys(slow[hit.start : hit.end], track, hit.up, recipe.keys):
        matches = mutual_neighbours(stretch_similarity(a, rotate_key(b, -key), width), NEAREST)
        score = local_alignment(matches)
        if score.max() > best:
            best, path, up = float(score.max()), trace(score, matches), key
    if len(path) < 2:
        return None
    (i, j), (m, n) = path[0].tolist(), path[-1].tolist()
    slope = (m - i) / max(1, n - j)  # frames of the recording for one of the track
    before, after = j * slope, (len(b) - width - n) * slope  # where the whole track would begin and end
    return Candidate(
        row=hit.row,
        start=max(0, span[0] + round((i - before) * block)),
        end=min(len(slow), span[0] + round((m + width + after) * block)),
        track_start=j * block,
        track_end=min(len(track), (n + width) * block),
        semitones=-up,
        tempo=1 / max(slope, 1e-9),
        ratio=float(log_qmax(best, (m + width + after) - (i - before), len(b))),
    )


def _keys(own: NDArray[np.float32], track: NDArray[np.float32], first: int, count: int) -> list[int]:
    """How much higher the track may sound, -5 to 6: what the window found, then by what sounds how long."""
    a, b = unit_norm(own).sum(axis=0), unit_norm(track).sum(axis=0)
    fits = np.array([a @ rotate_key(b[None], -key)[0] for key in range(BINS)])
    order = [first, *(key if key <= BINS // 2 else key - BINS for key in np.argsort(-fits, kind="stable").tolist())]
    return list(dict.fromkeys(order))[:count]


def _likeliest(found: list[Candidate], rate: float, count: int) -> list[Candidate]:
    """Of the candidates of about one length and one place, the `count` that align best."""
    crowds: dict[tuple[float, int], list[Candidate]] = {}
    for candidate in dict.fromkeys(found):
        middle, length = (candidate.start + candidate.end) / 2, candidate.end - candidate.start
        near = 2.0 ** round(math.log2(max(length, rate * CROWD_SECONDS) / 2))  # frames; a power of two near half of it
        crowds.setdefault((near, int(middle / near)), []).append(candidate)
    return [c for crowd in crowds.values() for c in sorted(crowd, key=lambda c: -c.ratio)[:count]]


def _weighed(
    search: Search, slow: NDArray[np.float32], embed: Embed, found: list[Candidate], progress: Progress
) -> list[Candidate]:
    """Each with its ratio: what head and alignment say of its stretch, heard as a performance of its own."""
    vectors = embed([(c.start, c.end) for c in found])

    def weigh(k: int) -> Candidate:
        c = found[k]
        own, track = slow[c.start : c.end], search.chroma.track(c.row)
        score = search.collection.head.scores(vectors[k], search.collection.take([c.row]))
        qmax = qmax_scores(own, [track], span=SPAN, threads=1).scores
        ratio = search.calibration.fine.ratio(score, log_qmax(qmax, len(own), len(track)))
        return replace(c, ratio=float(ratio[0]), same=same_recording(own, track))

    return _each(weigh, range(len(found)), "judging", progress)


def beside_the_same(found: list[Candidate]) -> list[Candidate]:
    """Without those of which half or more lies in a stretch that is another performance's very recording.

    Of two that are, the longer one counts: an excerpt is no rival of the whole.
    """
    same = [c for c in found if c.same]

    def free(c: Candidate) -> bool:
        length = c.end - c.start
        rivals = (s for s in same if not c.same or s.end - s.start > length)
        return all(2 * (min(c.end, s.end) - max(c.start, s.start)) < length for s in rivals)

    return [c for c in found if free(c)]


def _each(work: Callable[[T], R], items: Iterable[T], stage: str, progress: Progress) -> list[R]:
    """`work` on every item, one thread a core."""
    todo = list(items)
    done: list[R] = []
    with ThreadPoolExecutor(cores()) as pool:
        for result in pool.map(work, todo):
            done.append(result)
            progress(stage, len(done), len(todo))
    return done
