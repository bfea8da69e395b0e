"""A song on a grid: notes in layers, and a chord at every step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError

STEPS_A_BEAT = 4
LAYERS = ("melody", "second", "high", "low")
"""What carries the tune, what answers it, and the accompaniment above and below MIDI pitch 55."""
MELODY, SECOND, HIGH, LOW = range(len(LAYERS))
SPLIT_PITCH = 55
LONGEST_NOTE = 24  # steps: what still sounds after six beats is a drone, and drowns what changes
NO_CHORD = -1


@dataclass(frozen=True, eq=False)
class Notes:
    """N notes on the grid.

    Attributes
    ----------
    start, length : NDArray[int64], shape (N,)
        Steps; a length is 1 to 24.
    pitch : NDArray[int64], shape (N,)
        MIDI, 0-127.
    velocity : NDArray[float32], shape (N,)
        In (0, 1.27].
    layer : NDArray[int64], shape (N,)
        Positions in :data:`LAYERS`.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.float32]
    layer: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, eq=False)
class Song:
    """One composition.

    Attributes
    ----------
    name : str
        Unique among the songs that are trained on together.
    steps : int
        n, four a beat.
    beat : float
        Seconds, in the song's own tempo.
    bar : int
        Steps; form is changed by whole bars.
    notes : Notes
    chords : NDArray[int8], shape (n, 5)
        Root, third, fifth, seventh and bass as pitch classes, C = 0; -1 where there is none.
    versions : tuple of Song
        Other versions of the same composition: covers are made of any.

    Raises
    ------
    ArtefactError
        When there are no notes, or notes or chords do not fit the steps.
    """

    name: str
    steps: int
    beat: float
    bar: int
    notes: Notes
    chords: NDArray[np.int8]
    versions: tuple[Song, ...] = ()

    def __post_init__(self) -> None:
        notes = self.notes
        if not len(notes):
            raise ArtefactError(f"{self.name}: a song needs notes, there are none")
        if notes.start.min() < 0 or (notes.start + notes.length).max() > self.steps or notes.length.min() < 1:
            raise ArtefactError(f"{self.name}: notes reach beyond the song's {self.steps} steps")
        if self.chords.shape != (self.steps, 5):
            raise ArtefactError(f"{self.name}: expected chords of shape ({self.steps}, 5), got {self.chords.shape}")

    @cached_property
    def cells(self) -> Cells:
        """Every step of every note."""
        length = self.notes.length
        note = np.repeat(np.arange(len(length)), length)
        age = np.arange(len(note)) - np.repeat(np.cumsum(length) - length, length)
        step, layer = self.notes.start[note] + age, self.notes.layer[note]
        sounding = [len(np.unique(step[layer == k])) for k in range(len(LAYERS))]
        share = np.array(sounding) / self.steps
        return Cells(note, step, layer * LONGEST_NOTE + age, np.cumsum(length) - length, share)

    @cached_property
    def harmony(self) -> Harmony:
        """The chords as stretches."""
        change = np.any(self.chords[1:] != self.chords[:-1], axis=1)
        start = np.concatenate([[0], np.flatnonzero(change) + 1])
        chords = self.chords[start]
        _, first, which = np.unique(chords, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)  # by when they occur, which is the same in every key
        kinds, which = chords[first[order]], np.argsort(order)[which.reshape(-1)]
        return Harmony(kinds.astype(np.int64), which, np.diff(start, append=self.steps))


@dataclass(frozen=True, eq=False)
class Cells:
    """The C steps of a song's notes.

    Attributes
    ----------
    note, step : NDArray[int64], shape (C,)
        Which note sounds, and when.
    layer_age : NDArray[int64], shape (C,)
        ``layer * 24 + steps since the note began``: a place in a table of how notes of a layer die away.
    first : NDArray[int64], shape (N,)
        Where the cells of each note begin.
    share : NDArray[float64], shape (4,)
        Of the song's steps, how many each layer sounds in.
    """

    note: NDArray[np.int64]
    step: NDArray[np.int64]
    layer_age: NDArray[np.int64]
    first: NDArray[np.int64]
    share: NDArray[np.float64]

    def within(self, notes: Notes, start: int, end: int) -> slice:
        """The cells of all notes that may sound in the steps from `start` up to `end`."""
        a, b = np.searchsorted(notes.start, [start - LONGEST_NOTE - 1, end + 1])
        return slice(*(int(self.first[k]) if k < len(self.first) else len(self.note) for k in (a, b)))


@dataclass(frozen=True, eq=False)
class Harmony:
    """A song's chords as S stretches of U distinct chords.

    Attributes
    ----------
    kinds : NDArray[int64], shape (U, 5)
    which : NDArray[int64], shape (S,)
        The chord of each stretch, a row of `kinds`.
    length : NDArray[int64], shape (S,)
        Steps.
    """

    kinds: NDArray[np.int64]
    which: NDArray[np.int64]
    length: NDArray[np.int64]


def on_grid(
    start: NDArray[np.floating],
    end: NDArray[np.floating],
    pitch: NDArray[np.int64],
    velocity: NDArray[np.floating],
    layer: NDArray[np.int64],
    steps: int,
) -> Notes:
    """Notes with real-valued steps put on the grid of a song of `steps` steps; those outside are left out.

    Parameters
    ----------
    start, end : NDArray of floats, shape (N,)
        In steps.
    pitch, velocity, layer : NDArray, shape (N,)
        As in :class:`Notes`.
    steps : int
    """
    first = np.round(start).astype(np.int64)
    last = np.clip(np.round(end).astype(np.int64), first + 1, first + LONGEST_NOTE)
    last = np.minimum(last, steps)
    there = (first >= 0) & (first < last)
    order = np.flatnonzero(there)[np.argsort(first[there], kind="stable")]
    return Notes(
        first[order],
        (last - first)[order],
        pitch[order].astype(np.int64),
        velocity[order].astype(np.float32),
        layer[order].astype(np.int64),
    )
