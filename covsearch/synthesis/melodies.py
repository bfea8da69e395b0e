"""Whether two melodies are one: by the runs of seven intervals that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

_GRAM = 7  # intervals: of two tunes that have nothing to do with each other, next to none agree

Gram = tuple[int, ...]


def melody_grams(pitches: Sequence[int]) -> set[Gram]:
    """Every run of seven intervals of a melody, repeated notes taken once; the same in every key and rhythm."""
    moving = [pitch for k, pitch in enumerate(pitches) if k == 0 or pitch != pitches[k - 1]]
    intervals = np.diff(moving).tolist()
    return {tuple(intervals[k : k + _GRAM]) for k in range(len(intervals) - _GRAM + 1)}


class Melodies:
    """Melodies that others are compared with.

    Parameters
    ----------
    melodies : sequence of sequence of int
        MIDI pitches.
    """

    def __init__(self, melodies: Sequence[Sequence[int]]) -> None:
        self._sizes: list[int] = []
        self._where: dict[Gram, list[int]] = {}
        for pitches in melodies:
            self.add(pitches)

    def add(self, pitches: Sequence[int]) -> None:
        """One more."""
        grams = melody_grams(pitches)
        for gram in grams:
            self._where.setdefault(gram, []).append(len(self._sizes))
        self._sizes.append(len(grams))

    def near(self, pitches: Sequence[int], share: float) -> list[int]:
        """Which of them share more than this of the shorter one's runs; positions."""
        grams = melody_grams(pitches)
        shared = Counter(k for gram in grams for k in self._where.get(gram, ()))
        return [k for k, n in shared.items() if n > share * min(len(grams), self._sizes[k])]


def alike(melodies: Sequence[Sequence[int]], share: float) -> Iterator[tuple[int, int]]:
    """Every pair of melodies (earlier, later) that share more than this of the shorter one's runs."""
    known = Melodies([])
    for k, pitches in enumerate(melodies):
        for before in sorted(known.near(pitches, share)):
            yield before, k
        known.add(pitches)
