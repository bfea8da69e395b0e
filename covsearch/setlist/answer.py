"""A setlist as an object, plain values, CSV or a CUE sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch.dataset.performance import Performance
from covsearch.errors import UsageError

SHORTEST_GAP = 1.0  # seconds: what is shorter lies between two songs and is not told
GAP = "gap"
COLUMNS = (
    "start",
    "end",
    "pid",
    "wid",
    "title",
    "artist",
    "cover_probability",
    "predicted",
    "semitones",
    "tempo",
    "matched_start",
    "matched_end",
)
MOST_TRACKS = 99  # of a CUE sheet
_CUE_FRAMES = 75  # a second
_KINDS = {".mp3": "MP3", ".aif": "AIFF", ".aiff": "AIFF"}


@dataclass(frozen=True)
class SetlistEntry:
    """A stretch of the recording: a performance, or a gap.

    Attributes
    ----------
    start, end : float
        Seconds of the recording.
    performance : Performance or None
        The one of the index whose work is played; None in a gap, where nothing of the index was found.
    cover_probability : float or None
        In [0, 1], near 1 cover: what a query for this stretch says of the performance. None in a gap, as all below.
    predicted : bool or None
        Whether such a query calls it a cover; where not, it is the likeliest and no more.
    semitones : int or None
        How much higher the recording sounds than the performance, -6 to 5.
    tempo : float or None
        How many times as fast the recording is as the performance.
    matched : (float, float) or None
        Seconds of the performance that run together with the recording.
    """

    start: float
    end: float
    performance: Performance | None = None
    cover_probability: float | None = None
    predicted: bool | None = None
    semitones: int | None = None
    tempo: float | None = None
    matched: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON; a gap has only its times."""
        values: dict[str, Any] = {"start": self.start, "end": self.end, "gap": self.performance is None}
        if self.performance is None:
            return values
        return {
            **values,
            **self.performance.to_dict(),
            "cover_probability": self.cover_probability,
            "predicted": self.predicted,
            "semitones": self.semitones,
            "tempo": self.tempo,
            "matched": list(self.matched or ()),
        }


@dataclass(frozen=True)
class Setlist:
    """What is played in a long recording.

    Attributes
    ----------
    entries : tuple of SetlistEntry
        Songs and gaps in the order of time, none over another.
    file : str
        The recording; empty for an array.
    frame_rate : float
        At which it was read, frames/s.
    generation, model : str
        What answered.
    searched : int
        Performances in the index.
    """

    entries: tuple[SetlistEntry, ...]
    file: str
    frame_rate: float
    generation: str
    model: str
    searched: int

    @property
    def songs(self) -> tuple[SetlistEntry, ...]:
        """The entries that are no gaps."""
        return tuple(entry for entry in self.entries if entry.performance is not None)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[SetlistEntry]:
        return iter(self.entries)

    def __getitem__(self, at: int) -> SetlistEntry:
        return self.entries[at]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON; times in seconds."""
        settings = {
            "searched": self.searched,
            "frame_rate": self.frame_rate,
            "generation": self.generation,
            "model": self.model,
        }
        return {"file": self.file, "entries": [entry.to_dict() for entry in self.entries], "settings": settings}

    def to_csv(self) -> str:
        """The entries as CSV (RFC 4180) with a header line; a gap has only its times."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for entry in self.entries:
            writer.writerow(_cells(entry))
        return text.getvalue()

    def to_cue(self) -> str:
        """A CUE sheet for the recording, one track an entry; a gap's title is ``(gap)``.

        Raises
        ------
        UsageError
            For more than 99 entries.
        """
        if len(self) > MOST_TRACKS:
            raise UsageError(f"a CUE sheet has at most {MOST_TRACKS} tracks, and there are {len(self)}: use --csv")
        name = Path(self.file).name
        lines = [f'FILE "{_quoted(name)}" {_KINDS.get(Path(name).suffix.lower(), "WAVE")}']
        for number, entry in enumerate(self.entries, start=1):
            lines.append(f"  TRACK {number:02} AUDIO")
            if entry.performance is None:
                lines.append(f'    TITLE "({GAP})"')
            else:
                lines.append(f'    TITLE "{_quoted(entry.performance.title or entry.performance.pid)}"')
                lines.append(f'    PERFORMER "{_quoted(entry.performance.artist)}"')
                lines.append(f"    REM COVER_PROBABILITY {entry.cover_probability:.4f}")
            lines.append(f"    INDEX 01 {_cue_time(entry.start)}")
        return "\n".join(lines) + "\n"


def with_gaps(songs: Sequence[SetlistEntry], seconds: float) -> tuple[SetlistEntry, ...]:
    """Songs, and the gaps before, between and after them that last at least a second.

    Parameters
    ----------
    songs : sequence of SetlistEntry
        In the order of time, none over another.
    seconds : float
        Of the recording.
    """
    entries: list[SetlistEntry] = []
    now = 0.0
    for song in songs:
        if song.start - now >= SHORTEST_GAP:
            entries.append(SetlistEntry(now, song.start))
        entries.append(song)
        now = song.end
    if seconds - now >= SHORTEST_GAP:
        entries.append(SetlistEntry(now, seconds))
    return tuple(entries)


def _cells(entry: SetlistEntry) -> list[object]:
    times: list[object] = [f"{entry.start:.2f}", f"{entry.end:.2f}"]
    p = entry.performance
    if p is None or entry.tempo is None or entry.matched is None:
        return times + [""] * (len(COLUMNS) - len(times))
    played = [f"{entry.cover_probability:.4f}", str(entry.predicted).lower(), entry.semitones, f"{entry.tempo:.3f}"]
    return [*times, p.pid, p.wid or "", p.title, p.artist, *played, *(f"{at:.2f}" for at in entry.matched)]


def _quoted(text: str) -> str:
    """Text between the quotes of a CUE sheet, which knows no escape: one line without quotes."""
    return "".join(char if char.isprintable() else " " for char in text).replace('"', "'")


def _cue_time(seconds: float) -> str:
    """Minutes, seconds and frames of 1/75 s, as a CUE sheet counts."""
    frames = round(seconds * _CUE_FRAMES)
    return f"{frames // (60 * _CUE_FRAMES):02}:{frames // _CUE_FRAMES % 60:02}:{frames % _CUE_FRAMES:02}"
