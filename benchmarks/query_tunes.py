"""Does a tune that is only written down find its recordings?

Of every test work of the bundled sample with two versions or more, one version is drawn. Its notes become a MIDI file,
once the melody alone and once the whole score, at the tempo of the source. Both ask an index of the whole sample;
the recording of that very version does not count. Beside them stands that recording as the query.

Run as ``python -m benchmarks.query_tunes``, with the extra ``scores``; writes the JSON and a Markdown table beside it.
The first run parses the files of music21's corpus that have these works, some minutes, and keeps them below ``--work``.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi

import covsearch
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.errors import ArtefactError
from covsearch.progress import stderr_progress
from covsearch.synthesis.corpus import settings_in
from covsearch.synthesis.scores import source_id
from covsearch.synthesis.setting import Note, Setting, base_tempo
from covsearch.workspace import find_workspace

KINDS = ("melody", "score", "recording")


@dataclass(frozen=True)
class Question:
    """One version of a work, and the other ones that it should find."""

    pid: str
    source: str
    file: str
    others: frozenset[str]


def main() -> None:
    """Ask for every work in three ways, write and print the table."""
    args = _arguments().parse_args()
    asked = questions(args.part, args.seed)
    settings = scores(asked, args.work / "settings")
    with tempfile.TemporaryDirectory() as home:
        index = covsearch.build(home=home)
        judged = [judge(index, one, settings[one.source], Path(home)) for one in asked]
    told = {kind: summary([one[kind] for one in judged if kind in one]) for kind in KINDS}
    result = {
        "provenance": provenance("query_tunes", args.seed),
        "part": args.part,
        "works": len(judged),
        "kinds": told,
    }
    write_table(args.out, result, markdown(args.part, len(judged), told))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("validation", "test"), default="test", help="whose works are asked for")
    parser.add_argument("--work", type=Path, default=find_workspace().cache / "music21", help="keeps parsed scores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "query_tunes.json")
    return parser


def questions(part: str, seed: int) -> list[Question]:
    """One version of every work of `part` that has two, drawn."""
    of_part, rng = sample_split().part_of(), np.random.default_rng(seed)
    versions: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if of_part[row["wid"]] == part:
                versions[row["wid"]].append((row["pid"], source_id(row), row["source_file"]))
    found = []
    for _, rows in sorted(versions.items()):
        if len(rows) > 1:
            pid, source, score = rows[int(rng.integers(len(rows)))]
            found.append(Question(pid, source, score, frozenset(other for other, *_ in rows if other != pid)))
    return found


def scores(asked: Sequence[Question], cache: Path) -> dict[str, Setting]:
    """The setting of every question's source; parsed files are kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    found: dict[str, Setting] = {}
    with stderr_progress() as progress:
        for done, one in enumerate(asked, 1):
            found[one.source] = next(s for s in settings_in(one.file, cache) if s.source_id == one.source)
            progress("reading music21's corpus", done, len(asked))
    return found


def judge(index: covsearch.Index, question: Question, setting: Setting, folder: Path) -> dict[str, float]:
    """Average precision of each way to ask; a tune that is too short to ask with has none."""
    path, found = folder / "tune.mid", {}
    for kind, parts in (("melody", setting.parts[:1]), ("score", setting.parts)):
        write_midi(path, parts, base_tempo(setting))
        try:
            ranked = index.query(path, top=len(index))
        except ArtefactError as e:
            print(f"{question.pid} ({kind}): {e}", file=sys.stderr)
            continue
        found[kind] = average_precision([m.pid for m in ranked if m.pid != question.pid], question.others)
    ranked = index.query(question.pid, top=len(index))
    return {**found, "recording": average_precision([match.pid for match in ranked], question.others)}


def write_midi(path: Path, parts: Sequence[Sequence[Note]], tempo: float) -> None:
    """Parts as one track each, at `tempo` quarter notes a minute."""
    midi, quarter = pretty_midi.PrettyMIDI(initial_tempo=tempo), 60 / tempo
    for part in parts:
        track = pretty_midi.Instrument(0)
        for onset, length, pitch in part:
            track.notes.append(pretty_midi.Note(90, pitch, onset * quarter, (onset + length) * quarter))
        midi.instruments.append(track)
    midi.write(str(path))


def average_precision(ranked: Sequence[str], relevant: frozenset[str]) -> float:
    """Mean over the relevant ones, all of them ranked, of the precision at their ranks."""
    ranks = np.flatnonzero([pid in relevant for pid in ranked]) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def summary(values: list[float]) -> dict[str, Any]:
    """MAP of the queries of one kind, and how many of them."""
    return {"queries": len(values), "map": round(float(np.mean(values)), 4) if values else None}


def markdown(part: str, works: int, told: dict[str, dict[str, Any]]) -> str:
    """The table."""
    lines = ["| asked with | queries | MAP |", "|---|---:|---:|"]
    lines += [
        f"| {kind} | {one['queries']} | {'' if one['map'] is None else one['map']} |" for kind, one in told.items()
    ]
    said = f"One version of each of {works} {part} works of the sample, in an index of the whole sample."
    return "\n".join([*lines, "", said]) + "\n"


if __name__ == "__main__":
    main()
