"""How two performances align, compiled: whole numbers, no transposed copy, and only for a path a matrix of scores.

Unit frames are rounded to whole numbers so small that every sum of products is exact in float32. No result can then
depend on the order of additions: not on the key, not on which track is first, not on the processor. None of the
functions holds the interpreter's lock. A first call compiles, some seconds; numba caches the machine code.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from covsearch.compiled import compiled

Frames = NDArray[np.float32] | NDArray[np.uint8]

PITCHES = 12
LARGEST = 32_767  # of int16, in which similarities are kept
EXACT = 2.0**24  # whole numbers up to this are exact in float32
TILE = 256  # columns whose thresholds are found together: their part of the matrix stays in the cache


@compiled()
def length_of_unit(span: int, width: int) -> int:
    """Length of the rounded unit frames: the greatest with which a running sum over `span` frames is exact."""
    return max(1, int(math.sqrt(EXACT / (span + 1)) - math.sqrt(width) / 2))


@compiled(nogil=True)
def whole_units(frames: Frames, length: int, top: int = 1, block: int = 1) -> NDArray[np.float32]:
    """Frames scaled to one length and rounded to whole numbers; silence and broken frames are zeros.

    Parameters
    ----------
    frames : NDArray[float32 or uint8], shape (T, F)
    length : int
        Of what comes out.
    top : int
        What stands for 1 in `frames`: 255 of bytes, 1 of floats.
    block : int
        Frames that are averaged first; the last block may be shorter.

    Returns
    -------
    NDArray[float32], shape (ceil(T / block), F)
    """
    count, width = frames.shape
    rows = (count + block - 1) // block
    out = np.empty((rows, width), np.float32)
    one = np.float32(top)
    for i in range(rows):
        mean = out[i]
        first, last = i * block, min((i + 1) * block, count)
        for f in range(width):
            mean[f] = np.float32(frames[first, f]) / one
        for t in range(first + 1, last):
            for f in range(width):
                mean[f] += np.float32(frames[t, f]) / one
        frames_here = np.float32(last - first)
        squared = 0.0
        for f in range(width):
            mean[f] /= frames_here
            squared += np.float64(mean[f]) * np.float64(mean[f])
        if squared > 0 and squared < np.inf:
            scale = length / math.sqrt(squared)
            for f in range(width):
                mean[f] = np.float32(np.rint(mean[f] * scale))
        else:
            mean[:] = np.float32(0)
    return out


@compiled(nogil=True)
def pitch_sums(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums (F,) over the frames (L, F)."""
    sums = np.zeros(frames.shape[1])
    for i in range(len(frames)):
        for f in range(frames.shape[1]):
            sums[f] += frames[i, f]
    return sums


