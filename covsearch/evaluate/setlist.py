"""How good a setlist is: which songs of a recording were found, and how near their begins and ends are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import UsageError

ENOUGH = 0.5  # of what two stretches cover together, the part that both cover: less is another stretch


@dataclass(frozen=True)
class PlayedStretch:
    """A part of a recording in which one work is played.

    Attributes
    ----------
    start, end : float
        Seconds; the end is after the start.
    work : str

    Raises
    ------
    UsageError
        When it does not end after it starts.
    """

    start: float
    end: float
    work: str

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise UsageError(f"a stretch must end after it starts, not go from {self.start} s to {self.end} s")


@dataclass(frozen=True, eq=False)
class SetlistScore:
    """What was found of what was played.

    Attributes
    ----------
    played : int
        Stretches of works that could be found.
    named : int
        Stretches that were named.
    right : int
        Those named with the right work in the right place.
    boundary_errors : NDArray[float64], shape (2 * right,)
        Seconds from the true begins and ends of these; never negative.
    """

    played: int
    named: int
    right: int
    boundary_errors: NDArray[np.float64]

    @property
    def precision(self) -> float:
        """Share of the named stretches that are right; 1 where none was named."""
        return self.right / self.named if self.named else 1.0

    @property
    def recall(self) -> float:
        """Share of the played stretches that were found; 1 where none was played."""
        return self.right / self.played if self.played else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        total = self.played + self.named
        return 2 * self.right / total if total else 1.0

    def __add__(self, other: SetlistScore) -> SetlistScore:
        """Both recordings together: every stretch counts alike."""
        errors = np.concatenate([self.boundary_errors, other.boundary_errors])
        return SetlistScore(self.played + other.played, self.named + other.named, self.right + other.right, errors)


def score_setlist(played: Sequence[PlayedStretch], named: Sequence[PlayedStretch]) -> SetlistScore:
    """Compare what was named with what was played.

    A named stretch is right when its work is played there: the part that both cover is at least half of what they
    cover together. Each stretch counts once; the pairs that share most are taken first.

    Parameters
    ----------
    played : sequence of PlayedStretch
        Of works that are in the index; others are not to be named.
    named : sequence of PlayedStretch
    """
    pairs = sorted(
        (-_overlap(one, other), i, j)
        for i, one in enumerate(played)
        for j, other in enumerate(named)
        if one.work == other.work and _overlap(one, other) >= ENOUGH
    )
    taken: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in taken and j not in taken.values():
            taken[i] = j
    errors = [
        error
        for i, j in taken.items()
        for error in (abs(played[i].start - named[j].start), abs(played[i].end - named[j].end))
    ]
    return SetlistScore(len(played), len(named), len(taken), np.array(errors, dtype=np.float64))


def _overlap(a: PlayedStretch, b: PlayedStretch) -> float:
    """What both cover, as a share of what they cover together."""
    both = min(a.end, b.end) - max(a.start, b.start)
    return max(both, 0.0) / (max(a.end, b.end) - min(a.start, b.start))
