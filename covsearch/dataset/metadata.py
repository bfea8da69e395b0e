"""Da-TACOS's metadata JSON: ``{WID: {PID: record}}``, every value of a record a string.

What is wrong with one record costs that record: it is refused with its reason. What is wrong with the document refuses
the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch.dataset.ids import is_pid, is_wid
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.dataset.texts import clean
from covsearch.errors import ArtefactError
from covsearch.guard.documents import parse_json
from covsearch.guard.files import read_text

# The benchmark's 15,000 performances take 3.7 MB and 0.15 million values: there is room for 130,000 of them, and for
# 190,000 with half the fields. A million works do not fit, since parsed they would take gigabytes.
MAX_BYTES = 32 * 2**20
MAX_VALUES = 2_000_000
UNKNOWN = "work_unknown"
"""A key of a record, ours: true where the performance is in the folder of a work only since it must be in some."""


@dataclass(frozen=True)
class Metadata:
    """What a metadata file says.

    Attributes
    ----------
    performances : mapping
        PID -> Performance, in the file's order.
    refused : mapping
        PID of every record that cannot be -> its work and why, in a few words.
    unknown : frozenset of str
        PIDs of which :data:`UNKNOWN` is said: their works are only where to find them.
    """

    performances: Mapping[str, Performance]
    refused: Mapping[str, tuple[str, str]]
    unknown: frozenset[str] = frozenset()


def read_metadata(path: Path, root: Path | None = None) -> Metadata:
    """Read a Da-TACOS metadata file.

    Parameters
    ----------
    path : Path
        JSON; the MusicBrainz fields ``perf_artist_mbid`` and ``mb_performances`` are optional.
    root : Path, optional
        A folder, its own links resolved, that the file must be in.

    Raises
    ------
    ArtefactError
        When the file is too large, no JSON, nested too deeply, names a key or PID twice, or has a work or a name that
        cannot be.
    """
    try:
        content = parse_json(read_text(path, MAX_BYTES, root), MAX_VALUES)
        return _metadata(_dict(content, "the top level"))
    except ValueError as e:
        raise ArtefactError(f"{path}: not Da-TACOS metadata: {e}") from e


def _dict(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object, not {type(value).__name__}")
    return value


def _metadata(works: dict[str, Any]) -> Metadata:
    found: dict[str, Performance] = {}
    refused: dict[str, tuple[str, str]] = {}
    unknown: set[str] = set()
    for wid, records in works.items():
        if not is_wid(wid):
            raise ValueError(f"expected a work like W_14, got {wid[:80]!r}")
        for pid, record in _dict(records, wid).items():
            if not is_pid(pid):
                raise ValueError(f"expected a performance like P_22 in {wid}, got {pid[:80]!r}")
            if pid in found or pid in refused:
                raise ValueError(f"{pid} is in {found[pid].wid if pid in found else refused[pid][0]} and in {wid}")
            try:
                found[pid] = _performance(wid, pid, _dict(record, pid))
                if record.get(UNKNOWN) is True:
                    unknown.add(pid)
            except ValueError as e:
                refused[pid] = (wid, f"its record in the metadata JSON is refused: {e}")
    return Metadata(found, refused, frozenset(unknown))


def _performance(wid: str, pid: str, record: dict[str, Any]) -> Performance:
    for key, expected in (("work_id", wid), ("perf_id", pid)):
        if record.get(key) not in (expected, None):
            raise ValueError(f"{wid}/{pid} has {key} {str(record[key])[:80]!r}")
    return Performance(
        pid=pid,
        wid=wid,
        title=_text(record, "perf_title", pid),
        artist=_text(record, "perf_artist", pid),
        work_title=_text(record, "work_title", pid),
        work_artist=_text(record, "work_artist", pid),
        year=_year(record, pid),
        instrumental={"Yes": True, "No": False}.get(_text(record, "instrumental", pid)),
        artist_mbid=_text(record, "perf_artist_mbid", pid) or None,
        matches=tuple(_matches(record.get("mb_performances") or {}, pid)),
    )


def _text(record: dict[str, Any], key: str, pid: str) -> str:
    """A field's text; empty where it is missing or null."""
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} of {pid} must be text, not {type(value).__name__}")
    return clean(value, f"{key} of {pid}")


def _year(record: dict[str, Any], pid: str) -> int | None:
    """A year of one to four digits, or a number; the benchmark also has 105 empty ones and 7 "Unreleased"."""
    value = record.get("release_year")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value) if 0 <= value < 10_000 and value == int(value) else None
    text = _text(record, "release_year", pid)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _matches(value: Any, pid: str) -> Iterator[MusicBrainzMatch]:
    for mbid, match in _dict(value, f"mb_performances of {pid}").items():
        length = _dict(match, f"a MusicBrainz match of {pid}").get("length")
        digits = str(length) if isinstance(length, (str, int)) and not isinstance(length, bool) else ""
        known = digits.isascii() and digits.isdigit() and len(digits) <= 12
        yield MusicBrainzMatch(clean(mbid, f"a MusicBrainz match of {pid}"), int(digits) if known else None)
