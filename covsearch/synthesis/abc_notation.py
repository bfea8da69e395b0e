"""Tunes and hymns in ABC notation: the notes of every voice, with repeats played.

The ABC Plus of hymnals, voices in ``[V: name]``, is more than music21 reads. Chord symbols, words and decorations are
left out.

References
----------
The ABC music standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from covsearch.guard.files import RefusedError
from covsearch.synthesis.midi import MAX_NOTES
from covsearch.synthesis.musicxml import MAX_QUARTERS
from covsearch.synthesis.partwise import PartNote, Score

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_SHARPS, _FLATS = "FCGDAEB", "BEADGCF"
_FIFTHS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7, "F": -1, "Bb": -2, "Eb": -3, "Ab": -4,
           "Db": -5, "Gb": -6, "Cb": -7, "G#": 8, "D#": 9, "A#": 10}  # fmt: skip
_MODES = {
    "": 0,
    "maj": 0,
    "ion": 0,
    "m": -3,
    "min": -3,
    "aeo": -3,
    "mix": -1,
    "dor": -2,
    "phr": -4,
    "lyd": 1,
    "loc": -5,
}
_FIELD = re.compile(r"([A-Za-z]):(.*)")
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
_PITCH = r"(?:\^\^|\^|__|_|=)?[A-Ga-g][,']*"
_LENGTH = r"\d{0,6}(?:/{1,9}\d{0,6})?"
_TOKEN = re.compile(
    rf'(?P<skip>"[^"]*"|![^!]*!|\+[a-z]+\+|\{{[^}}]*\}}|[\s\\y~.HLMOPSTuv()$`*])'
    rf"|(?P<field>\[[A-Za-z]:[^\]]*\])"
    rf"|(?P<tuplet>(?<=\()\d(?::\d{{0,3}}){{0,2}})"
    rf"|(?P<chord>\[(?:{_PITCH}{_LENGTH}-?)*\]{_LENGTH})"
    rf"|(?P<note>{_PITCH}{_LENGTH})"
    rf"|(?P<rest>[zxZX]{_LENGTH})"
    rf"|(?P<bar>:*\|+[\]:|]*(?:\[?\d[\d,-]*)?|\[\|:?|::|\[\d[\d,-]*)"
    rf"|(?P<tie>-)|(?P<broken>[<>]+)|(?P<overlay>&)|(?P<odd>.)",
    re.DOTALL,
)
_BLOCKS = re.compile(r"^%%begin(text|ps)\b.*?^%%end\1\b", re.DOTALL | re.MULTILINE)
_INSIDE = re.compile(rf"({_PITCH})({_LENGTH})(-?)")
_TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}


@dataclass
class _Voice:
    """What one voice has played so far."""

    at: Fraction = Fraction(0)
    bar_began: Fraction = Fraction(0)
    notes: list[tuple[Fraction, Fraction, int]] = field(default_factory=list)
    accidentals: dict[str, int] = field(default_factory=dict)
    tied: dict[int, int] = field(default_factory=dict)  # pitch -> position of the note that goes on
    last: list[int] = field(default_factory=list)  # positions of the notes of the last chord
    tuplet: tuple[int, Fraction] = (0, Fraction(1))
    broken: Fraction = Fraction(1)  # how much longer the next note is
    repeat_from: Fraction = Fraction(0)
    repeat_first: int = 0  # position of the first note since then
    words: int = 0


@dataclass
class _Tune:
    unit: Fraction = Fraction(1, 2)  # of a quarter
    said_unit: bool = False
    bar: Fraction = Fraction(4)
    key: dict[str, int] = field(default_factory=dict)
    tempo: float = 0.0
    titles: list[str] = field(default_factory=list)
    voices: dict[str, _Voice] = field(default_factory=dict)
    voice: str = ""

    @property
    def now(self) -> _Voice:
        return self.voices.setdefault(self.voice, _Voice())


def read_abc(data: bytes) -> Score:
    """The first tune of an ABC file.

    Parameters
    ----------
    data : bytes
        UTF-8, or else Latin-1.

    Raises
    ------
    RefusedError
        When it has no ``X:`` or ``K:``, no notes, or too many.
    """
    tune, begun, keyed = _Tune(), False, False
    for line in _BLOCKS.sub("", _text(data)).splitlines():
        line = re.sub(r"(?<!\\)%.*", "", line).rstrip()
        found = _FIELD.match(line)
        if found and found[1] == "X":
            if begun:
                break
            begun = True
        elif found and begun:
            keyed |= found[1] == "K"
            _apply(tune, found[1], found[2].strip())
        elif begun and keyed and line:
            _music(tune, line)
    if not (begun and keyed):
        raise RefusedError("is no ABC tune: expected the fields X: and K:")
    voices = [voice for voice in tune.voices.values() if voice.notes]
    if not voices:
        raise RefusedError("has no notes")
    parts: list[list[PartNote]] = [
        sorted((float(onset), float(length), pitch) for onset, length, pitch in voice.notes) for voice in voices
    ]
    total = max(float(voice.at) for voice in voices)
    apart = total - min(float(voice.at) for voice in voices)
    if apart > float(tune.bar):
        raise RefusedError(f"has voices that end {apart:g} quarter notes apart")
    return Score(parts, _sung(voices), [], total, float(tune.bar), tune.tempo, tune.titles)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _sung(voices: list[_Voice]) -> list[int]:
    """The words stand below the first voice and are sung by all: only that one counts."""
    first = next((k for k, voice in enumerate(voices) if voice.words), -1)
    return [voice.words if k == first else 0 for k, voice in enumerate(voices)]


def _apply(tune: _Tune, name: str, value: str) -> None:
    """What a field says from here on."""
    if name == "V":
        tune.voice = value.split()[0] if value else ""
        _ = tune.now  # parts stand in the order in which voices are named
    elif name == "K":
        tune.key = _key(value)
    elif name == "L" and (length := _fraction(value)):
        tune.unit, tune.said_unit = length * 4, True
    elif name == "M":
        metre = {"C": Fraction(1), "C|": Fraction(1)}.get(value) or _fraction(value)
        if metre:
            tune.bar = metre * 4
            if not tune.said_unit:
                tune.unit = Fraction(1, 4) if metre < Fraction(3, 4) else Fraction(1, 2)
    elif name == "Q" and not tune.tempo:
        tune.tempo = _tempo(value)
    elif name == "T" and value:
        tune.titles.append(value)
    elif name == "w" and tune.voices:
        tune.now.words += 1


def _fraction(text: str) -> Fraction:
    found = re.fullmatch(r"\s*(\d{1,3})/(\d{1,3})\s*", text)
    return Fraction(int(found[1]), int(found[2])) if found and int(found[2]) else Fraction(0)


def _tempo(text: str) -> float:
    found = re.search(r"(\d{1,2})/(\d{1,2})\s*=\s*(\d{1,3})", text)
    return 4.0 * int(found[1]) / int(found[2]) * int(found[3]) if found and int(found[2]) else 0.0


def _key(text: str) -> dict[str, int]:
    """Sharps and flats of a key signature, by the letter of the note."""
    found = _KEY.match(text)
    if not found:
        return {}
    mode = found[3].lower()
    mode = mode if mode == "m" else mode[:3]
    fifths = _FIFTHS.get(found[1] + found[2], 0) + _MODES.get(mode, 0)
    names = _SHARPS if fifths > 0 else _FLATS
    return dict.fromkeys(names[: min(abs(fifths), 7)], 1 if fifths > 0 else -1)


def _music(tune: _Tune, line: str) -> None:
    for token in _TOKEN.finditer(line):
        kind, text = token.lastgroup, token.group()
        voice = tune.now
        if kind == "field":
            _apply(tune, text[1], text[3:-1].strip())
        elif kind == "note":
            _sound(tune, voice, list(_pitches(tune, voice, text)), text[_pitch_ends(text) :])
        elif kind == "chord":
            if inside := text[1 : text.rindex("]")]:
                first = _INSIDE.match(inside)
                own = first[2] if first else ""
                after = text[text.rindex("]") + 1 :]
                _sound(tune, voice, list(_pitches(tune, voice, inside)), after or own)
                if "-" in inside:
                    _tie(voice)
        elif kind == "rest":
            length = text[1:]
            if text[0] in "ZX":
                voice.at += tune.bar * (int(length) if length.isdecimal() else 1)
            else:
                voice.at += _length(length) * tune.unit * _scaled(voice)
            voice.last = []
        elif kind == "tuplet":
            _begin_tuplet(voice, text)
        elif kind == "tie":
            _tie(voice)
        elif kind == "broken":
            _break(voice, text)
        elif kind == "overlay":
            voice.at = voice.bar_began
        elif kind == "bar":
            _bar_line(voice, text)
        _check_size(voice.at, len(voice.notes))


def _check_size(quarters: Fraction, notes: int) -> None:
    if quarters > MAX_QUARTERS or notes > MAX_NOTES:
        raise RefusedError(f"lasts over {MAX_QUARTERS:,.0f} quarter notes or has over {MAX_NOTES:,} notes")


def _pitch_ends(text: str) -> int:
    found = re.match(_PITCH, text)
    return found.end() if found else 0


def _pitches(tune: _Tune, voice: _Voice, text: str) -> Iterator[int]:
    """MIDI pitches of the notes in a text; accidentals hold until the bar line."""
    for found in re.finditer(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']*)", text):
        accidental, letter, marks = found.groups()
        octave = marks.count("'") - marks.count(",") + letter.islower()
        place = f"{letter.upper()}{octave}"
        if accidental:
            voice.accidentals[place] = _ACCIDENTALS[accidental]
        bent = voice.accidentals.get(place, tune.key.get(letter.upper(), 0))
        yield min(max(60 + 12 * octave + _LETTERS[letter.upper()] + bent, 0), 127)


def _length(text: str) -> Fraction:
    """``3``, ``/``, ``/4`` or ``3/2`` as a multiple of the unit."""
    top, slash, bottom = text.partition("/")
    length = Fraction(int(top)) if top else Fraction(1)
    if slash:
        below = bottom.lstrip("/")
        halves = 1 + len(bottom) - len(below)
        length /= int(below) if below and int(below) else 2**halves
    if not 0 < length <= 256:
        raise RefusedError(f"has a note {text[:20]!r} units long")
    return length


def _scaled(voice: _Voice) -> Fraction:
    """What a tuplet and a broken rhythm make of the next length."""
    left, factor = voice.tuplet
    scale = (factor if left else Fraction(1)) * voice.broken
    voice.tuplet, voice.broken = (max(0, left - 1), factor), Fraction(1)
    return scale


def _sound(tune: _Tune, voice: _Voice, pitches: list[int], length: str) -> None:
    lasts = _length(length) * tune.unit * _scaled(voice)
    voice.last = []
    tied, voice.tied = voice.tied, {}
    for pitch in dict.fromkeys(pitches):
        before = tied.get(pitch)
        if before is not None and sum(voice.notes[before][:2]) == voice.at:
            onset, already, _ = voice.notes[before]
            voice.notes[before] = (onset, already + lasts, pitch)
            voice.last.append(before)
        else:
            voice.last.append(len(voice.notes))
            voice.notes.append((voice.at, lasts, pitch))
    voice.at += lasts


def _tie(voice: _Voice) -> None:
    voice.tied = {voice.notes[k][2]: k for k in voice.last}


def _begin_tuplet(voice: _Voice, text: str) -> None:
    numbers = [int(word) if word else 0 for word in text.split(":")]
    notes = numbers[0]
    time = (numbers[1] if len(numbers) > 1 else 0) or _TUPLETS.get(notes, notes)
    many = (numbers[2] if len(numbers) > 2 else 0) or notes
    if notes:
        voice.tuplet = (many, Fraction(time, notes))


def _break(voice: _Voice, text: str) -> None:
    """``>``: the note before gets half as much again, the next one half."""
    short = Fraction(1, 2 ** min(len(text), 3))
    before = 2 - short if text[0] == ">" else short
    for k in voice.last:
        onset, length, pitch = voice.notes[k]
        voice.at += length * (before - 1) if k == voice.last[0] else 0
        voice.notes[k] = (onset, length * before, pitch)
    voice.broken = 2 - before


def _bar_line(voice: _Voice, text: str) -> None:
    """Ends the accidentals; a repeat plays again what came since it began. Endings are played one after another."""
    if text.startswith((":|", "::")):
        again, played = voice.at - voice.repeat_from, voice.notes[voice.repeat_first :]
        _check_size(voice.at + again, len(voice.notes) + len(played))  # before anything is played again
        voice.notes += [(onset + again, length, pitch) for onset, length, pitch in played]
        voice.at += again
        voice.repeat_from, voice.repeat_first = voice.at, len(voice.notes)
    if text.endswith(":") or "|:" in text:
        voice.repeat_from, voice.repeat_first = voice.at, len(voice.notes)
    voice.bar_began = voice.at
    voice.accidentals = {}
