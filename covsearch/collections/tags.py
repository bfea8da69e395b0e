"""What an audio file says of itself: title, artist, album, year, length, and its ids in MusicBrainz."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from covsearch.dataset.ids import is_id
from covsearch.dataset.performance import MusicBrainzMatch, Performance

MOST = 1000  # characters of a text that are kept
_NOT_A_LETTER = re.compile(r"[^a-z]")
_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_WORK = ("musicbrainzworkid",)
_RECORDING = ("musicbrainztrackid", "musicbrainzrecordingid")
_UFID = "http://musicbrainz.org\0"  # how ID3 says a recording


@dataclass(frozen=True)
class Tags:
    """Tags of one file, cleaned: no control characters, no text of a megabyte.

    Attributes
    ----------
    title, artist, album : str
        Empty where unknown.
    year : int or None
    length_ms : int or None
    work, recording : str
        MusicBrainz identifiers; empty where unknown.
    """

    title: str = ""
    artist: str = ""
    year: int | None = None
    length_ms: int | None = None
    work: str = ""
    recording: str = ""
    album: str = ""

    def performance(self, id_: str) -> Performance:
        """The performance that a file with these tags is; without a title it is called as the file."""
        matches = (MusicBrainzMatch(self.recording, self.length_ms),) if self.recording else ()
        title = self.title or PurePosixPath(id_).stem
        return Performance(
            id_, self.work or None, title, self.artist, year=self.year, matches=matches, album=self.album
        )


def read_tags(path: Path) -> Tags:
    """The tags of an audio file; empty where it has none, or none that can be read."""
    from tinytag import TinyTag

    try:
        with path.open("rb") as file:
            found = TinyTag.get(path, file)
    except Exception:  # noqa: BLE001 - a file without readable tags is still music
        return Tags()
    other = {_NOT_A_LETTER.sub("", name.lower()): values for name, values in found.other.items()}
    length = found.duration
    return Tags(
        _text(found.title),
        _text(found.artist or found.albumartist),
        _year(found.year),
        round(1000 * length) if length and 0 < length < 10**6 else None,
        _first(other, _WORK),
        _first(other, _RECORDING) or _ufid(other),
        _text(found.album),
    )


def _text(value: object) -> str:
    """`value` as one line that can be stored and printed."""
    line = "".join(c if c.isprintable() else " " for c in str(value or "")[: 4 * MOST])
    return " ".join(line.encode("utf-8", "replace").decode("utf-8").split())[:MOST]


def _year(value: object) -> int | None:
    found = _YEAR.search(str(value or "")[:MOST])
    return int(found[0]) if found else None


def _first(other: dict[str, list[str]], names: tuple[str, ...]) -> str:
    """The first value of any of these tags that can be an id; of several works, the first."""
    texts = (_text(value).split(";")[0].split("/")[0].strip() for name in names for value in other.get(name, ()))
    return next((text for text in texts if is_id(text)), "")


def _ufid(other: dict[str, list[str]]) -> str:
    told = (str(value)[len(_UFID) :] for value in other.get("ufid", ()) if str(value).startswith(_UFID))
    return next((text for text in map(_text, told) if is_id(text)), "")
