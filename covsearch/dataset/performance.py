"""A performance is one recording, a work is what it is a recording of, a clique is all of a work's performances."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class MusicBrainzMatch:
    """One MusicBrainz recording that Da-TACOS matched to a performance.

    Attributes
    ----------
    mbid : str
        MusicBrainz identifier.
    length_ms : int or None
        Length in milliseconds, where MusicBrainz knows it.
    """

    mbid: str
    length_ms: int | None = None


@dataclass(frozen=True)
class Performance:
    """One recording and what Da-TACOS's JSON says of it.

    Attributes
    ----------
    pid, wid : str
        ``P_22`` and ``W_14``: the performance and its work.
    title, artist, work_title, work_artist : str
        Empty where unknown.
    year : int or None
        Release year; None where the JSON has an empty or non-numeric one ("Unreleased").
    instrumental : bool or None
        None where unknown.
    artist_mbid : str or None
        MusicBrainz identifier of the performing artist.
    matches : tuple of MusicBrainzMatch
        Recordings in MusicBrainz; often empty.
    """

    pid: str
    wid: str
    title: str = ""
    artist: str = ""
    work_title: str = ""
    work_artist: str = ""
    year: int | None = None
    instrumental: bool | None = None
    artist_mbid: str | None = None
    matches: tuple[MusicBrainzMatch, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        values = asdict(self)
        matches = values.pop("matches")
        return {**values, "musicbrainz": matches}
