"""A performance is one recording, a work is what it is a recording of, a clique is all of a work's performances."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from covsearch.errors import UsageError


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
    """One recording and what its collection says of it.

    Attributes
    ----------
    pid : str
        The performance's id, ``P_22`` in Da-TACOS: any text that :func:`~covsearch.dataset.ids.is_id` takes.
    wid : str or None
        Its work's id, ``W_14``; None where the work is not known.
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
    album : str
        Empty where unknown.
    collection : str
        Name of the collection that an index has it of; empty where it is of none yet. What an index answers has
        ``name:id`` for `pid` and `wid` where these alone would not be clear (:mod:`covsearch.dataset.names`), so this
        is not compared.
    """

    pid: str
    wid: str | None
    title: str = ""
    artist: str = ""
    work_title: str = ""
    work_artist: str = ""
    year: int | None = None
    instrumental: bool | None = None
    artist_mbid: str | None = None
    matches: tuple[MusicBrainzMatch, ...] = ()
    album: str = ""
    collection: str = field(default="", compare=False)

    def to_dict(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        values = asdict(self)
        matches = values.pop("matches")
        del values["collection"]  # it is in the id, where it matters
        return {**values, "musicbrainz": matches}


def same_work(a: Performance, b: Performance) -> bool | None:
    """Whether two performances of one index are listed under one work; None where either's work is not known."""
    return None if a.wid is None or b.wid is None else a.wid == b.wid


def known_work(pid: str, wid: str | None) -> str:
    """`wid` itself.

    Raises
    ------
    UsageError
        When it is None.
    """
    if wid is None:
        raise UsageError(f"the work of {pid} is not known: leave it out of what needs pairs of covers")
    return wid
