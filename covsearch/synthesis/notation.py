"""Songs in files that hold notes: MIDI and MusicXML."""

from __future__ import annotations

from pathlib import Path

from covsearch.synthesis.midi import read_midi
from covsearch.synthesis.musicxml import read_musicxml
from covsearch.synthesis.song import Song
from covsearch.synthesis.suffixes import MIDI_SUFFIXES


def read_notation(path: Path) -> Song:
    """The song in a MIDI or MusicXML file, a tune alone or a full score.

    Raises
    ------
    ArtefactError
        When the file is damaged, too large, takes too long, or holds no notes.
    MissingExtraError
        Without the extra ``scores``.
    """
    return read_midi(path) if path.suffix.lower() in MIDI_SUFFIXES else read_musicxml(path)
