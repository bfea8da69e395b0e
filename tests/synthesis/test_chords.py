"""Chords: every quality in every key, and the chords that are written out are the ones found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.synthesis.chords import NOTHING, QUALITIES, estimate_chords, parse_chord
from covsearch.synthesis.song import HIGH, LOW, NO_CHORD, Notes, on_grid

NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
TRIAD = [0, 1, 2, 4]  # columns: all but the seventh


@given(st.sampled_from(sorted(QUALITIES)), st.integers(0, 11))
def test_every_quality_means_the_same_in_every_key(quality: str, root: int) -> None:
    tones = [(root + tone) % 12 if tone != NO_CHORD else NO_CHORD for tone in QUALITIES[quality]]
    assert parse_chord(f"{NAMES[root]}:{quality}") == (root, *tones, root)


@pytest.mark.parametrize(
    ("label", "tones"),
    [
        ("C", (0, 4, 7, -1, 0)),
        ("E#", (5, 9, 0, -1, 5)),
        ("Cbb:min", (10, 1, 5, -1, 10)),
        ("B:maj7/3", (11, 3, 6, 10, 3)),
        ("G:sus4(b7)/b7", (7, 0, 2, 5, 5)),
        ("D/nonsense", (2, 6, 9, -1, 2)),
        (" D:hdim7 ", (2, 5, 8, 0, 2)),
        ("", NOTHING),
        ("H:maj", NOTHING),
        ("c:maj", NOTHING),
    ],
)
def test_labels_with_accidentals_and_basses_are_read(label: str, tones: tuple[int, ...]) -> None:
    assert parse_chord(label) == tones


def written_out(triads: list[tuple[int, tuple[int, ...]]], steps: int) -> tuple[Notes, NDArray[np.int8]]:
    """A triad a bar over its root, and the chords that are meant; -1 behind the last."""
    rows = [(16 * k, 48 + root + tone, HIGH) for k, (root, tones) in enumerate(triads) for tone in tones]
    rows += [(16 * k, 36 + root, LOW) for k, (root, _) in enumerate(triads)]
    start, pitch, layer = np.array(rows).T
    meant = np.full((steps, 5), NO_CHORD, dtype=np.int8)
    for k, (root, tones) in enumerate(triads):
        meant[16 * k : 16 * k + 16] = (*((root + tone) % 12 for tone in tones), NO_CHORD, root)
    return on_grid(start * 1.0, start + 16.0, pitch, np.ones(len(rows)), layer, steps), meant


@given(st.integers(0, 11))
def test_a_cadence_in_any_key_is_found_at_every_step(key: int) -> None:
    notes, meant = written_out([((key + degree) % 12, MAJOR) for degree in (0, 5, 7, 0)], 64)
    np.testing.assert_array_equal(estimate_chords(notes, 64)[:, TRIAD], meant[:, TRIAD])


def test_a_triad_has_no_seventh() -> None:
    notes, meant = written_out([(degree, MAJOR) for degree in (0, 5, 7, 0)], 64)
    np.testing.assert_array_equal(estimate_chords(notes, 64), meant)


def test_minor_is_told_from_major_and_silence_has_no_chord() -> None:
    notes, meant = written_out([(9, MINOR), (2, MINOR), (4, MAJOR), (9, MINOR)], 64 + 20)
    found = estimate_chords(notes, 84)
    np.testing.assert_array_equal(found[:64, TRIAD], meant[:64, TRIAD])
    assert (found[68:] == NO_CHORD).all()  # the beat after the last note still hears it
    assert found.dtype == np.int8


def test_a_chord_changes_with_the_harmony_not_with_every_passing_tone() -> None:
    notes, meant = written_out([(0, MAJOR)] * 4, 64)
    passing = on_grid(
        np.append(notes.start * 1.0, 20.0),
        np.append((notes.start + 16) * 1.0, 22.0),
        np.append(notes.pitch, 62),
        np.ones(len(notes) + 1),
        np.append(notes.layer, HIGH),
        64,
    )
    np.testing.assert_array_equal(estimate_chords(passing, 64), meant)


def test_what_sounds_lowest_decides() -> None:
    start, layer = np.zeros(4), np.array([HIGH, HIGH, HIGH, LOW])
    for high, low, third in ((63, 52, 4), (64, 51, 3)):  # a clash of both thirds, one of them in the bass
        notes = on_grid(start, start + 16, np.array([60, 67, high, low]), np.ones(4), layer, 16)
        assert estimate_chords(notes, 16)[:, 1].tolist() == [third] * 16
