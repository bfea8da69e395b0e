"""Da-TACOS's metadata JSON: ``{WID: {PID: record}}``, every value of a record a string."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from covsearch.dataset.ids import is_pid, is_wid
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.errors import ArtefactError
from covsearch.guard.documents import parse_json
from covsearch.guard.files import read_text

# The benchmark's 15,000 performances take 3.7 MB and 0.15 million values: there is room for 130,000 of them, and for
# 190,000 with half the fields. A million works do not fit, since parsed they would take gigabytes.
MAX_BYTES = 32 * 2**20
MAX_VALUES = 2_000_000
MAX_TEXT = 10_000  # characters of one field; the benchmark's longest has 135


def read_metadata(path: Path, root: Path | None = None) -> dict[str, Performance]:
    """Read a Da-TACOS metadata file.

    Parameters
    ----------
    path : Path
        JSON; the MusicBrainz fields ``perf_artist_mbid`` and ``mb_performances`` are optional.
    root : Path, optional
        A folder, its own links resolved, that the file must be in.

    Returns
    -------
    dict
        PID -> Performance, in the file's order.

    Raises
    ------
    ArtefactError
        When the file is too large, no JSON, nested too deeply, names a key or PID twice, or has a name, type
        or text that cannot be.
    """
    try:
        content = parse_json(read_text(path, MAX_BYTES, root), MAX_VALUES)
        return _performances(_dict(content, "the top level"))
    except ValueError as e:
        raise ArtefactError(f"{path}: not Da-TACOS metadata: {e}") from e


def _dict(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object, not {type(value).__name__}")
    return value


def _performances(works: dict[str, Any]) -> dict[str, Performance]:
    found: dict[str, Performance] = {}
    for wid, records in works.items():
        if not is_wid(wid):
            raise ValueError(f"expected a work like W_14, got {wid[:80]!r}")
        for pid, record in _dict(records, wid).items():
            if not is_pid(pid):
                raise ValueError(f"expected a performance like P_22 in {wid}, got {pid[:80]!r}")
            if pid in found:
                raise ValueError(f"{pid} is in {found[pid].wid} and in {wid}")
            found[pid] = _performance(wid, pid, _dict(record, pid))
    return found


def _performance(wid: str, pid: str, record: dict[str, Any]) -> Performance:
    for key, expected in (("work_id", wid), ("perf_id", pid)):
        if record.get(key, expected) != expected:
            raise ValueError(f"{wid}/{pid} has {key} {str(record[key])[:80]!r}")
    return Performance(
        pid=pid,
        wid=wid,
        title=_text(record, "perf_title", pid),
        artist=_text(record, "perf_artist", pid),
        work_title=_text(record, "work_title", pid),
        work_artist=_text(record, "work_artist", pid),
        year=_year(_text(record, "release_year", pid)),
        instrumental={"Yes": True, "No": False}.get(_text(record, "instrumental", pid)),
        artist_mbid=_text(record, "perf_artist_mbid", pid) or None,
        matches=tuple(_matches(record.get("mb_performances") or {}, pid)),
    )


def _text(record: dict[str, Any], key: str, pid: str) -> str:
    value = record.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} of {pid} must be text, not {type(value).__name__}")
    return clean(value, f"{key} of {pid}")


def clean(value: str, what: str) -> str:
    """`value` itself, if it can be stored and printed; a terminal would obey control characters."""
    if len(value) > MAX_TEXT:
        raise ValueError(f"{what} has {len(value):,} characters; at most {MAX_TEXT:,} are read")
    if not value.isprintable() and any(c < " " or "\x7f" <= c < "\xa0" for c in value):
        raise ValueError(f"{what} has control characters")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"{what} has half of a surrogate pair")
    return value


def _year(text: str) -> int | None:
    """A year of one to four digits; the benchmark also has 105 empty ones and 7 "Unreleased"."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _matches(value: Any, pid: str) -> Iterator[MusicBrainzMatch]:
    for mbid, match in _dict(value, f"mb_performances of {pid}").items():
        length = _dict(match, f"a MusicBrainz match of {pid}").get("length")
        digits = str(length) if isinstance(length, (str, int)) and not isinstance(length, bool) else ""
        known = digits.isascii() and digits.isdigit() and len(digits) <= 12
        yield MusicBrainzMatch(clean(mbid, f"a MusicBrainz match of {pid}"), int(digits) if known else None)
