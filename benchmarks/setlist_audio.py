"""The setlist of concerts that are audio files: decoding, chroma and setlist together.

As :mod:`benchmarks.setlist`, but every concert is a FLAC file. Its songs are played with the sound font from the notes
of performances that the index does not have, in another key and tempo (:mod:`benchmarks.audio_concerts`). The index
has the sample's HPCP of all other performances. ``index.setlist(file)`` is asked, which decodes the file.

Run as ``python -m benchmarks.setlist_audio``; writes the JSON and a Markdown table beside it. ``--work`` keeps scores.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import covsearch
from benchmarks.audio_concerts import RATE, AudioConcert, Play, Samples, make_audio_concert
from benchmarks.make_sample.__main__ import SEED
from benchmarks.make_sample.performance import assign
from benchmarks.make_sample.render import render
from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.setlist import TWO_HOURS, drawn, score_dict, table_head, table_row
from benchmarks.setlist import total as total_score
from covsearch.dataset.sample import sample_root
from covsearch.evaluate.setlist import PlayedStretch, SetlistScore, score_setlist
from covsearch.synthesis.corpus import settings_in
from covsearch.synthesis.scores import source_id

CONCERTS = 6  # about two hours


@dataclass(frozen=True, eq=False)
class Heard:
    """What came of one file.

    Attributes
    ----------
    length : float
        Seconds.
    unknown : int
        Songs that the index does not have.
    score : SetlistScore
    decoding, seconds : float
        Of the clock: to decode and to make chroma, and for the setlist after that.
    """

    length: float
    unknown: int
    score: SetlistScore
    decoding: float
    seconds: float


def main() -> None:
    """Play and judge every concert, write and print the table."""
    args = _arguments().parse_args()
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["pid"]: row for row in csv.DictReader(file)}
    known, unknown = drawn({pid: row["wid"] for pid, row in rows.items()}, args.part, args.seed)
    play = player(rows, args.work / "settings")
    with tempfile.TemporaryDirectory() as folder:
        index = covsearch.build(home=Path(folder) / "home")
        index.remove(*known.values(), *unknown)
        heard = []
        for number in range(args.concerts):
            rng = np.random.default_rng([args.seed, number])
            heard.append(judge(index, make_audio_concert(known, unknown, play, rng), Path(folder) / f"{number}.flac"))
            print(to_dict(heard[-1]), file=sys.stderr, flush=True)
        count = len(index)
    result = {
        "provenance": provenance("setlist_audio", args.seed),
        "part": args.part,
        "index": count,
        "concerts": [to_dict(one) for one in heard],
        "all": to_dict(total(heard)),
    }
    write_table(args.out, result, markdown(args.part, count, heard))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("validation", "test"), default="test", help="whose works are played")
    parser.add_argument("--concerts", type=int, default=CONCERTS)
    parser.add_argument("--work", type=Path, default=Path("audio_works"), help="keeps scores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "setlist_audio.json")
    return parser


def player(rows: Mapping[str, dict[str, str]], cache: Path) -> Play:
    """Plays a performance of the sample again, with its instruments."""
    cache.mkdir(parents=True, exist_ok=True)

    def play(pid: str, faster: float, up: int) -> Samples:
        row = rows[pid]
        setting = next(one for one in settings_in(row["source_file"], cache) if one.source_id == source_id(row))
        given = assign(setting, SEED)
        parts = tuple(tuple((at, length, pitch + up) for at, length, pitch in part) for part in setting.parts)
        return render(replace(setting, parts=parts), replace(given, quarter_bpm=given.quarter_bpm * faster))

    return play


def judge(index: covsearch.Index, concert: AudioConcert, file: Path) -> Heard:
    """Write a concert, ask for its setlist, and compare."""
    soundfile.write(file, concert.samples, RATE)
    begin = time.perf_counter()
    listened = index.listen(file)
    decoded = time.perf_counter()
    found = index.setlist(listened)
    end = time.perf_counter()
    named = [
        PlayedStretch(song.start, song.end, song.performance.wid or "") for song in found.songs if song.performance
    ]
    score = score_setlist(concert.played, named)
    return Heard(concert.seconds, concert.unknown, score, decoded - begin, end - decoded)


def total(heard: Sequence[Heard]) -> Heard:
    """All concerts together."""
    sums = {name: sum(getattr(one, name) for one in heard) for name in ("length", "unknown", "decoding", "seconds")}
    return Heard(score=total_score(one.score for one in heard), **sums)


def to_dict(one: Heard) -> dict[str, Any]:
    """One recording, ready for JSON; seconds."""
    told = {"decoding_seconds": round(one.decoding, 2), "setlist_seconds": round(one.seconds, 2)}
    return {"length": round(one.length, 2), "unknown": one.unknown, **score_dict(one.score), **told}


def markdown(part: str, index: int, heard: Sequence[Heard]) -> str:
    """The table, with what a reader must know below."""
    lines = table_head("s decoding and chroma", "s setlist")
    lines += [_row(f"concert {number}", one) for number, one in enumerate(heard, 1)]
    every = total(heard)
    hours = TWO_HOURS / every.length
    lines += [
        _row("all concerts", every),
        "",
        f"Audio files of the sample's {part} works, for an index of {index:,} performances: songs played by a sound",
        "font from another version than those in the index, up to 8 % faster or slower, in any key; between songs",
        "applause, silence, cross-fades or nothing. A song is right when its work is named and the named and the true",
        "stretch share at least half of what they cover together. Boundary errors are of right songs, in seconds.",
        f"Two hours at this pace: {hours * every.decoding:.0f} s to decode and make chroma,",
        f"{hours * every.seconds:.0f} s for the setlist.",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, one: Heard) -> str:
    return table_row(name, one.length, one.unknown, one.score, one.decoding, one.seconds)


if __name__ == "__main__":
    main()
