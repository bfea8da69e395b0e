"""What each source of songs gives: read, refused, works, notes and chords.

Run as ``python -m benchmarks.studies.songs --synthesize POP909 --synthesize lieder.zip --synthesize music21``, with
every source of a training; writes ``benchmarks/results/songs.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.progress import stderr_progress
from covsearch.synthesis.song import NO_CHORD, Song
from covsearch.synthesis.sources import SongCollection, open_collections
from covsearch.workspace import user_cache


def main() -> None:
    """Read, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", required=True, help="as of covsearch train; repeatable")
    args = parser.parse_args()
    with stderr_progress() as progress:
        collections = open_collections(args.synthesize, user_cache(), progress)
    result = {"provenance": provenance("studies.songs", 0), "sources": [counts(one) for one in collections]}
    write_table(RESULTS / "songs.json", result, markdown(result))


def counts(collection: SongCollection) -> dict[str, Any]:
    """What one source gives, ready for JSON; lengths in minutes at each song's own tempo."""
    songs = [song for one in collection.maker.songs for song in (one, *one.versions)]
    minutes = np.array([song.steps / 4 * song.beat / 60 for song in songs])
    return {
        "name": collection.name,
        "licence": collection.licence,
        "files": len(songs) + len(collection.refused) + collection.again,
        "refused": dict(Counter(_reason(reason) for _, reason in collection.refused).most_common()),
        "same_recording": collection.again,
        "songs": len(songs),
        "works": len(collection.maker),
        "works_with_versions": sum(bool(song.versions) for song in collection.maker.songs),
        "notes": sum(len(song.notes) for song in songs),
        "chord_changes": sum(_changes(song) for song in songs),
        "median_minutes": round(float(np.median(minutes)), 2) if songs else 0.0,
        "hours": round(float(minutes.sum()) / 60, 1),
    }


def _changes(song: Song) -> int:
    """Stretches of a chord."""
    harmony = song.harmony
    return int((harmony.kinds[harmony.which, 0] != NO_CHORD).sum())


def _reason(text: str) -> str:
    for word, reason in (("title of a work", "title held out"), ("melody of a work", "melody held out")):
        if word in text:
            return reason
    return "cannot be read"


def markdown(result: dict[str, Any]) -> str:
    """A row a source."""
    lines = [
        "| Source | Licence | Files | Held out by title | by melody | Unreadable, too short | Same recording | Songs "
        "| Works | with versions | Notes | Chords | Median minutes | Hours |",
        "|---|---|" + "---:|" * 12,
    ]
    for one in result["sources"]:
        refused = [one["refused"].get(name, 0) for name in ("title held out", "melody held out", "cannot be read")]
        numbers = [
            one["files"],
            *refused,
            one["same_recording"],
            one["songs"],
            one["works"],
            one["works_with_versions"],
        ]
        numbers += [one["notes"], one["chord_changes"]]
        cells = " | ".join(f"{number:,}" for number in numbers)
        lines.append(
            f"| {one['name']} | {one['licence']} | {cells} | {one['median_minutes']:.1f} | {one['hours']:.0f} |"
        )
    lines += [
        "",
        "Held out: works that models are judged by. Works with versions: several songs that are one composition. Notes",
        "and chords are of all songs, invented ones with them; lengths are in the song's own tempo. Of music21's",
        "corpus, what is held out is not counted.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
