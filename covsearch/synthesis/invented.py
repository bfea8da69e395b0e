"""What players add to bare chords: an accompaniment, and a melody for each part of the form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from covsearch.synthesis.song import HIGH, LOW, NO_CHORD, Notes, on_grid

Rows = list[tuple[float, float, float, float, float]]
"""Start and end in steps, MIDI pitch, loudness, layer."""

_BASS_FROM, _CHORDS_FROM = 38, 55  # lowest pitches
_LOWEST, _HIGHEST = 57, 76  # of a melody
_QUARTER = 4
# of a bar in fours, by how dense a melody is: where notes begin
_RHYTHMS = (
    ((0,), (0, 8), (0, 4, 8), (4, 8), (0, 6), (0, 12)),
    ((0, 4, 8), (0, 2, 4, 8), (0, 6, 8, 12), (2, 4, 6, 8), (0, 4, 6, 8), (0, 3, 6, 10)),
    ((0, 2, 4, 6, 8), (0, 2, 3, 6, 8, 10), (0, 2, 4, 6, 8, 10, 12, 14), (2, 4, 6, 8, 10, 12), (0, 3, 6, 8, 11, 14)),
)
_LEAPS = np.array([-5, -4, -3, -2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3, 4, 5])  # scale steps
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def accompaniment(chords: NDArray[np.int8], bar: int, rng: np.random.Generator) -> Rows:
    """Bass and chords in one style throughout.

    Parameters
    ----------
    chords : NDArray[int8], shape (n, 5)
    bar : int
        Steps.
    rng : numpy.random.Generator
    """
    comping, bass = int(rng.integers(5)), int(rng.integers(4))
    hits = np.flatnonzero(rng.random(bar) < 0.3)
    rows: Rows = []
    for start, end in _stretches(chords, bar):
        chord = chords[start]
        tones = [int(tone) for tone in chord[:4] if tone != NO_CHORD]
        if not tones:
            continue
        pitches = [_CHORDS_FROM + (tone - _CHORDS_FROM) % 12 for tone in tones]
        rows += [(a, b, pitch, 0.6, HIGH) for a, b, pitch in _comped(pitches, start, end, bar, comping, hits)]
        rows += [(a, b, pitch, 0.7, LOW) for a, b, pitch in _bass(chord.tolist(), start, end, bass)]
    return rows


def _stretches(chords: NDArray[np.int8], bar: int) -> Iterable[tuple[int, int]]:
    """From one change of chord or bar to the next."""
    changes = np.any(chords[1:] != chords[:-1], axis=1)
    edges = np.union1d(np.flatnonzero(changes) + 1, np.arange(0, len(chords), bar))
    return zip(edges.tolist(), [*edges[1:].tolist(), len(chords)], strict=True)


def _comped(
    pitches: Sequence[int], start: int, end: int, bar: int, style: int, hits: NDArray[np.intp]
) -> list[tuple[int, int, int]]:
    """Held, on the beats, off the beats, broken, or on the style's own hits."""
    if style == 3:
        up = sorted(pitches)
        order = [*up, *up[-2:0:-1]]
        return [(at, min(at + 2, end), order[(at - start) // 2 % len(order)]) for at in range(start, end, 2)]
    own = (hits + start // bar * bar).tolist()
    begins = {
        0: [start],
        1: list(range(start, end, _QUARTER)),
        2: [at for at in range(start, end) if at % _QUARTER == 2] or [start],
        4: [start, *(at for at in own if start < at < end)],
    }[style]
    ends = [*begins[1:], end]
    return [(a, b, pitch) for a, b in zip(begins, ends, strict=True) for pitch in pitches]


def _bass(chord: Sequence[int], start: int, end: int, style: int) -> list[tuple[int, int, int]]:
    """Held, on the beats, root and fifth, or walking."""
    root, third, fifth, _, low = chord
    first = low if low != NO_CHORD else root
    cycle = {
        0: [first],
        1: [first],
        2: [first, fifth if fifth != NO_CHORD else first],
        3: [first, third, fifth, third],
    }[style]
    every = {0: end - start, 1: _QUARTER, 2: 2 * _QUARTER, 3: _QUARTER}[style]
    found = []
    for k, at in enumerate(range(start, end, every)):
        tone = cycle[k % len(cycle)]
        tone = first if tone == NO_CHORD else tone
        found.append((at, min(at + every, end), _BASS_FROM + (tone - _BASS_FROM) % 12))
    return found


def scale(tonic: int, minor: bool) -> tuple[int, ...]:
    """The pitch classes of a key."""
    return tuple(sorted((tonic + tone) % 12 for tone in (_MINOR if minor else _MAJOR)))


def melody(
    chords: NDArray[np.int8], bar: int, key: Sequence[int], density: int, layer: int, rng: np.random.Generator
) -> Rows:
    """One phrase: two bars' rhythm that comes again, chord tones on the beats, scale tones between, a long last note.

    Parameters
    ----------
    chords : NDArray[int8], shape (n, 5)
        Of the phrase.
    bar : int
        Steps.
    key : sequence of int
        Pitch classes of the scale.
    density : int
        0 (slow) to 2.
    layer : int
        Which the notes belong to.
    rng : numpy.random.Generator
        The same gives the same phrase over the same chords, and a like one over others.
    """
    rhythms = [_RHYTHMS[density][rng.integers(len(_RHYTHMS[density]))] for _ in range(2)]
    moves = _LEAPS[rng.integers(len(_LEAPS), size=(2, 16))]
    pitch = int(rng.integers(_LOWEST + 3, _HIGHEST - 6))
    bars = -(-len(chords) // bar)
    starts = [
        (k * bar + at, k % 2, n)
        for k in range(bars)
        for n, at in enumerate(rhythms[k % 2])
        if at < bar and k * bar + at < len(chords) and not (k and k == bars - 1 and at > bar // 2)
    ]
    rows: Rows = []
    for n, (at, turn, place) in enumerate(starts):
        pitch = _next_pitch(pitch, int(moves[turn, place]), at % _QUARTER == 0, chords[at], key)
        following = starts[n + 1][0] if n + 1 < len(starts) else min(at + bar // 2 + 1, len(chords))
        rows.append((at, min(following, at + 12), pitch, 0.8, layer))
    return rows


def _next_pitch(pitch: int, move: int, strong: bool, chord: NDArray[np.int8], key: Sequence[int]) -> int:
    """So many steps of the scale on, within the range; on a strong beat the nearest tone of the chord."""
    tones = {int(tone) for tone in chord[:4] if tone != NO_CHORD}
    allowed = tones if strong and tones else {*key, *tones}
    ladder = [p for p in range(_LOWEST, _HIGHEST + 1) if p % 12 in {*key, *tones}]
    here = min(range(len(ladder)), key=lambda k: abs(ladder[k] - pitch))
    wanted = ladder[min(max(here + move, 0), len(ladder) - 1)]
    return min((p for p in range(_LOWEST, _HIGHEST + 1) if p % 12 in allowed), key=lambda p: (abs(p - wanted), p))


def notes_of(written: Sequence[Notes], rows: Rows, steps: int) -> Notes:
    """Written notes and invented ones together, on the grid of a song of so many steps."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    start = np.concatenate([*(n.start for n in written), table[:, 0]]).astype(np.float64)
    end = np.concatenate([*(n.start + n.length for n in written), table[:, 1]]).astype(np.float64)
    pitch = np.concatenate([*(n.pitch for n in written), table[:, 2]]).astype(np.int64)
    loud = np.concatenate([*(n.velocity for n in written), table[:, 3]]).astype(np.float64)
    layer = np.concatenate([*(n.layer for n in written), table[:, 4]]).astype(np.int64)
    return on_grid(start, end, pitch, loud, layer, steps)
