"""Songs from a folder of MIDI files, as the benchmarks of the synthesis take them."""

from __future__ import annotations

import argparse
from pathlib import Path

from covsearch.errors import ArtefactError
from covsearch.synthesis.midi import midi_files, read_midi
from covsearch.synthesis.song import Song


def spread_files(folder: Path, limit: int) -> list[Path]:
    """At most `limit` MIDI files below `folder`, evenly spread over their sorted names.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    files = midi_files(folder)
    return [files[i * len(files) // limit] for i in range(limit)] if len(files) > limit else files


def read_songs(files: list[Path]) -> list[Song]:
    """The songs of those files that can be read; what is worked out once a song is worked out here."""
    songs = []
    for path in files:
        try:
            song = read_midi(path)
        except ArtefactError:
            continue
        _ = song.cells, song.harmony  # cached on first use, which no timing shall see
        songs.append(song)
    return songs


def add_songs(parser: argparse.ArgumentParser) -> None:
    """``--songs FOLDER``."""
    parser.add_argument("--songs", type=Path, required=True, help="folder of MIDI files, such as POP909's")
