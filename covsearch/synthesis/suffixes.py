"""Which files hold notes, by their names; imports nothing that takes time."""

from __future__ import annotations

from pathlib import Path

MIDI_SUFFIXES = frozenset({".mid", ".midi"})
MUSICXML_SUFFIXES = frozenset({".mxl", ".musicxml", ".xml"})


def is_notation(path: str | Path) -> bool:
    """Whether a file's name ends as one that holds notes does."""
    return Path(path).suffix.lower() in MIDI_SUFFIXES | MUSICXML_SUFFIXES
