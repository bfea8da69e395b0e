"""Songs from chord charts in the McGill Billboard project's format: chords by the beat, phrases, form; no melody.

Melody and accompaniment are invented, the same for every part of the form that has one letter.

References
----------
Burgoyne, Wild & Fujinaga, "An expert ground-truth set for audio chord recognition and music analysis", ISMIR 2011.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.guard.files import RefusedError, as_text
from covsearch.synthesis.chords import NOTHING, parse_chord
from covsearch.synthesis.invented import Rows, accompaniment, melody, notes_of, scale
from covsearch.synthesis.readings import LONGEST, Row, SongReading, checked_song
from covsearch.synthesis.song import MELODY, NO_CHORD, SECOND, Song

BEAT_SECONDS = (0.1, 3.0)
COVERS = "cover_set"
"""The note of songs that are covers of each other, and not only called alike."""
_MOST_REPEATS = 100
_METRE = re.compile(r"\(?(\d{1,2})/(\d{1,2})\)?")
_TIMES = re.compile(r"\bx(\d{1,3})\b")
_LETTER = re.compile(r"[A-Z]'*")
_WITHOUT_WORDS = ("intro", "solo", "instrumental", "interlude", "outro", "trans", "coda")


@dataclass(frozen=True, eq=False)
class Phrase:
    """One line of a chart.

    Attributes
    ----------
    start, end : float
        Seconds.
    chords : NDArray[int8], shape (n, 5)
    letter : str
        Of its part of the form.
    place : int
        Which phrase of that part it is.
    sung : bool
    tonic : int
        Pitch class.
    """

    start: float
    end: float
    chords: NDArray[np.int8]
    letter: str
    place: int
    sung: bool
    tonic: int


@dataclass(frozen=True, eq=False)
class Chart:
    """Title, steps of a bar, and the phrases."""

    title: str
    bar: int
    phrases: list[Phrase]


def is_chart(data: bytes) -> bool:
    """Whether a text file begins as a chart does."""
    return data.startswith(b"# title:")


def chart_reading(name: str, data: bytes, row: Row) -> SongReading:
    """A chord chart; see :data:`~covsearch.synthesis.readings.Reader`."""
    chart = read_chart(data)
    same = row.get("title_norm", "") if row.get("note") == COVERS else ""
    seed = same or row.get("recording_key") or name
    titles = tuple(dict.fromkeys(title for title in (row.get("title", ""), chart.title) if title))
    song = chart_song(name, chart, zlib.crc32(seed.encode("utf-8", "surrogatepass")))
    return SongReading(checked_song(song), titles, same, row.get("recording_key", ""), invented=True)


def read_chart(data: bytes) -> Chart:
    """The chart in a file.

    Raises
    ------
    RefusedError
        When it is none.
    """
    if not is_chart(data):
        raise RefusedError("is no chord chart: expected '# title:' in its first line")
    said = {"title": "", "metre": "4/4", "tonic": "C"}
    lines: list[tuple[float, str, int, int]] = []
    bar = 0
    for line in as_text(data).splitlines():
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            said[key.strip()] = value.strip()
            continue
        time, tab, text = line.partition("\t")
        if not tab:
            continue
        steps = _bar_steps(said["metre"])
        bar = bar or steps
        lines.append((_seconds(time), text, steps, max(0, parse_chord(said["tonic"])[0])))
    phrases = _phrases(lines)
    if not phrases:
        raise RefusedError("has no bars with chords")
    return Chart(said["title"], bar, phrases)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError as e:
        raise RefusedError(f"expected seconds at the beginning of a line, not {text[:40]!r}") from e
    if not 0 <= value <= 1e5:
        raise RefusedError(f"expected 0 to 100,000 seconds, not {text[:40]!r}")
    return value


def _bar_steps(text: str) -> int:
    found = _METRE.fullmatch(text)
    steps = int(found[1]) * 16 // int(found[2]) if found and int(found[2]) else 0
    if not 1 <= steps <= 64:
        raise RefusedError(f"expected a metre like 4/4, not {text[:40]!r}")
    return steps


def _phrases(lines: list[tuple[float, str, int, int]]) -> list[Phrase]:
    found: list[Phrase] = []
    letter, instrumental, voice, place = "", False, False, 0
    heard = any("voice" in text or "vocal" in text for _, text, _, _ in lines)
    for k, (time, text, steps, tonic) in enumerate(lines):
        before, _, rest = text.partition("|")
        middle, bar_line, after = rest.rpartition("|")
        words = [word.strip() for word in before.split(",") if word.strip()] if bar_line else []
        if words:
            named = next((word for word in words if _LETTER.fullmatch(word)), letter)
            letter, place = named.rstrip("'"), 0
            instrumental = any(word.startswith(_WITHOUT_WORDS) for word in words)
        voice = voice or "(voice" in after or "(vocal" in after
        if bar_line:
            chords = _line_chords(middle, after, steps)
            end = lines[k + 1][0] if k + 1 < len(lines) else time
            sung = voice if heard else not instrumental
            found.append(Phrase(time, end, chords, letter, place, sung, tonic))
            place += 1
        if "voice)" in text or "vocal)" in text:
            voice = False
        if sum(len(phrase.chords) for phrase in found) > LONGEST:
            raise _too_long()
    return found


def _line_chords(middle: str, after: str, steps: int) -> NDArray[np.int8]:
    """The chords of all bars of a line, as often as it is played; a bar may have a metre of its own in brackets."""
    times = _TIMES.search(after)
    repeats = max(1, min(int(times[1]), _MOST_REPEATS)) if times else 1
    if (middle.count("|") + 1) * repeats > LONGEST:  # bars, each of a step or more
        raise _too_long()
    bars, chord = [], NOTHING
    for text in middle.split("|"):
        words, length = text.split(), steps
        if words and words[0].startswith("("):
            words, length = words[1:], _bar_steps(words[0])
        bar = np.full((length, 5), NO_CHORD, dtype=np.int8)
        for k, word in enumerate(words):
            chord = chord if word == "." else parse_chord(word)
            bar[k * length // len(words) : (k + 1) * length // len(words)] = chord
        bars.append(bar)
    if sum(map(len, bars)) * repeats > LONGEST:
        raise _too_long()
    return np.tile(np.concatenate(bars), (repeats, 1))


def _too_long() -> RefusedError:
    return RefusedError(f"lasts over {LONGEST // 4:,} beats")


def chart_song(name: str, chart: Chart, seed: int) -> Song:
    """A chart as a song; `seed` decides what is invented.

    Raises
    ------
    RefusedError
        When its beats are implausible, or it has no chords.
    """
    phrases = chart.phrases
    chords = np.concatenate([phrase.chords for phrase in phrases])
    if (chords[:, 0] == NO_CHORD).all():
        raise RefusedError("has no chords")
    paces = [(p.end - p.start) / len(p.chords) for p in phrases if p.end > p.start and len(p.chords)]
    beat = 4 * float(np.median(paces)) if paces else 0.0
    if not BEAT_SECONDS[0] <= beat <= BEAT_SECONDS[1]:
        raise RefusedError(f"expected beats {BEAT_SECONDS[0]} to {BEAT_SECONDS[1]} s apart, not {beat:.3g} s")
    rows: Rows = []
    at = 0
    for phrase in phrases:
        rows += [(a + at, b + at, *rest) for a, b, *rest in _invented(phrase, chart, seed)]  # type: ignore[misc]
        at += len(phrase.chords)
    return Song(name, len(chords), beat, chart.bar, notes_of([], rows, len(chords)), chords)


def _invented(phrase: Phrase, chart: Chart, seed: int) -> Rows:
    """What is played in a phrase: one style for all of a letter, a melody for each of its phrases where it is sung."""
    letter = zlib.crc32(phrase.letter.encode())
    tonic_chords = phrase.chords[phrase.chords[:, 0] == phrase.tonic]
    minor = bool(len(tonic_chords) and np.median((tonic_chords[:, 1] - phrase.tonic) % 12) == 3)
    key = scale(phrase.tonic, minor)
    rows = accompaniment(phrase.chords, chart.bar, np.random.default_rng((seed, letter)))
    rng = np.random.default_rng((seed, letter, phrase.place))
    density = int(np.random.default_rng((seed, 1)).integers(3))
    if phrase.sung:
        rows += melody(phrase.chords, chart.bar, key, density, MELODY, rng)
    elif rng.random() < 0.5:
        rows += melody(phrase.chords, chart.bar, key, density, SECOND, rng)
    return rows
