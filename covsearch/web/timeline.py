"""Versions along the years, as a picture's points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEFT, RIGHT = 30.0, 970.0  # of a picture that is 1,000 wide
APART, HIGH = 16.0, 18.0  # between two points beside and above each other


@dataclass(frozen=True)
class Point:
    """One version: where its point is, rows counted from below, and what is known of it."""

    x: float
    row: int
    version: Mapping[str, Any]


@dataclass(frozen=True)
class Timeline:
    """The versions of which the year is known, the oldest first.

    Attributes
    ----------
    points : tuple of Point
    ticks : tuple of (float, int)
        Where a year stands, and which.
    base : float
        How far the line of the years is from above.
    """

    points: tuple[Point, ...]
    ticks: tuple[tuple[float, int], ...]
    base: float


def timeline(versions: Sequence[Mapping[str, Any]]) -> Timeline | None:
    """Versions by their ``year``; None where no year is known."""
    known = sorted((one for one in versions if one["year"] is not None), key=lambda one: int(one["year"]))
    if not known:
        return None
    first, last = int(known[0]["year"]), int(known[-1]["year"])

    def at(year: int) -> float:
        return LEFT + (RIGHT - LEFT) * (year - first) / (last - first) if last > first else (LEFT + RIGHT) / 2

    ends: list[float] = []  # of every row, the last point's x
    points = []
    for one in known:
        x = at(int(one["year"]))
        row = next((row for row, end in enumerate(ends) if x - end >= APART), len(ends))
        ends[row:] = [x, *ends[row + 1 :]]
        points.append(Point(x, row, one))
    return Timeline(tuple(points), tuple((at(year), year) for year in _ticks(first, last)), len(ends) * HIGH + 6)


def _ticks(first: int, last: int) -> list[int]:
    """The first and the last year, and round ones between them that have room."""
    step = next((step for step in (1, 2, 5, 10, 20, 50, 100, 500) if (last - first) / step <= 9), 1000)
    room = (last - first) / 18
    between = [year for year in range(-(-first // step) * step, last, step) if year - first > room < last - year]
    return sorted({first, *between, last})
