"""Which songs of a source are one work: said to be, the same recording, or the same tune."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from covsearch.synthesis.melodies import alike
from covsearch.synthesis.readings import SongReading
from covsearch.synthesis.song import Song

_SOME_OF_IT = 0.1
_SAME_TUNE = 0.5  # of the shorter melody's runs of seven intervals; fewer may be a common opening


def works_of(readings: Sequence[SongReading]) -> tuple[list[Song], int]:
    """One song a work, its other versions with it; a recording that is there twice is kept once.

    Parameters
    ----------
    readings : sequence of SongReading

    Returns
    -------
    (list of Song, int)
        In the order of the first version of each, and how many readings were the same recording again.
    """
    kept = _once(readings)
    group = list(range(len(kept)))
    for pairs in (_said(kept), alike([one.melody for one in kept], _SAME_TUNE)):
        for a, b in pairs:
            group[_root(group, b)] = _root(group, a)
    members: dict[int, list[Song]] = {}
    for k, reading in enumerate(kept):
        members.setdefault(_root(group, k), []).append(reading.song)
    return [replace(first, versions=tuple(others)) for first, *others in members.values()], len(readings) - len(kept)


def _once(readings: Sequence[SongReading]) -> list[SongReading]:
    seen: set[str] = set()
    found = []
    for reading in readings:
        if not reading.recording or reading.recording not in seen:
            found.append(reading)
            seen.add(reading.recording)
    return found


def _said(readings: Sequence[SongReading]) -> Iterator[tuple[int, int]]:
    """Pairs that are said to be one work; where melodies have next to nothing in common, only a name is shared."""
    members: dict[str, list[int]] = {}
    for k, one in enumerate(readings):
        others = members.setdefault(one.work, [])
        for before in others if one.work else ():
            if not one.melody or list(alike([readings[before].melody, one.melody], _SOME_OF_IT)):
                yield before, k
        others.append(k)


def _root(group: list[int], k: int) -> int:
    while group[k] != k:
        group[k] = group[group[k]]
        k = group[k]
    return k
