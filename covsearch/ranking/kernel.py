"""Alignment of two chroma sequences, compiled: stacked similarity, mutual neighbours, Qmax.

Each function works row by row over contiguous memory, so that the compiler can use vector instructions; none of them
holds the interpreter's lock. A first call compiles, some seconds; the machine code is kept in numba's cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

BINS = 1024  # of the histogram that finds in which bin a threshold lies; the threshold itself is exact


@njit(cache=True, nogil=True)
def stacked_similarity(a: NDArray[np.float32], b: NDArray[np.float32], span: int) -> NDArray[np.float32]:
    """Mean similarity of stretches of `span` frames.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (L, F) and (F, M)
        Unit frames, the second transposed and contiguous.
    span : int
        1 to the smaller of L and M.

    Returns
    -------
    NDArray[float32], shape (L - span + 1, M - span + 1)
        Entry (i, j) is the mean of the inner products of frames i + t and j + t, t from 0 to ``span - 1``.
    """
    length, width = a.shape
    frames = b.shape[1]
    rows, columns = length - span + 1, frames - span + 1
    recent = np.zeros((span, frames), np.float32)  # the last rows of single frames' similarity, in turn
    out = np.empty((rows, columns), np.float32)
    scale = np.float32(1.0) / np.float32(span)
    for i in range(length):
        row = recent[i % span]
        row[:] = np.float32(0)
        for f in range(width):
            weight = a[i, f]
            for j in range(frames):
                row[j] += weight * b[f, j]
        first = i - span + 1
        if first < 0:
            continue
        target = out[first]
        target[:] = np.float32(0)
        for t in range(span):
            source = recent[(first + t) % span]
            for j in range(columns):
                target[j] += source[j + t]
        for j in range(columns):
            target[j] *= scale
    return out


@njit(cache=True, nogil=True)
def nearest_thresholds(similarity: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The greatest value of each row that is not among its `count` greatest.

    Parameters
    ----------
    similarity : NDArray[float32], shape (L, M)
    count : int
        At least 1.

    Returns
    -------
    NDArray[float32], shape (L,)
        What is greater belongs to the `count` greatest; -inf where M <= `count`.
    """
    rows, columns = similarity.shape
    out = np.full(rows, -np.inf, np.float32)
    if columns <= count:
        return out
    histogram = np.empty(BINS, np.int32)
    places = np.empty(columns, np.int32)
    inside = np.empty(columns, np.float32)
    for i in range(rows):
        row = similarity[i]
        low, high = row[0], row[0]
        for j in range(columns):
            low = min(low, row[j])
            high = max(high, row[j])
        if high <= low:
            out[i] = high
            continue
        scale = np.float32(BINS - 1) / (high - low)
        histogram[:] = 0
        for j in range(columns):
            places[j] = np.int32((row[j] - low) * scale)
        for j in range(columns):
            histogram[places[j]] += 1
        place, above = BINS - 1, 0
        while above + histogram[place] <= count:  # the place of the value that comes after `count` others
            above += histogram[place]
            place -= 1
        found = 0
        for j in range(columns):
            if places[j] == place:
                inside[found] = row[j]
                found += 1
        out[i] = np.sort(inside[:found])[found - 1 - (count - above)]
    return out


@njit(cache=True, nogil=True)
def mutual(
    similarity: NDArray[np.float32], by_row: NDArray[np.float32], by_column: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which entries of (L, M) are greater than the thresholds (L,) of their row and (M,) of their column."""
    rows, columns = similarity.shape
    out = np.empty((rows, columns), np.bool_)
    for i in range(rows):
        row, target, threshold = similarity[i], out[i], by_row[i]
        for j in range(columns):
            target[j] = (row[j] > threshold) & (row[j] > by_column[j])
    return out


@njit(cache=True, nogil=True)
def recurrence(matches: NDArray[np.bool_], onset: float, extension: float) -> NDArray[np.float32]:
    """The loop of :func:`covsearch.ranking.alignment.local_alignment`, where its source stands.

    Parameters
    ----------
    matches : NDArray[bool], shape (L, M)
    onset, extension : float
        What the first and each further mismatch costs, in matches.

    Returns
    -------
    NDArray[float32], shape (L, M)
    """
    rows, columns = matches.shape
    score = np.zeros((rows + 2, columns + 2), np.float32)  # two of zeros before the first row and column
    gap = np.full((3, columns + 2), -np.float32(extension), np.float32)  # score less what a mismatch there costs
    first, further = np.float32(onset), np.float32(extension)
    for i in range(2, rows + 2):
        match = matches[i - 2]
        target, one, two = score[i], score[i - 1], score[i - 2]
        spent, gap_one, gap_two = gap[i % 3], gap[(i - 1) % 3], gap[(i - 2) % 3]
        spent[0], spent[1] = -further, -further
        for j in range(columns):
            ahead = max(max(one[j + 1], two[j + 1]), one[j]) + np.float32(1)
            aside = max(max(max(gap_one[j + 1], gap_two[j + 1]), gap_one[j]), np.float32(0))
            value = ahead if match[j] else aside
            target[j + 2] = value
            spent[j + 2] = value - (first if match[j] else further)
    return score[2:, 2:]
