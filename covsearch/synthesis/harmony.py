"""What a cover does to the chords, and the accompaniment it plays from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from covsearch.synthesis.song import NO_CHORD, Song

ROOT, THIRD, FIFTH, SEVENTH, BASS = range(5)
_SHORT = 8  # steps: a chord that passes in two beats may be left out


def reharmonise(song: Song, rng: np.random.Generator, h: float) -> NDArray[np.int64]:
    """A song's chords as a cover plays them.

    With probability h + 0.1 some of: triads only, sevenths added, suspensions resolved, bass on the root, a chord
    replaced by its relative, short chords left out. A chord is changed wherever it occurs.

    Parameters
    ----------
    song : Song
    rng : numpy.random.Generator
    h : float
        Hardness in [0, 1].

    Returns
    -------
    NDArray[int64], shape (n, 5)
    """
    harmony = song.harmony
    if rng.random() > h + 0.1:
        return np.repeat(harmony.kinds[harmony.which], harmony.length, axis=0)
    kinds = _edited(harmony.kinds, rng)
    which = _without_short(harmony.which, harmony.length, (0, 0, 0.1, 0.25 * h)[rng.integers(4)], rng)
    return np.repeat(kinds[which], harmony.length, axis=0)


def _edited(kinds: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    kinds = kinds.copy()
    size = len(kinds)
    there = kinds[:, ROOT] != NO_CHORD
    root, third = kinds[:, ROOT], (kinds[:, THIRD] - kinds[:, ROOT]) % 12
    style = rng.random()
    if style < 0.35:
        kinds[:, SEVENTH] = NO_CHORD
    elif style < 0.5:
        seventh = np.where((third == 3) | (rng.random(size) < 0.4), 10, 11)
        kinds[:, SEVENTH] = np.where(kinds[:, SEVENTH] < 0, (root + seventh) % 12, kinds[:, SEVENTH])
    resolved = np.isin(third, (2, 5)) & (rng.random(size) < 0.6)
    kinds[:, THIRD] = np.where(resolved, (root + np.where(rng.random(size) < 0.7, 4, 3)) % 12, kinds[:, THIRD])
    kinds[:, BASS] = np.where(rng.random(size) < 0.5, root, kinds[:, BASS])
    relative = (rng.random(size) < 0.04) & np.isin(third, (3, 4))
    other = np.where(third == 4, (root + 9) % 12, (root + 3) % 12)
    triad = np.stack(
        [other, (other + np.where(third == 4, 3, 4)) % 12, (other + 7) % 12, np.full(size, NO_CHORD), other], axis=1
    )
    kinds = np.where(relative[:, None], triad, kinds)
    return np.where(there[:, None], kinds, NO_CHORD)


def _without_short(
    which: NDArray[np.int64], length: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The chord before is held over a `share` of the short ones."""
    if share <= 0:
        return which
    held = (rng.random(len(which)) < share) & (length <= _SHORT)
    held[0] = False
    source = np.maximum.accumulate(np.where(held, 0, np.arange(len(which))))
    return which[source]


Spread = NDArray[np.float64]  # (n, 4) how loud root, third, fifth and seventh are at every step


def _pad(step: NDArray[np.int64], age: NDArray[np.int64], rng: np.random.Generator) -> Spread:
    return np.ones((len(step), 4))


def _on_change(step: NDArray[np.int64], age: NDArray[np.int64], rng: np.random.Generator) -> Spread:
    return np.repeat(np.exp(-rng.uniform(0.05, 0.3) * age)[:, None], 4, axis=1)


def _regular(step: NDArray[np.int64], age: NDArray[np.int64], rng: np.random.Generator) -> Spread:
    every, late = (2, 4, 8)[rng.integers(3)], 2 * rng.integers(2)
    return np.repeat(np.exp(-rng.uniform(0.1, 0.6) * ((step - late) % every))[:, None], 4, axis=1)


def _arpeggio(step: NDArray[np.int64], age: NDArray[np.int64], rng: np.random.Generator) -> Spread:
    every, decay = (1, 2, 2, 4)[rng.integers(4)], rng.uniform(0.05, 0.5)
    order = rng.permutation(np.array([0, 1, 2, 1, 0, 2, 3, 2])[: rng.integers(3, 9)])
    spread = np.zeros((len(step), 4))
    for tone in range(4):
        struck = (order[step // every % len(order)] == tone) & (step % every == 0)
        since = step - np.maximum.accumulate(np.where(struck, step, -64))
        spread[:, tone] = np.exp(-decay * since)
    return spread


def _strum(step: NDArray[np.int64], age: NDArray[np.int64], rng: np.random.Generator) -> Spread:
    pattern = rng.random(16) < 0.5
    pattern[0] = True
    since = step - np.maximum.accumulate(np.where(pattern[step % 16], step, -64))
    spread = np.repeat(np.exp(-rng.uniform(0.2, 0.8) * since)[:, None], 4, axis=1)
    if rng.random() < 0.5:  # a power chord has neither third nor seventh
        spread[:, [1, 3]] *= 0.1
    return spread


def _off_beat(step: NDArray[np.int64], age: NDArray[np.int64], rng: np.random.Generator) -> Spread:
    return np.repeat(np.exp(-rng.uniform(0.2, 0.8) * ((step - 2) % 4))[:, None], 4, axis=1)


STYLES: tuple[Callable[[NDArray[np.int64], NDArray[np.int64], np.random.Generator], Spread], ...] = (
    _pad,
    _on_change,
    _regular,
    _arpeggio,
    _strum,
    _off_beat,
)


def accompany(
    chords: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Chords and bass in a style drawn at random.

    Parameters
    ----------
    chords : NDArray[int64], shape (n, 5)
    rng : numpy.random.Generator

    Returns
    -------
    chord_cells, chord_loudness : NDArray[int64], NDArray[float64], shape (M,)
        Cells as ``step * 12 + pitch class``.
    bass_cells, bass_loudness : NDArray[int64], NDArray[float64], shape (K,)
    """
    step = np.arange(len(chords))
    begins = np.concatenate([[True], np.any(chords[1:] != chords[:-1], axis=1)])
    age = step - np.maximum.accumulate(np.where(begins, step, 0))
    tone = np.array([1, 1, 1, 0.7]) * np.exp(rng.normal(0, 0.3, 4))
    spread = STYLES[rng.integers(len(STYLES))](step, age, rng) * tone
    played = chords[:, :4] != NO_CHORD
    cells = (step[:, None] * 12 + chords[:, :4])[played]
    return cells, spread[played], *_bass(chords, step, rng)


def _bass(
    chords: NDArray[np.int64], step: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One of four patterns: held, root and fifth, walking, or struck on every beat."""
    pattern, pitch = rng.integers(4), chords[:, BASS]
    if pattern == 1:
        pitch = np.where(step // 8 % 2 == 1, chords[:, FIFTH], pitch)
    elif pattern == 2:
        third = (rng.random(len(step) // 4 + 1) < 0.5)[step // 4]
        pitch = np.where(step // 4 % 4 == 3, np.where(third, chords[:, THIRD], chords[:, FIFTH]), pitch)
    loud = np.ones(len(step)) if pattern == 3 else np.exp(-rng.uniform(0, 0.5) * (step % (2, 4, 8)[rng.integers(3)]))
    played = pitch != NO_CHORD
    return (step * 12 + pitch)[played], loud[played]
