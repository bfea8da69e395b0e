"""A setting of a tune or hymn as plain notes, as :mod:`covsearch.synthesis.corpus` reads it, free of music21."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Note = tuple[float, float, int]
"""Onset and duration in quarter notes, MIDI pitch."""


CHORALE_QUARTER_BPM = 72.0
BAR_QUARTER_BPM = {
    "2/2": 184.0, "4/4": 184.0, "2/4": 104.0, "3/4": 120.0, "3/8": 120.0,
    "6/8": 168.0, "9/8": 168.0, "12/8": 168.0, "6/4": 168.0,
}  # fmt: skip
"""A sensible speed for a tune without a written tempo: reels at 92 half notes, jigs at 112 dotted quarters."""


@dataclass(frozen=True)
class Setting:
    """One setting of one tune in one printed source.

    Parameters
    ----------
    source_id
        Unique and stable, e.g. ``bach/bwv244.54`` or ``aird/2/0201``: seeds and caches hang on it.
    kind
        ``chorale`` or ``tune``.
    collection
        ``bach``, ``oneill``, ``ryan`` or ``aird``.
    number
        The number in the collection: BWV for Bach, the tune's ``X:`` for the ABC collections.
    file
        Path inside music21's corpus folder.
    titles
        Titles as printed, the first one first.
    lyric
        The first line of the soprano's first verse, or "".
    key
        The key as written (``K:`` in ABC) or as found in a chorale by Krumhansl's profiles, e.g. ``d minor``.
    quarter_bpm
        Tempo written in the source, in quarter notes a minute; 0 when there is none.
    bar
        The first time signature, e.g. ``6/8``; "" when there is none.
    melody
        The melody as written, without grace notes.
    parts
        All parts with repeats played, without grace notes.
    repeats
        ``expanded`` or ``as written``.
    """

    source_id: str
    kind: str
    collection: str
    number: str
    file: str
    titles: tuple[str, ...]
    lyric: str
    key: str
    quarter_bpm: float
    bar: str
    melody: tuple[Note, ...]
    parts: tuple[tuple[Note, ...], ...]
    repeats: str = "as written"
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def quarters(self) -> float:
        """Length in quarter notes with repeats."""
        return max((onset + duration for part in self.parts for onset, duration, _ in part), default=0.0)

    @property
    def pitches(self) -> list[int]:
        """The melody's MIDI pitches."""
        return [pitch for _, _, pitch in self.melody]


def from_json(record: dict[str, Any]) -> Setting:
    """Rebuild a setting from the dict that :func:`dataclasses.asdict` and JSON made of it."""
    record = dict(record)
    record["titles"] = tuple(record["titles"])
    record["melody"] = _notes(record["melody"])
    record["parts"] = tuple(_notes(part) for part in record["parts"])
    return Setting(**record)


def _notes(rows: list[list[float]]) -> tuple[Note, ...]:
    return tuple((float(onset), float(duration), int(pitch)) for onset, duration, pitch in rows)


def base_tempo(setting: Setting) -> float:
    """Quarter notes a minute: as written where a tune has a tempo, else by kind and bar."""
    if setting.kind == "chorale":
        return CHORALE_QUARTER_BPM
    if 40 <= setting.quarter_bpm <= 300:
        return setting.quarter_bpm
    return BAR_QUARTER_BPM.get(setting.bar, 120.0)
