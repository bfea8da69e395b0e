"""One song as its source has it, with what tells which work it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from covsearch.guard.files import RefusedError
from covsearch.synthesis.song import MELODY, Song

FEWEST_NOTES = 20
SHORTEST, LONGEST = 64, 12_000  # steps: four bars to half an hour


@dataclass(frozen=True, eq=False)
class SongReading:
    """One song of a source.

    Attributes
    ----------
    song : Song
    titles : tuple of str
        Of the song, its tune, whatever it is known by.
    work : str
        Songs of one source with the same are one work; empty where nothing is known.
    recording : str
        Songs of one source with the same are the same thing twice; empty where nothing is known.
    invented : bool
        Whether its melody is made up, and says nothing of which work it is.
    """

    song: Song
    titles: tuple[str, ...]
    work: str = ""
    recording: str = ""
    invented: bool = False

    @property
    def melody(self) -> list[int]:
        """MIDI pitches, the highest where several begin together; none of an invented one."""
        if self.invented:
            return []
        notes = self.song.notes
        mine = np.flatnonzero(notes.layer == MELODY)
        order = mine[np.lexsort((-notes.pitch[mine], notes.start[mine]))]
        first = np.concatenate([[True], np.diff(notes.start[order]) > 0]) if len(order) else np.zeros(0, dtype=bool)
        return [int(pitch) for pitch in notes.pitch[order][first]]


Row = Mapping[str, str]
Reader = Callable[[str, bytes, Row], SongReading]
"""``reader(name, data, row)``: a file's path inside its source, its bytes, and what the source's table says of it.
Raises RefusedError."""


def checked_song(song: Song) -> Song:
    """The song, if there is enough of it and not too much.

    Raises
    ------
    RefusedError
    """
    check_steps(song.steps)
    if len(song.notes) < FEWEST_NOTES:
        raise RefusedError(f"has {len(song.notes)} notes; at least {FEWEST_NOTES} are needed")
    return song


def check_steps(steps: int) -> None:
    """Refuse a length, before a song of it is made where that is possible.

    Raises
    ------
    RefusedError
    """
    if not SHORTEST <= steps <= LONGEST:
        raise RefusedError(f"lasts {steps / 4:,.10g} beats; {SHORTEST // 4} to {LONGEST // 4:,} are read")
