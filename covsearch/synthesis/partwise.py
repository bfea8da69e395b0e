"""MusicXML scores read in milliseconds: notes of every part, chord symbols, repeats, metre and tempo.

Only what a song needs, by the standard library's parser: music21 takes seconds a score, and a source has thousands.
Jumps (da capo, dal segno) are not followed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from covsearch.guard.files import RefusedError
from covsearch.synthesis.chords import NOTHING, chord_of
from covsearch.synthesis.midi import MAX_NOTES
from covsearch.synthesis.musicxml import MAX_QUARTERS, musicxml_of

MAX_BARS = 20_000  # with repeats played
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_KINDS = {
    "major": "maj", "minor": "min", "augmented": "aug", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "min7", "diminished-seventh": "dim7", "augmented-seventh": "aug(b7)", "half-diminished": "hdim7",
    "major-minor": "minmaj7", "major-sixth": "maj6", "minor-sixth": "min6", "dominant-ninth": "7",
    "major-ninth": "maj7", "minor-ninth": "min7", "dominant-11th": "7", "major-11th": "maj7", "minor-11th": "min7",
    "dominant-13th": "7", "major-13th": "maj7", "minor-13th": "min7", "suspended-second": "sus2",
    "suspended-fourth": "sus4", "power": "5", "maj69": "maj6",
}  # fmt: skip
_BEATS = {"whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25}

PartNote = tuple[float, float, int]
"""Onset and length in quarters, MIDI pitch."""
Chord = tuple[int, int, int, int, int]


@dataclass
class Score:
    """What a score says.

    Attributes
    ----------
    parts : list of list of PartNote
        Repeats played, ties joined, grace notes and cues left out.
    sung : list of int
        How many notes of each part have words.
    chords : list of (float, Chord)
        Onset in quarters, and the chord from there on.
    quarters : float
        Length.
    bar : float
        Quarters of most bars.
    tempo : float
        Quarters a minute as first written; 0 where none is.
    titles : list of str
    """

    parts: list[list[PartNote]]
    sung: list[int]
    chords: list[tuple[float, Chord]]
    quarters: float
    bar: float
    tempo: float
    titles: list[str]


@dataclass
class _Bar:
    """One written bar of one part; onsets from its beginning."""

    notes: list[tuple[float, float, int, bool]] = field(default_factory=list)  # the last: tied to the one before
    chords: list[tuple[float, Chord]] = field(default_factory=list)
    length: float = 0.0
    sung: int = 0
    tempo: float = 0.0
    forward: bool = False
    backward: int = 0  # how often it is played in all where a repeat ends
    ending: frozenset[int] = frozenset()
    ending_stops: bool = False


@dataclass
class _State:
    """What holds until it is said otherwise."""

    divisions: float = 1.0
    transposed: int = 0
    drums: bool = False


def read_score(data: bytes) -> Score:
    """A ``.musicxml`` or packed ``.mxl`` file.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    RefusedError
        When it is no MusicXML by parts, or is damaged, too large or too long.
    """
    try:
        root = ElementTree.fromstring(musicxml_of(data))
        if root.tag != "score-partwise":
            raise RefusedError(f"is {root.tag[:40]}; expected score-partwise")
        parts = [_bars(part) for part in root.findall("part")]
    except (ElementTree.ParseError, ValueError, OverflowError, ZeroDivisionError) as e:
        raise e if isinstance(e, RefusedError) else RefusedError(f"is damaged: {str(e)[:200]}") from e
    if not parts or not parts[0]:
        raise RefusedError("has no bars")
    size = min(len(bars) for bars in parts)
    lengths = [max(bars[k].length for bars in parts) for k in range(size)]
    order = _played([bars[:size] for bars in parts])
    total = sum(lengths[k] for k in order)
    count = sum(len(bars[k].notes) for bars in parts for k in order)
    if not 1 <= count <= MAX_NOTES:
        raise RefusedError(f"has {count:,} notes; expected 1 to {MAX_NOTES:,}")
    if not 0 < total <= MAX_QUARTERS:
        raise RefusedError(f"lasts {total:,.0f} quarter notes; at most {MAX_QUARTERS:,.0f} are read")
    starts, at = [], 0.0
    for k in order:
        starts.append(at)
        at += lengths[k]
    common = Counter(round(length, 3) for length in lengths if length > 0).most_common(1)[0][0]
    tempo = next((bar.tempo for bars in parts for bar in bars if bar.tempo > 0), 0.0)
    chords = [(starts[i] + onset, chord) for i, k in enumerate(order) for b in parts for onset, chord in b[k].chords]
    return Score(
        [_joined(bars, order, starts) for bars in parts],
        [sum(bar.sung for bar in bars) for bars in parts],
        sorted(chords, key=lambda one: one[0]),
        total,
        common,
        tempo,
        _titles(root),
    )


def _titles(root: Element) -> list[str]:
    texts = [root.findtext("work/work-title"), root.findtext("movement-title")]
    return [text.strip() for text in texts if text and text.strip()]


def _bars(part: Element) -> list[_Bar]:
    state = _State()
    return [_bar(measure, state) for measure in part.findall("measure")]


def _bar(measure: Element, state: _State) -> _Bar:
    bar, at, began = _Bar(), 0.0, 0.0
    for element in measure:
        tag = element.tag
        if tag == "note":
            length = _number(element.findtext("duration")) / state.divisions
            if element.find("chord") is None:
                began = at
                at += length
            _note(element, began, length, bar, state)
        elif tag == "backup":
            at = max(0.0, at - _number(element.findtext("duration")) / state.divisions)
        elif tag == "forward":
            at += _number(element.findtext("duration")) / state.divisions
        elif tag == "attributes":
            _attributes(element, state)
        elif tag == "harmony":
            bar.chords.append((at + _number(element.findtext("offset")) / state.divisions, _harmony(element)))
        elif tag in ("direction", "sound"):
            bar.tempo = bar.tempo or _tempo(element)
        elif tag == "barline":
            _barline(element, bar)
        bar.length = max(bar.length, at)
    return bar


def _number(text: str | None) -> float:
    value = float(text) if text else 0.0
    if not abs(value) <= 1e7:  # NaN compares false
        raise RefusedError(f"has a number out of range: {value:g}")
    return value


def _note(element: Element, onset: float, length: float, bar: _Bar, state: _State) -> None:
    pitch = element.find("pitch")
    if pitch is None or state.drums or length <= 0 or any(element.find(kind) is not None for kind in ("grace", "cue")):
        return
    step = _STEPS.get((pitch.findtext("step") or "C").strip(), 0)
    octave, alter = _number(pitch.findtext("octave")), _number(pitch.findtext("alter"))
    midi = round(12 * (octave + 1) + step + alter) + state.transposed
    if not 0 <= midi <= 127:
        return
    tied = any(tie.get("type") == "stop" for tie in element.findall("tie"))
    bar.notes.append((onset, length, midi, tied))
    bar.sung += element.find("lyric") is not None


def _attributes(element: Element, state: _State) -> None:
    if divisions := _number(element.findtext("divisions")):
        if divisions < 0:
            raise RefusedError(f"has {divisions:g} divisions a quarter note")
        state.divisions = divisions
    if (clef := element.findtext("clef/sign")) is not None:
        state.drums = clef.strip() == "percussion"
    if (moved := element.find("transpose")) is not None:
        octaves = _number(moved.findtext("octave-change"))
        state.transposed = round(_number(moved.findtext("chromatic")) + 12 * octaves)


def _harmony(element: Element) -> Chord:
    kind = (element.findtext("kind") or "").strip()
    step = (element.findtext("root/root-step") or "").strip()
    if step not in _STEPS or kind == "none":
        return NOTHING
    root = _STEPS[step] + round(_number(element.findtext("root/root-alter")))
    bass_step = (element.findtext("bass/bass-step") or "").strip()
    alter = round(_number(element.findtext("bass/bass-alter")))
    bass = _STEPS[bass_step] + alter if bass_step in _STEPS else root
    return chord_of(root, _KINDS.get(kind, "maj"), bass)


def _tempo(element: Element) -> float:
    sound = element if element.tag == "sound" else element.find("sound")
    if sound is not None and sound.get("tempo"):
        return max(0.0, _number(sound.get("tempo")))
    mark = element.find("direction-type/metronome")
    text = (mark.findtext("per-minute") or "").strip() if mark is not None else ""
    if mark is None or not text.replace(".", "", 1).isdigit():
        return 0.0
    dot = 1.5 if mark.find("beat-unit-dot") is not None else 1.0
    return float(text) * _BEATS.get((mark.findtext("beat-unit") or "").strip(), 1.0) * dot


def _barline(element: Element, bar: _Bar) -> None:
    repeat, ending = element.find("repeat"), element.find("ending")
    if repeat is not None and repeat.get("direction") == "forward":
        bar.forward = True
    elif repeat is not None:
        times = repeat.get("times", "")
        bar.backward = min(int(times), 8) if times.isdecimal() and int(times) > 1 else 2
    if ending is not None:
        numbers = [word for word in (ending.get("number") or "").replace(",", " ").split() if word.isdecimal()]
        if ending.get("type") == "start":
            bar.ending = frozenset(int(word) for word in numbers)
        else:
            bar.ending_stops = True


def _played(parts: list[list[_Bar]]) -> list[int]:
    """The bars in the order they are played: repeats and their endings; what the first part says goes."""
    bars = parts[0]
    order: list[int] = []
    at, start, turn = 0, 0, 1
    while at < len(bars):
        bar = bars[at]
        if bar.forward and at != start:
            start, turn = at, 1
        if bar.ending and turn > 1 and turn not in bar.ending:
            at = next((k for k in range(at, len(bars)) if bars[k].ending_stops), at) + 1
            continue
        order.append(at)
        if len(order) > MAX_BARS:
            raise RefusedError(f"has over {MAX_BARS:,} bars with its repeats")
        if bar.backward and turn < bar.backward:
            at, turn = start, turn + 1
            continue
        if bar.backward or (bar.ending_stops and turn > 1):
            start, turn = at + 1, 1
        at += 1
    return order


def _joined(bars: list[_Bar], order: list[int], starts: list[float]) -> list[PartNote]:
    """The notes of a part as they sound."""
    found: list[PartNote] = []
    sounding: dict[int, int] = {}  # pitch -> position in what was found
    for start, k in zip(starts, order, strict=True):
        for onset, length, pitch, tied in bars[k].notes:
            at = sounding.get(pitch)
            if tied and at is not None and abs(found[at][0] + found[at][1] - start - onset) < 1e-3:
                found[at] = (found[at][0], found[at][1] + length, pitch)
                continue
            sounding[pitch] = len(found)
            found.append((start + onset, length, pitch))
    return found
