"""Where a dataset disagrees with what is indexed under the same names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.dataset.source import Source

_OWN = ("title", "artist", "album", "year", "instrumental", "artist_mbid", "matches")
_WORKS = ("work_title", "work_artist")


@dataclass(frozen=True)
class Conflict:
    """A performance that is not what the index has under its name, and why; the reason goes on from the PID."""

    pid: str
    reason: str


def find_conflicts(
    dataset: Source, performances: Mapping[str, Performance], origins: Mapping[str, Origin]
) -> list[Conflict]:
    """Compare every performance of a dataset with the indexed one of the same PID, and with its work.

    The files of performances that are in both are read whole, to compare their checksums. A dataset without metadata
    contradicts none, and an index may give a work the title that any of its performances has in the dataset.

    Parameters
    ----------
    dataset : Source
        With the features that the index was made of.
    performances, origins : mapping
        PID -> what is known of it in the index, and what it was indexed from.
    """
    works = {p.wid: p for p in performances.values() if p.wid is not None}
    titles = {name: _values(dataset.performances.values(), name) for name in _WORKS}
    found = []
    for pid, given in dataset.performances.items():
        stored = performances.get(pid)
        reason = _other_work(given, works.get(given.wid or ""), titles, new=stored is None)
        if stored is not None:
            reason = _other_ids_or_text(given, stored, dataset) or reason or _other_file(dataset, pid, origins.get(pid))
        if reason:
            found.append(Conflict(pid, reason))
    return found


def _values(performances: Iterable[Performance], name: str) -> dict[str | None, set[str]]:
    """The values that performances of a work have in the field `name`, by WID."""
    values: dict[str | None, set[str]] = {}
    for p in performances:
        values.setdefault(p.wid, set()).add(getattr(p, name))
    return values


def _other_work(
    given: Performance, stored: Performance | None, values: Mapping[str, Mapping[str | None, set[str]]], *, new: bool
) -> str | None:
    """How the work differs; a new performance may be the first that tells what its work is called."""
    for name in _WORKS if stored else ():
        ours, theirs = getattr(given, name), getattr(stored, name)
        if ours and theirs not in values[name][given.wid] and (theirs or not new):
            return f"is of {given.wid}, whose {_words(name)} is {theirs!r} in the index and {ours!r} here"
    return None


def _other_ids_or_text(given: Performance, stored: Performance, dataset: Source) -> str | None:
    if given.wid != stored.wid:
        return f"is in the index as a performance of {_work(stored)}, not of {_work(given)}"
    for name in _OWN if dataset.metadata else ():
        ours, theirs = getattr(given, name), getattr(stored, name)
        if ours != theirs:
            return f"is in the index with another {_words(name)}: {_shown(theirs)} there, {_shown(ours)} here"
    return None


def _other_file(dataset: Source, pid: str, origin: Origin | None) -> str | None:
    if origin is None:
        return "is in the index, and nobody noted from which file"
    if origin.frame_rate != dataset.frame_rate:
        return f"is in the index at {origin.frame_rate:.6g} frames/s, not {dataset.frame_rate:.6g}"
    for feature, file in origin.files.items():
        if dataset.checksum(pid, feature) != file.sha256:
            return (
                f"is in the index with another {feature} file, {file.path} of {origin.folder or 'the bundled sample'}"
            )
    return None


def _work(performance: Performance) -> str:
    return performance.wid or "an unknown work"


def _words(name: str) -> str:
    return {"matches": "set of MusicBrainz matches", "work_title": "title", "work_artist": "artist"}.get(
        name, name.replace("_", " ")
    )


def _shown(value: object) -> str:
    return f"{len(value)}" if isinstance(value, tuple) else repr(value)
