"""Setlists as values, CSV and CUE sheets."""

from __future__ import annotations

import csv
import io
import json

import pytest

from covsearch.dataset.performance import Performance
from covsearch.errors import UsageError
from covsearch.setlist import Setlist, SetlistEntry
from covsearch.setlist.answer import COLUMNS, with_gaps

SONG = Performance("P_1", "W_1", title='Say "hey",\nyou', artist="Singer", year=1970)
PLAIN = Performance("P_2", None)


def song(start: float, end: float, performance: Performance = SONG) -> SetlistEntry:
    return SetlistEntry(start, end, performance, 0.912345, True, -2, 1.0432, (1.5, 59.25))


def setlist(*entries: SetlistEntry, file: str = "music/concert.mp3") -> Setlist:
    return Setlist(entries, file, 10.77, "gen-0001", "model", 24)


FOUND = setlist(SetlistEntry(0, 12.5), song(12.5, 70), song(70, 3725.3, PLAIN))


def test_gaps_of_a_second_are_told_and_shorter_ones_are_not() -> None:
    songs = [song(1, 30), song(30.5, 60), song(61, 90)]
    told = with_gaps(songs, 95)
    assert [(e.start, e.end, e.performance is None) for e in told] == [
        (0, 1, True),
        (1, 30, False),
        (30.5, 60, False),
        (60, 61, True),
        (61, 90, False),
        (90, 95, True),
    ]
    assert with_gaps([], 20) == (SetlistEntry(0, 20),)
    assert with_gaps([song(0, 20)], 20.9) == (song(0, 20),)


def test_plain_values() -> None:
    values = json.loads(json.dumps(FOUND.to_dict()))
    assert values["file"] == "music/concert.mp3"
    assert values["entries"][0] == {"start": 0, "end": 12.5, "gap": True}
    first = values["entries"][1]
    assert (first["pid"], first["gap"], first["semitones"], first["tempo"]) == ("P_1", False, -2, 1.0432)
    assert first["matched"] == [1.5, 59.25]
    assert values["settings"] == {"searched": 24, "frame_rate": 10.77, "generation": "gen-0001", "model": "model"}


def test_csv_comes_back_as_it_was() -> None:
    rows = list(csv.reader(io.StringIO(FOUND.to_csv(), newline="")))
    assert rows[0] == list(COLUMNS)
    assert rows[1] == ["0.00", "12.50", *[""] * 10]
    played = ["0.9123", "true", "-2", "1.043", "1.50", "59.25"]
    assert rows[2] == ["12.50", "70.00", "P_1", "W_1", 'Say "hey",\nyou', "Singer", *played]
    assert rows[3][2:6] == ["P_2", "", "", ""]


def test_a_cue_sheet() -> None:
    assert FOUND.to_cue() == (
        'FILE "concert.mp3" MP3\n'
        "  TRACK 01 AUDIO\n"
        '    TITLE "(gap)"\n'
        "    INDEX 01 00:00:00\n"
        "  TRACK 02 AUDIO\n"
        "    TITLE \"Say 'hey', you\"\n"
        '    PERFORMER "Singer"\n'
        "    REM COVER_PROBABILITY 0.9123\n"
        "    INDEX 01 00:12:38\n"
        "  TRACK 03 AUDIO\n"
        '    TITLE "P_2"\n'
        '    PERFORMER ""\n'
        "    REM COVER_PROBABILITY 0.9123\n"
        "    INDEX 01 01:10:00\n"
    )
    assert setlist(SetlistEntry(3725.2, 3726), file="a.h5").to_cue() == (
        'FILE "a.h5" WAVE\n  TRACK 01 AUDIO\n    TITLE "(gap)"\n    INDEX 01 62:05:15\n'
    )


def test_a_cue_sheet_ends_at_99_tracks() -> None:
    assert setlist(*[SetlistEntry(k, k + 1) for k in range(99)]).to_cue().count("TRACK") == 99
    with pytest.raises(UsageError, match="at most 99 tracks, and there are 100: use --csv"):
        setlist(*[SetlistEntry(k, k + 1) for k in range(100)]).to_cue()


def test_it_is_a_sequence() -> None:
    assert (len(FOUND), FOUND[1], [e.end for e in FOUND]) == (3, song(12.5, 70), [12.5, 70, 3725.3])
    assert FOUND.songs == FOUND.entries[1:]
