"""Which songs of a concert are found, and how near their begins and ends are.

Ten concerts (:mod:`benchmarks.concerts`) of works of the bundled sample that training never saw. Each song is another
performance than those in the index: of every work one performance is drawn for the concerts, and the index has all
other performances of the sample. Works with a single performance are the unknown songs, and are not in the index.

Run as ``python -m benchmarks.setlist``; writes the JSON and a Markdown table beside it. The recipe was chosen by
``--part validation``, where ``--recipe kept=6 penalty=2`` tries another one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import covsearch
from benchmarks.concerts import Concert, Frames, make_concert
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.evaluate.setlist import PlayedStretch, SetlistScore, score_setlist
from covsearch.features.slow import restored, slow_chroma
from covsearch.hearing import HeardOutside
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.search import open_searcher
from covsearch.setlist import SetlistRecipe
from covsearch.setlist.find import scope_of, songs_in
from covsearch.stages import Scope
from covsearch.store import in_memory
from covsearch.workspace import Workspace

CONCERTS = 10
TWO_HOURS = 7_200.0
_COLUMNS = (
    "recording", "minutes", "songs", "unknown", "named", "right", "precision", "recall", "F1",
    "boundary error, median", "mean",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stage:
    """An index, and what is played for it.

    Attributes
    ----------
    scope : Scope
        The index.
    works : list of str
        Of its performances, by row.
    known : dict
        Work -> recordings of it that the index does not have.
    unknown : list
        Recordings of works that it does not have.
    rate : float
        Frames/s of the recordings.
    checkpoint : Checkpoint
    """

    scope: Scope
    works: list[str]
    known: dict[str, list[Frames]]
    unknown: list[Frames]
    rate: float
    checkpoint: Checkpoint


@dataclass(frozen=True, eq=False)
class Run:
    """One recording: what was found, in how many seconds of the clock and of the processor."""

    concert: Concert
    score: SetlistScore
    seconds: float
    processor: float

    @property
    def length(self) -> float:
        """Seconds of the recording."""
        return len(self.concert.chroma) / self.concert.rate


def main() -> None:
    """Judge every concert, time two hours, write and print the table."""
    args = _arguments().parse_args()
    recipe = recipe_of(args.recipe)
    with tempfile.TemporaryDirectory() as home:
        stage = set_stage(args.part, args.seed, Path(home))
        runs = [run(stage, concert, recipe) for concert in concerts(stage, args.concerts, args.seed)]
        timed = None if args.untimed else run(stage, two_hours(stage, args.seed), recipe)
    result = {
        "provenance": provenance("setlist", args.seed),
        "part": args.part,
        "index": len(stage.works),
        "recipe": asdict(recipe),
        "concerts": [to_dict(one) for one in runs],
        "all": score_dict(total(one.score for one in runs)),
        "two_hours": to_dict(timed) if timed else None,
    }
    write_table(args.out, result, markdown(args.part, len(stage.works), runs, timed))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("validation", "test"), default="test", help="whose works are played")
    parser.add_argument("--concerts", type=int, default=CONCERTS)
    parser.add_argument("--recipe", nargs="*", default=[], metavar="NAME=VALUE", help="fields of SetlistRecipe")
    parser.add_argument("--untimed", action="store_true", help="leave out the two hours")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "setlist.json")
    return parser


def recipe_of(changes: list[str]) -> SetlistRecipe:
    """The default recipe with some fields changed, ``kept=6``."""
    kinds = {field.name: type(getattr(SetlistRecipe(), field.name)) for field in fields(SetlistRecipe)}
    values: dict[str, Any] = {}
    for name, _, value in (change.partition("=") for change in changes):
        numbers = tuple(map(float, value.split(",")))
        values[name] = numbers if kinds[name] is tuple else kinds[name](value)
    return replace(SetlistRecipe(), **values)


def set_stage(part: str, seed: int, home: Path) -> Stage:
    """The index, and the recordings that it does not have."""
    covsearch.build(home=home)
    searcher = open_searcher(Workspace(home))
    dataset = open_dataset(sample_root(), ("hpcp",))
    names = list(searcher.collection.names)
    work = {name: performance.wid or "" for name, performance in searcher.catalogue.get(names).items()}
    known, unknown = drawn({name: work[name] for name in names}, part, seed)
    played = {*known.values(), *unknown}
    rows = [row for row, name in enumerate(names) if name not in played]
    whole = scope_of(searcher)
    assert searcher.chroma is not None
    collection = in_memory([names[row] for row in rows], searcher.collection.take(rows), searcher.collection.head)
    return Stage(
        scope=replace(whole, collection=collection, chroma=searcher.chroma.take(rows)),
        works=[work[names[row]] for row in rows],
        known={wid: [_read(dataset, name)] for wid, name in known.items()},
        unknown=[_read(dataset, name) for name in unknown],
        rate=dataset.frame_rate,
        checkpoint=load_checkpoint(bundled_checkpoint()),
    )


def drawn(work: Mapping[str, str], part: str, seed: int) -> tuple[dict[str, str], list[str]]:
    """One performance of every work of `part`: by work where it has another one, and those of the other works.

    Parameters
    ----------
    work : mapping
        Performance -> its work, of the whole sample.
    part : str
    seed : int
    """
    of_part, rng = sample_split().part_of(), np.random.default_rng(seed)
    versions: dict[str, list[str]] = defaultdict(list)
    for pid, wid in work.items():
        if of_part[wid] == part:
            versions[wid].append(pid)
    taken = {wid: pids[int(rng.integers(len(pids)))] for wid, pids in sorted(versions.items())}
    known = {wid: pid for wid, pid in taken.items() if len(versions[wid]) > 1}
    return known, [pid for wid, pid in taken.items() if wid not in known]


def _read(dataset: Dataset, pid: str) -> Frames:
    return read_chroma(dataset.files[pid]["hpcp"], "hpcp")


def concerts(stage: Stage, count: int, seed: int) -> list[Concert]:
    """`count` concerts, each drawn with a seed of its own."""
    rngs = [np.random.default_rng([seed, number]) for number in range(count)]
    return [make_concert(stage.known, stage.unknown, stage.rate, rng) for rng in rngs]


def two_hours(stage: Stage, seed: int) -> Concert:
    """One recording of two hours: concerts one after the other."""
    chroma: list[NDArray[np.float32]] = []
    played: list[PlayedStretch] = []
    unknown = now = number = 0
    least = round(TWO_HOURS * stage.rate)
    while now < least:
        one = make_concert(stage.known, stage.unknown, stage.rate, np.random.default_rng([seed, 1, number]))
        later = now / one.rate
        played += [PlayedStretch(song.start + later, song.end + later, song.work) for song in one.played]
        chroma.append(one.chroma)
        unknown, now, number = unknown + one.unknown, now + len(one.chroma), number + 1
    inside = tuple(song for song in played if song.end * stage.rate <= least)
    return Concert(np.concatenate(chroma)[:least], stage.rate, inside, unknown)


def run(stage: Stage, concert: Concert, recipe: SetlistRecipe) -> Run:
    """Find the songs of one recording, and judge what was found."""
    wall, processor = time.perf_counter(), time.process_time()
    heard = HeardOutside(stage.checkpoint, {"hpcp": concert.chroma}, concert.rate)
    stored, rate = slow_chroma(heard.chroma, ("hpcp",), heard.rate)
    songs = songs_in(stage.scope, heard, restored(stored), recipe)
    seconds, spent = time.perf_counter() - wall, time.process_time() - processor
    named = [
        PlayedStretch(song.candidate.start / rate, song.candidate.end / rate, stage.works[song.row]) for song in songs
    ]
    found = Run(concert, score_setlist(concert.played, named), seconds, spent)
    print(f"{found.length / 60:.0f} minutes: {score_dict(found.score)}, {seconds:.1f} s", file=sys.stderr)
    return found


def total(scores: Iterable[SetlistScore]) -> SetlistScore:
    """All concerts together."""
    return sum(scores, SetlistScore(0, 0, 0, np.empty(0)))


def score_dict(score: SetlistScore) -> dict[str, Any]:
    """A score as plain values, errors in seconds; None where there is no error to tell."""
    errors = score.boundary_errors
    return {
        "played": score.played,
        "named": score.named,
        "right": score.right,
        "precision": round(score.precision, 4),
        "recall": round(score.recall, 4),
        "f1": round(score.f1, 4),
        "boundary_error_median": round(float(np.median(errors)), 3) if len(errors) else None,
        "boundary_error_mean": round(float(errors.mean()), 3) if len(errors) else None,
        "boundary_error_90th": round(float(np.percentile(errors, 90)), 3) if len(errors) else None,
    }


def to_dict(one: Run) -> dict[str, Any]:
    """One recording, ready for JSON."""
    told = {"seconds": round(one.seconds, 2), "processor_seconds": round(one.processor, 2)}
    return {"length": round(one.length, 2), "unknown": one.concert.unknown, **score_dict(one.score), **told}


def markdown(part: str, index: int, runs: list[Run], timed: Run | None) -> str:
    """The table, with what a reader must know below."""
    lines = table_head("s", "s of the processor")
    for number, one in enumerate(runs, 1):
        row = (one.length, one.concert.unknown, one.score, one.seconds, one.processor)
        lines.append(table_row(f"concert {number}", *row))
    sums = [sum(getattr(one, name) for one in runs) for name in ("length", "seconds", "processor")]
    unknown, score = sum(one.concert.unknown for one in runs), total(one.score for one in runs)
    lines.append(table_row("all concerts", sums[0], unknown, score, *sums[1:]))
    if timed:
        row = (timed.length, timed.concert.unknown, timed.score, timed.seconds, timed.processor)
        lines.append(table_row("two hours", *row))
    said = (
        f"Concerts of the sample's {part} works, for an index of {index:,} performances: for every song another",
        "performance than those in the index, up to 8 % faster or slower, in any key, with noise; between songs",
        "applause, silence, cross-fades or nothing. A song is right when its work is named and the named and the true",
        "stretch share at least half of what they cover together. Boundary errors are of right songs, in seconds.",
    )
    return "\n".join([*lines, "", *said]) + "\n"


def table_head(*seconds: str) -> list[str]:
    """The first two lines of a table; `seconds` names its last columns."""
    names = (*_COLUMNS, *seconds)
    return [f"| {' | '.join(names)} |", f"|---|{'---:|' * (len(names) - 1)}"]


def table_row(name: str, length: float, unknown: int, score: SetlistScore, *seconds: float) -> str:
    """One recording's line: its seconds, its songs that the index does not have, the score, and what was timed."""
    told = score_dict(score)
    shares = [f"{told[key]:.3f}" for key in ("precision", "recall", "f1")]
    keys = ("boundary_error_median", "boundary_error_mean")
    errors = ["" if told[key] is None else f"{told[key]:.2f}" for key in keys]
    counts = (score.played, unknown, score.named, score.right)
    values = [f"{length / 60:.1f}", *counts, *shares, *errors, *(f"{one:.1f}" for one in seconds)]
    return f"| {' | '.join([name, *map(str, values)])} |"


if __name__ == "__main__":
    main()