@compiled(nogil=True)
def key_fits(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products (12,) of sums of pitches (F,) with those of a track that sounds 0 to 11 semitones higher; exact."""
    fits = np.zeros(PITCHES)
    for key in range(PITCHES):
        for f in range(len(first)):
            fits[key] += first[f] * second[f - f % PITCHES + (f + key) % PITCHES]
    return fits


@compiled(nogil=True)
def stretches(
    rows: NDArray[np.float32], columns: NDArray[np.float32], key: int, span: int, length: int
) -> NDArray[np.int16]:
    """Similarity of stretches of `span` frames, as a share of 32,767.

    Parameters
    ----------
    rows, columns : NDArray[float32], shapes (M, F) and (F, L)
        From :func:`whole_units`, the second transposed and contiguous.
    key : int
        How many semitones higher the rows sound.
    span, length : int

    Returns
    -------
    NDArray[int16], shape (M - span + 1, L - span + 1)
    """
    height, width = rows.shape
    frames = columns.shape[1]
    down, across = height - span + 1, frames - span + 1
    ring = np.zeros((span + 1, frames), np.float32)  # similarity of the last rows of single frames
    running = np.zeros((2, across), np.float32)
    out = np.empty((down, across), np.int16)
    factor = np.float32(LARGEST / (span * (length + math.sqrt(width) / 2) ** 2))
    for i in range(height):
        single = ring[i % (span + 1)]
        for f in range(0, width, 4):
            block = f - f % PITCHES
            w0, w1 = rows[i, block + (f + key) % PITCHES], rows[i, block + (f + 1 + key) % PITCHES]
            w2, w3 = rows[i, block + (f + 2 + key) % PITCHES], rows[i, block + (f + 3 + key) % PITCHES]
            c0, c1, c2, c3 = columns[f], columns[f + 1], columns[f + 2], columns[f + 3]
            if f == 0:
                for j in range(frames):
                    single[j] = w0 * c0[j] + w1 * c1[j] + w2 * c2[j] + w3 * c3[j]
            else:
                for j in range(frames):
                    single[j] += w0 * c0[j] + w1 * c1[j] + w2 * c2[j] + w3 * c3[j]
        first = i - span + 1
        if first < 0:
            continue
        now, before = running[first % 2], running[(first + 1) % 2]
        if first == 0:
            now[:] = np.float32(0)
            for t in range(span):
                source = ring[t]
                for j in range(across):
                    now[j] += source[j + t]
        else:
            gone = ring[(first - 1) % (span + 1)]
            for j in range(1, across):
                now[j] = before[j - 1] + (single[j + span - 1] - gone[j - 1])
            edge = np.float32(0)
            for t in range(span):
                edge += ring[(first + t) % (span + 1), t]
            now[0] = edge
        target = out[first]
        for j in range(across):
            target[j] = np.int16(np.int32(now[j] * factor))
    return out


@compiled(nogil=True)
def row_thresholds(similarity: NDArray[np.int16], count: int) -> NDArray[np.int16]:
    """What the `count` greatest of each row of (M, L) exceed, and no more than these: at least 0, found by halving."""
    rows, columns = similarity.shape
    out = np.zeros(rows, np.int16)
    if columns <= count:
        return out
    for i in range(rows):
        row = similarity[i]
        low, high = -1, LARGEST  # more than `count` exceed low, or it is -1; at most `count` exceed high
        while high - low > 1:
            middle = (low + high) >> 1
            limit = np.int16(middle)
            above = np.int32(0)
            for j in range(columns):
                above += np.int32(row[j] > limit)
            if above > count:
                low = middle
            else:
                high = middle
                if above == count:
                    break
        out[i] = high
    return out


@compiled(nogil=True)
def column_thresholds(similarity: NDArray[np.int16], count: int) -> NDArray[np.int16]:
    """As :func:`row_thresholds`, of each column of (M, L), without a transposed copy; M at most 32,767."""
    rows, columns = similarity.shape
    out = np.zeros(columns, np.int16)
    if rows <= count:
        return out
    limit, above = np.empty(TILE, np.int16), np.empty(TILE, np.int16)
    low, high = np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    for start in range(0, columns, TILE):
        size = min(TILE, columns - start)
        low[:], high[:] = -1, LARGEST
        open_ones = size
        while open_ones > 0:
            for j in range(size):
                limit[j] = (low[j] + high[j]) >> 1
                above[j] = 0
            for i in range(rows):
                row = similarity[i, start : start + size]
                for j in range(size):
                    above[j] += np.int16(row[j] > limit[j])
            open_ones = 0
            for j in range(size):
                if high[j] - low[j] > 1:
                    if above[j] > count:
                        low[j] = limit[j]
                    else:
                        high[j] = limit[j]
                        if above[j] == count:
                            low[j] = high[j] - 1
                    if high[j] - low[j] > 1:
                        open_ones += 1
        for j in range(size):
            out[start + j] = high[j]
    return out


@compiled(nogil=True)
def thresholds(similarity: NDArray[np.int16], nearest: float) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What an entry of (M, L) must exceed to be among the share `nearest` of its row, (M,), and of its column, (L,)."""
    down, across = similarity.shape
    by_row = row_thresholds(similarity, max(1, int(np.rint(nearest * across))))
    by_column = column_thresholds(similarity, max(1, int(np.rint(nearest * down))))
    return by_row, by_column


@compiled(nogil=True)
def matches(
    similarity: NDArray[np.int16], by_row: NDArray[np.int16], by_column: NDArray[np.int16]
) -> NDArray[np.bool_]:
    """Which entries of (M, L) exceed the thresholds (M,) of their row and (L,) of their column."""
    rows, columns = similarity.shape
    out = np.empty((rows, columns), np.bool_)
    for i in range(rows):
        row, target, limit = similarity[i], out[i], by_row[i]
        for j in range(columns):
            target[j] = (row[j] > limit) & (row[j] > by_column[j])
    return out


@compiled(nogil=True)
def recurrence(
    similarity: NDArray[np.int16],
    by_row: NDArray[np.int16],
    by_column: NDArray[np.int16],
    onset: float,
    extension: float,
    kept: int,
) -> tuple[float, NDArray[np.float32]]:
    """Qmax, and the scores of the best alignments that end at each entry of (M, L), of which some rows are kept.

    Parameters
    ----------
    similarity, by_row, by_column : NDArray[int16], shapes (M, L), (M,) and (L,)
        An entry above both thresholds is a match.
    onset, extension : float
        What the first and each further mismatch costs, in matches.
    kept : int
        M + 2 for the whole matrix of scores, 3 for Qmax alone.

    Returns
    -------
    float
        The greatest score.
    NDArray[float32], shape (kept, L + 2)
        Row ``i % kept`` has the scores of row i, behind two zeros, unless a later row replaced them.
    """
    rows, columns = similarity.shape
    score = np.zeros((kept, columns + 2), np.float32)
    gap = np.zeros((3, columns + 2), np.float32)  # score less what a mismatch there costs, at least 0
    peak = np.zeros(columns, np.float32)
    zero, one = np.float32(0), np.float32(1)
    first, further = np.float32(onset), np.float32(extension)
    for i in range(rows):
        row, limit = similarity[i], by_row[i]
        target, last, older = score[i % kept], score[(i + kept - 1) % kept], score[(i + kept - 2) % kept]
        spent, gap_last, gap_older = gap[i % 3], gap[(i + 2) % 3], gap[(i + 1) % 3]
        for j in range(columns):
            match = (row[j] > limit) & (row[j] > by_column[j])
            ahead = last[j + 1] if last[j + 1] > last[j] else last[j]
            ahead = ahead if ahead > older[j + 1] else older[j + 1]
            aside = gap_last[j + 1] if gap_last[j + 1] > gap_last[j] else gap_last[j]
            aside = aside if aside > gap_older[j + 1] else gap_older[j + 1]
            value = ahead + one if match else aside
            left = value - (first if match else further)
            target[j + 2] = value
            spent[j + 2] = left if left > zero else zero
            peak[j] = value if value > peak[j] else peak[j]
    return np.float64(peak.max()), score


@compiled(nogil=True)
def followed_back(
    score: NDArray[np.float32], matches: NDArray[np.bool_], onset: float, extension: float
) -> NDArray[np.int64]:
    """From the first of the highest scores (M, L) back to where its alignment begins: (K, 2), in the order of time."""
    rows, columns = score.shape
    path = np.empty((min(rows, columns), 2), np.int64)  # every step goes ahead in both
    first, further = np.float32(onset), np.float32(extension)
    place = int(score.argmax())
    i, j = place // columns, place % columns
    length = 0
    while i >= 0 and score[i, j] > 0:
        path[length, 0], path[length, 1] = i, j
        length += 1
        most, from_i, from_j = np.float32(0), -1, -1
        for di, dj in ((1, 1), (2, 1), (1, 2)):  # as fast, half as fast, twice as fast
            k, m = i - di, j - dj
            if k < 0 or m < 0:
                continue
            cost = np.float32(0)
            if not matches[i, j]:
                cost = first if matches[k, m] else further
            if score[k, m] - cost > most:
                most, from_i, from_j = score[k, m] - cost, k, m
        i, j = from_i, from_j
    return path[:length][::-1].copy()


@compiled(nogil=True)
def qmax_in_key(
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    key: int,
    span: int,
    length: int,
    nearest: float,
    onset: float,
    extension: float,
) -> float:
    """Qmax of (M, F) and (F, L), as :func:`stretches` takes them; both at least `span` long."""
    similarity = stretches(rows, columns, key, span, length)
    by_row, by_column = thresholds(similarity, nearest)
    return recurrence(similarity, by_row, by_column, onset, extension, 3)[0]


@compiled(nogil=True)
def best_of_keys(
    columns: NDArray[np.float32],
    sums: NDArray[np.float64],
    rows: NDArray[np.float32],
    close: float,
    span: int,
    length: int,
    nearest: float,
    onset: float,
    extension: float,
) -> tuple[float, int]:
    """Qmax and key of a track in the key that fits best, or in the second best if it is close and scores higher.

    Parameters
    ----------
    columns, sums : NDArray, shapes (F, L) and (F,)
        Of one track: :func:`whole_units` transposed, and their :func:`pitch_sums`.
    rows : NDArray[float32], shape (M, F)
        :func:`whole_units` of the other; M at least `span`.
    close : float
        Which share of what the best fit is above the mean of all 12 the second may fall short by.
    span, length, nearest, onset, extension

    Returns
    -------
    float, int
        The score, and how many semitones higher the rows sound: 0 to 11.
    """
    fits = key_fits(sums, pitch_sums(rows))
    best = int(fits.argmax())
    second = (best + 1) % PITCHES
    for key in range(PITCHES):
        if key != best and fits[key] > fits[second]:
            second = key
    score = qmax_in_key(rows, columns, best, span, length, nearest, onset, extension)
    if fits[best] - fits[second] <= close * (fits[best] - fits.mean()):
        other = qmax_in_key(rows, columns, second, span, length, nearest, onset, extension)
        if other > score:
            return other, second
    return score, best
