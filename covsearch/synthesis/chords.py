"""Chords as five pitch classes: read from labels, or estimated from the notes."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from covsearch.synthesis.song import LOW, NO_CHORD, STEPS_A_BEAT, Notes

_ROOTS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
QUALITIES: dict[str, tuple[int, int, int]] = {
    "maj": (4, 7, NO_CHORD),
    "min": (3, 7, NO_CHORD),
    "dim": (3, 6, NO_CHORD),
    "aug": (4, 8, NO_CHORD),
    "sus2": (2, 7, NO_CHORD),
    "sus4": (5, 7, NO_CHORD),
    "7": (4, 7, 10),
    "maj7": (4, 7, 11),
    "min7": (3, 7, 10),
    "minmaj7": (3, 7, 11),
    "maj6": (4, 7, 9),
    "min6": (3, 7, 9),
    "dim7": (3, 6, 9),
    "hdim7": (3, 6, 10),
    "sus4(b7)": (5, 7, 10),
    "sus4(b7,9)": (5, 7, 10),
    "sus2(b7)": (2, 7, 10),
    "aug(b7)": (4, 8, 10),
    "5": (NO_CHORD, 7, NO_CHORD),
    "5(b7)": (NO_CHORD, 7, 10),
    "1": (NO_CHORD, NO_CHORD, NO_CHORD),
}
_NINTHS = {
    "9": "7", "11": "7", "13": "7", "maj9": "maj7", "maj11": "maj7", "maj13": "maj7", "min9": "min7", "min11": "min7",
    "min13": "min7",
}  # fmt: skip
_DEGREES = {
    "1": 0, "b2": 1, "b9": 1, "2": 2, "9": 2, "#9": 3, "b3": 3, "3": 4, "4": 5, "11": 5, "#4": 6, "#11": 6, "b5": 6,
    "5": 7, "#5": 8, "b6": 8, "b13": 8, "6": 9, "13": 9, "b7": 10, "7": 11,
}  # fmt: skip
_LABEL = re.compile(r"([A-G])([#b]*)(?::([^/]+))?(?:/(.+))?")
NOTHING = (NO_CHORD,) * 5
_STAY = 2.0  # how much better another chord must fit, in units of one well-fitting beat, to be worth a change


def parse_chord(label: str) -> tuple[int, int, int, int, int]:
    """A label in Harte's syntax as root, third, fifth, seventh and bass.

    Parameters
    ----------
    label : str
        ``B:maj7/3``, ``N`` (no chord) or ``X`` (unknown); an unknown quality counts as ``maj``.

    Returns
    -------
    tuple of int
        Pitch classes, C = 0; -1 where there is none.

    References
    ----------
    Harte et al., "Symbolic representation of musical chords", ISMIR 2005.
    """
    found = _LABEL.fullmatch(label.strip())
    if not found:
        return NOTHING
    letter, accidentals, quality, bass = found.groups()
    root = _ROOTS[letter] + accidentals.count("#") - accidentals.count("b")
    return chord_of(root, quality or "maj", root + _DEGREES.get(bass or "1", 0))


def chord_of(root: int, quality: str, bass: int) -> tuple[int, int, int, int, int]:
    """Root and bass as pitch classes, modulo 12, and a quality in Harte's syntax as the five pitch classes of a chord.

    A quality that is not known counts as what it is without its tones in brackets, and else as ``maj``.
    """
    plain = quality.partition("(")[0]
    tones = QUALITIES.get(quality) or QUALITIES.get(_NINTHS.get(plain, plain), QUALITIES["maj"])
    third, fifth, seventh = ((root + tone) % 12 if tone != NO_CHORD else NO_CHORD for tone in tones)
    return root % 12, third, fifth, seventh, bass % 12


def _templates() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    names = ("maj", "min", "7", "min7", "dim")
    chords = [
        (root, *((root + t) % 12 if t != NO_CHORD else NO_CHORD for t in QUALITIES[name]), root)
        for name in names
        for root in range(12)
    ]
    tones = np.array(chords, dtype=np.int64)
    weights = np.full((len(chords), 12), -0.6)  # a foreign tone speaks against a chord
    for row, (root, third, fifth, seventh, _) in enumerate(chords):
        weights[row, [third, fifth]] = 0.8
        weights[row, root] = 1.0
        if seventh != NO_CHORD:
            weights[row, seventh] = 0.45
            weights[row] -= 0.1  # a seventh must be heard
    return tones, weights


_TONES, _WEIGHTS = _templates()


def estimate_chords(notes: Notes, steps: int) -> NDArray[np.int8]:
    """The chord of every beat by Viterbi over 60 templates, what sounds lowest counting more.

    Major, minor, dominant and minor seventh and diminished chords; a change costs as much as two beats of doubt.

    Parameters
    ----------
    notes : Notes
    steps : int
        n of the song.

    Returns
    -------
    NDArray[int8], shape (n, 5)

    References
    ----------
    Template matching as in Fujishima, "Realtime chord recognition of musical sound", ICMC 1999; the path as in
    Sheh & Ellis, "Chord segmentation and recognition using EM-trained HMMs", ISMIR 2003.
    """
    beats = -(-steps // STEPS_A_BEAT)
    chroma = _beat_chroma(notes, beats)
    fit = chroma @ _WEIGHTS.T  # (beats, 60)
    path = _viterbi(fit, _STAY)
    chords = np.repeat(_TONES[path], STEPS_A_BEAT, axis=0)[:steps]
    silent = np.repeat(chroma.sum(axis=1) == 0, STEPS_A_BEAT)[:steps]
    chords[silent] = NO_CHORD
    return chords.astype(np.int8)


def _beat_chroma(notes: Notes, beats: int) -> NDArray[np.float64]:
    """How long each pitch class sounds in each beat and its neighbours, (beats, 12), rows summing to 1 or 0."""
    note = np.repeat(np.arange(len(notes)), notes.length)
    first = np.cumsum(notes.length) - notes.length
    step = notes.start[note] + np.arange(len(note)) - first[note]
    weight = np.where(notes.layer[note] == LOW, 1.5, 1.0)
    key = step // STEPS_A_BEAT * 12 + notes.pitch[note] % 12
    chroma = np.bincount(key, weight, beats * 12)[: beats * 12].reshape(beats, 12)
    padded = np.pad(chroma, ((1, 1), (0, 0)))
    smooth = chroma + 0.3 * (padded[:-2] + padded[2:])
    total = smooth.sum(axis=1, keepdims=True)
    return np.asarray(smooth / np.where(total > 0, total, 1))


def _viterbi(fit: NDArray[np.float64], stay: float) -> NDArray[np.int64]:
    """The best path (T,) through `fit` (T, K) when every change costs `stay` x the mean best fit."""
    cost = stay * float(fit.max(axis=1).mean()) / 2
    score = fit[0].copy()
    came = np.zeros(fit.shape, dtype=np.int64)
    for t in range(1, len(fit)):
        best = int(score.argmax())
        change = score[best] - cost > score
        came[t] = np.where(change, best, np.arange(len(score)))
        score = np.where(change, score[best] - cost, score) + fit[t]
    path = np.empty(len(fit), dtype=np.int64)
    path[-1] = score.argmax()
    for t in range(len(fit) - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path
