"""A musical setting as plain notes: what the other modules pass around, free of music21."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Note = tuple[float, float, int]
"""Onset and duration in quarter notes, MIDI pitch."""


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
