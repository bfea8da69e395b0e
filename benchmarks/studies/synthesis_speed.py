"""What a synthesised cover costs, beside the prototype's generator on the same songs.

Both make covers of the same songs, turn by turn in one process with one thread: stretches of 300 frames, as training
asks for, and whole songs. A ratio is of two neighbouring turns. The prototype is read from ``../shared/prototype``
where that is there.

Run as ``python -m benchmarks.studies.synthesis_speed --songs POP909``; writes the JSON and a Markdown table beside it.
"""

from __future__ import annotations

import argparse
import runpy
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.studies.midi_songs import add_songs, read_songs, spread_files
from covsearch.synthesis import CoverMaker, Song
from covsearch.synthesis.song import HIGH, LOW, MELODY, SECOND

PROTOTYPE = Path(__file__).resolve().parents[3] / "shared" / "prototype" / "gen.py"
LAYERS = {"MELODY": MELODY, "BRIDGE": SECOND, "PHIGH": HIGH, "PLOW": LOW}
BATCH, FRAMES, HARDNESS = 72, 300, 0.9
HERE, THERE = "covsearch", "prototype"
WARM_UP = 1

Way = Callable[[NDArray[np.int64], np.random.Generator], object]
"""Positions of the songs to make covers of."""


def main() -> None:
    """Measure, print and write ``benchmarks/results/synthesis_speed.json`` and ``.md``."""
    args = _arguments().parse_args()
    songs = read_songs(spread_files(args.songs, args.limit))
    prototype = load_prototype(PROTOTYPE)
    with threadpool_limits(1):
        cases = [study(songs, prototype, frames, args.rounds, args.seed) for frames in (FRAMES, None)]
    result = {
        "provenance": provenance(
            shlex.join(["python", "-m", "benchmarks.studies.synthesis_speed", *sys.argv[1:]]), args.seed
        ),
        "songs": len(songs),
        "batch": BATCH,
        "hardness": HARDNESS,
        "rounds": args.rounds,
        "note": "" if prototype else f"the prototype was not measured: {PROTOTYPE} is not there",
        "cases": cases,
    }
    write_table(RESULTS / "synthesis_speed.json", result, markdown(result))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_songs(parser)
    parser.add_argument("--limit", type=int, default=100, help="songs, evenly spread over the folder [100]")
    parser.add_argument("--rounds", type=int, default=15, help=f"turns of {BATCH} covers each [15]")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def load_prototype(path: Path) -> Any:
    """The prototype's module; None where it is not."""
    if not path.is_file():
        return None
    return SimpleNamespace(**runpy.run_path(str(path)))


def as_prototype(song: Song) -> dict[str, Any]:
    """A song as the prototype keeps it: per layer its notes, and the note and the age of every step that sounds."""
    return {
        "name": song.name,
        "n": song.steps,
        "lay": {name: _layer(song, number) for name, number in LAYERS.items()},
        "ch": song.chords,
        "spb": song.beat,
    }


def _layer(song: Song, number: int) -> dict[str, NDArray[Any]]:
    notes, mine = song.notes, song.notes.layer == number
    length, pitch = notes.length[mine], notes.pitch[mine]
    first = np.cumsum(length) - length
    return {
        "note_s": notes.start[mine].astype(np.int32),
        "nid": np.repeat(np.arange(len(length)), length).astype(np.int32),
        "age": (np.arange(length.sum()) - np.repeat(first, length)).astype(np.int32),
        "pc": (pitch % 12).astype(np.int32),
        "vel": notes.velocity[mine].astype(np.float32),
        "midi": pitch.astype(np.int32),
    }


def study(songs: list[Song], prototype: Any, frames: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """CPU milliseconds a cover of each way, and how many times as long the prototype takes; min, median and max."""
    maker = CoverMaker(songs)
    ways: dict[str, Way] = {HERE: lambda which, rng: maker.make(which.tolist(), rng, hardness=HARDNESS, frames=frames)}
    if prototype is not None:
        known = [as_prototype(song) for song in songs]
        how: dict[str, Any] = {"full": True} if frames is None else {"T": frames}
        ways[THERE] = lambda which, rng: [prototype.version(rng, known[i], hard=HARDNESS, **how) for i in which]
    ms = take_turns(ways, len(songs), rounds, seed)
    found: dict[str, Any] = {"frames": frames, "ms": {name: spread(each) for name, each in ms.items()}}
    if prototype is not None:
        found["ratio"] = spread(ms[THERE] / ms[HERE])
    return found


def take_turns(ways: dict[str, Way], songs: int, rounds: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """CPU milliseconds a cover of every way, one number a round; in a round all make covers of the same songs."""
    rng = np.random.default_rng(seed)
    ms: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(WARM_UP + rounds):
        which = rng.integers(songs, size=BATCH)
        for name, way in ways.items():
            started = time.process_time()
            way(which, rng)
            if i >= WARM_UP:
                ms[name].append(1000 * (time.process_time() - started) / BATCH)
    return {name: np.array(each) for name, each in ms.items()}


def spread(values: NDArray[np.float64]) -> dict[str, float]:
    """Least, median and greatest."""
    return {
        "min": round(float(values.min()), 3),
        "median": round(float(np.median(values)), 3),
        "max": round(float(values.max()), 3),
    }


def markdown(result: dict[str, Any]) -> str:
    """A line a case, and the conditions below."""
    names = list(result["cases"][0]["ms"])
    header = ["frames", *(f"{name}, ms a cover" for name in names), *([f"{THERE} / {HERE}"] if len(names) > 1 else [])]
    lines = [f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
    for case in result["cases"]:
        cells = [f"{case['ms'][name]['median']:.2f} ({_range(case['ms'][name])})" for name in names]
        if "ratio" in case:
            cells.append(f"**{case['ratio']['median']:.2f}** ({_range(case['ratio'])})")
        lines.append(f"| {' | '.join([str(case['frames'] or 'whole songs'), *cells])} |")
    facts = result["provenance"]
    lines += [
        "",
        f"Median (least-greatest) of {result['rounds']} turns of {result['batch']} covers of {result['songs']} songs,",
        f"hardness {result['hardness']:g}; CPU time, one thread, load {facts['load_1min']} on {facts['cores']} cores:",
        "compare ratios, not milliseconds.",
    ]
    return "\n".join([*lines, *([result["note"].capitalize() + "."] if result["note"] else [])]) + "\n"


def _range(values: dict[str, float]) -> str:
    return f"{values['min']:.2f}-{values['max']:.2f}"


if __name__ == "__main__":
    main()
