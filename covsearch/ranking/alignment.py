"""How two performances run side by side: in which key they fit, and how long one follows the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import BINS
from covsearch.ranking import score_kernel
from covsearch.ranking.similarity import check_length, mutual_neighbours, whole_units

SPAN = 9  # frames compared at once: 3.3 s at 2.69 frames/s; the publication has 10 of 0.46 s
NEAREST = 0.095  # which share of the other performance may match a moment; as published
CLOSE = 0.1  # in the sample this aligns 8 % of the pairs twice, and finds most of what trying all keys would


@dataclass(frozen=True)
class GapCosts:
    """What Qmax takes off for moments that do not match, in matches.

    Attributes
    ----------
    onset : float
        For the first mismatch after a match (γo).
    extension : float
        For each further one (γe).
    """

    onset: float
    extension: float


PUBLISHED = GapCosts(onset=5.0, extension=0.5)
"""Of Serrà, Serra, Andrzejak (2009); the default here."""
ESSENTIA = GapCosts(onset=0.5, extension=0.5)
"""The defaults of essentia's CoverSongSimilarity. :mod:`covsearch.ranking.scores` has these."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Two performances in the key in which they fit best.

    Attributes
    ----------
    semitones : int
        How much higher the second sounds, -5 to 6: octaves are not heard in chroma.
    similarity : NDArray[float32], shape (L, M)
        Of stretches of `span` frames, in that key; in [0, 1] for chroma.
    span : int
        Entry (i, j) compares frames i to i + span of one with j to j + span of the other.
    path : NDArray[int64], shape (K, 2)
        Places in `similarity`, in the order of time; K is 0 where nothing matches.
    score : float
        Qmax: matches on the path less what its gaps cost.
    chance : float
        The best Qmax in the 11 other keys, where nothing but chance and harmony common to much music aligns.
    chance_semitones : int
        In which of these it is, -5 to 6. Where `chance` is more than `score`, this key is as good an answer.
    """

    semitones: int
    similarity: NDArray[np.float32]
    span: int
    path: NDArray[np.int64]
    score: float
    chance: float
    chance_semitones: int


def align(a: NDArray[np.float32], b: NDArray[np.float32], span: int = SPAN, costs: GapCosts = PUBLISHED) -> Alignment:
    """Find the key in which two performances fit best, and align them in it.

    Key and score are those of :func:`covsearch.ranking.scores.qmax_scores` with the same `span` and `costs`: the mean
    chroma tells which keys to try, and of the two that fit best, where they are close, the one that aligns further
    counts.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (L, F) and (M, F)
        Frames, F a multiple of 12; meant for 2.69 a second. At most 32,767 each.
    span : int
        Frames compared at once; at most the shorter length is used.
    costs : GapCosts

    Raises
    ------
    UsageError
        When a performance has too many frames.
    """
    span = min(span, len(a), len(b))
    check_length(max(len(a), len(b)))
    first, rows = whole_units(a, span), whole_units(b, span)
    columns, sums = np.ascontiguousarray(first.T), score_kernel.pitch_sums(first)
    length = score_kernel.length_of_unit(span, len(columns))
    settings = (span, length, NEAREST, float(costs.onset), float(costs.extension))
    score, key = score_kernel.best_of_keys(columns, sums, rows, CLOSE, *settings)
    others = [k for k in range(BINS) if k != key]
    chances = [score_kernel.qmax_in_key(rows, columns, k, *settings) for k in others]
    other = others[int(np.argmax(chances))]
    similarity = score_kernel.stretches(rows, columns, key, span, length)  # (M - span + 1, L - span + 1)
    matches = mutual_neighbours(similarity, NEAREST)
    table = local_alignment(matches.T, costs)
    return Alignment(
        semitones=_nearer(key),
        similarity=np.ascontiguousarray(similarity.T, np.float32) / np.float32(score_kernel.LARGEST),
        span=span,
        path=trace(table, matches.T, costs),
        score=score,
        chance=max(chances),
        chance_semitones=_nearer(other),
    )


def _nearer(key: int) -> int:
    """A key 0 to 11 semitones higher as -5 to 6."""
    return key if key <= BINS // 2 else key - BINS


def local_alignment(matches: NDArray[np.bool_], costs: GapCosts = PUBLISHED) -> NDArray[np.float32]:
    """Qmax: length of the best alignment that ends at each pair of frames, less what its gaps cost.

    A step goes one frame ahead in both, or two in one and one in the other, so that tempi may differ up to twofold.

    Parameters
    ----------
    matches : NDArray[bool], shape (L, M)
        Which frames are alike (:func:`covsearch.ranking.similarity.mutual_neighbours`).
    costs : GapCosts

    Returns
    -------
    NDArray[float32], shape (L, M)
        At least 0; the maximum is Qmax.

    References
    ----------
    Serrà, Serra, Andrzejak, "Cross recurrence quantification for cover song identification", New Journal of Physics 11
    (2009), eq. 3.
    """
    levels = np.ascontiguousarray(matches, dtype=np.int16)  # more than 0 is a match
    rows, columns = (np.zeros(size, np.int16) for size in levels.shape)
    onset, extension = float(costs.onset), float(costs.extension)
    _, score = score_kernel.recurrence(levels, rows, columns, onset, extension, len(levels) + 2)
    return np.ascontiguousarray(score[: len(levels), 2:])


def trace(score: NDArray[np.float32], matches: NDArray[np.bool_], costs: GapCosts = PUBLISHED) -> NDArray[np.int64]:
    """The best alignment, followed back from where it ends.

    Parameters
    ----------
    score, matches : NDArray, shape (L, M)
        As :func:`local_alignment` returned and got them.
    costs : GapCosts
        The same.

    Returns
    -------
    NDArray[int64], shape (K, 2)
        Pairs of frames in the order of time, from its first match to its last; K is 0 where nothing matches.
    """
    table = np.require(score, np.float32, ["C", "W", "E"])
    found: NDArray[np.int64] = score_kernel.followed_back(
        table, np.require(matches, np.bool_, ["C", "W", "E"]), float(costs.onset), float(costs.extension)
    )
    return found
