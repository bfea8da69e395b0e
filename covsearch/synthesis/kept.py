"""Songs that were read once, kept in a file of plain arrays: reading a thousand scores takes minutes."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from covsearch import durable
from covsearch.synthesis.archive import Archive
from covsearch.synthesis.readings import SongReading
from covsearch.synthesis.song import Notes, Song

VERSION = 2
"""Raise it when readers read something else: files of other versions are not read."""
_NOTES = ("start", "length", "pitch", "velocity", "layer")

Read = tuple[list[SongReading], list[tuple[str, str]]]


def kept_file(folder: Path, archive: Archive) -> Path:
    """Where the songs of an archive are kept; another archive has another file."""
    said = hashlib.sha256(archive.fingerprint.encode()).hexdigest()[:16]
    return folder / f"{archive.name}-{said}-v{VERSION}.npz"


def write_kept(path: Path, read: Read) -> None:
    """Keep what was read."""
    readings, refused = read
    path.parent.mkdir(parents=True, exist_ok=True)
    songs = [reading.song for reading in readings]
    about = [
        {"name": s.name, "steps": s.steps, "beat": s.beat, "bar": s.bar, "titles": r.titles, "work": r.work}
        | {"recording": r.recording, "invented": r.invented, "notes": len(s.notes)}
        for r, s in zip(readings, songs, strict=True)
    ]
    text = json.dumps({"songs": about, "refused": refused}, ensure_ascii=False)
    arrays: dict[str, Any] = {"about": np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)}
    if songs:
        arrays |= {name: np.concatenate([getattr(song.notes, name) for song in songs]) for name in _NOTES}
        arrays["chords"] = np.concatenate([song.chords for song in songs])
    with durable.replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_kept(path: Path) -> Read | None:
    """What was kept; None where nothing was, or what is there is damaged and must be read anew."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        said = json.loads(arrays["about"].tobytes().decode("utf-8", "surrogatepass"))
        return _readings(said["songs"], arrays), [(name, why) for name, why in said["refused"]]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError):
        return None


def _readings(about: list[dict[str, Any]], arrays: dict[str, Any]) -> list[SongReading]:
    found, note, step = [], 0, 0
    for one in about:
        notes = Notes(*(arrays[name][note : note + one["notes"]] for name in _NOTES))
        chords = arrays["chords"][step : step + one["steps"]]
        song = Song(one["name"], one["steps"], one["beat"], one["bar"], notes, chords)
        found.append(SongReading(song, tuple(one["titles"]), one["work"], one["recording"], one["invented"]))
        note, step = note + one["notes"], step + one["steps"]
    return found
