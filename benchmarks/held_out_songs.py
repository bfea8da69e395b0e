"""Write the titles and melodies of the sample's validation and test works, which no song that is trained on may have.

Run as ``python -m benchmarks.held_out_songs``; needs music21 for the chorales, and writes
``covsearch/synthesis/held_out.json``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from covsearch.dataset.sample import sample_root, sample_split
from covsearch.progress import Progress, silent, stderr_progress
from covsearch.synthesis.abc_notation import read_abc
from covsearch.synthesis.corpus import corpus_folder, settings_in
from covsearch.synthesis.held_out import BUNDLED
from covsearch.synthesis.scores import source_id
from covsearch.workspace import user_cache

OTHERS = ("Night Time Is the Right Time",)
"""Titles of works outside the sample that models are judged by, and that a known source of songs holds."""
Song = tuple[str, Sequence[str], Sequence[int]]
"""Source id, titles, MIDI pitches."""


def main() -> None:
    """Read the works and write the file."""
    cache = user_cache() / "music21" / "settings"
    cache.mkdir(parents=True, exist_ok=True)
    with stderr_progress() as progress:
        said = held_out_songs(_songs(cache, progress))
    BUNDLED.write_text(json.dumps(said, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def _songs(cache: Path, progress: Progress = silent) -> Iterable[Song]:
    part = sample_split().part_of()
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if part[row["wid"]] != "train"]
    for done, row in enumerate(rows, 1):
        if row["source_file"].endswith(".abc"):
            book = (corpus_folder() / row["source_file"]).read_bytes()
            yield (source_id(row), *tune(book, row["number"]))
        else:
            (setting,) = settings_in(row["source_file"], cache)
            yield setting.source_id, setting.titles, setting.pitches
        progress("reading what is held out", done, len(rows))


def tune(book: bytes, number: str) -> tuple[Sequence[str], Sequence[int]]:
    """Titles and melody of the first tune of an ABC file, or of that number where there are several."""
    tunes = re.split(rb"(?m)^(?=X:)", book)[1:]
    mine = [one for one in tunes if one.split(b"\n", 1)[0][2:].strip() == number.encode()] or tunes
    score = read_abc(mine[0])
    return score.titles, [pitch for _, _, pitch in score.parts[0]]


def held_out_songs(songs: Iterable[Song]) -> dict[str, Any]:
    """Titles, and melodies by source id: MIDI pitches as characters, repeated notes once."""
    titles = set(OTHERS)
    melodies: dict[str, str] = {}
    for source, names, pitches in songs:
        titles |= set(names)
        melodies[source] = "".join(chr(pitch) for k, pitch in enumerate(pitches) if k == 0 or pitch != pitches[k - 1])
    return {"titles": sorted(titles), "melodies": melodies}


if __name__ == "__main__":
    main()
