"""What the checks cost: queries and builds with them and without, ``python -m benchmarks.cost_of_safety``.

Without them is :mod:`benchmarks.unchecked`, which replaces functions of covsearch. Both ways take turns in one run, so
that a busy machine slows both alike, and a ratio is the median over the rounds of the ratio within a round.

- Queries are of a generated collection of 15,000 performances (:mod:`benchmarks.query_latency`): the whole process, and
  a query of an open index inside a process. The index is remembered as compared, as it is from its second open on.
  Opening alone, which only the whole process does once a query, is told beside them, and so is the first open, which
  reads everything.
- Builds are of the bundled sample with the bundled weights, its features packed before; and publishing 15,000
  embedded performances alone, the part of a build that the checks are in. Flushing to the disk is no check: what that
  costs is told beside them.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.query_latency import build as publish_generated
from benchmarks.unchecked import FLUSHING, READING, WRITING, Replacements, without
from covsearch.index.verified import MARGIN_NS, STAMP
from covsearch.indexing import build_index
from covsearch.search import open_searcher
from covsearch.workspace import Workspace

PROCESS = "`covsearch query P_22`, whole process"
OPEN_QUERY = "open and query, in process"
QUERY = "query of an open index, in process"
FIRST = "first open and query, in process"
BUILD = "build of the bundled sample"
PUBLISH = "publishing embedded performances"
CHECKED, UNCHECKED, UNFLUSHED = "with checks", "without", "without, nor flushes"
GOALS = {PROCESS: 1.05, QUERY: 1.05, BUILD: 1.10}
WORDS = {CHECKED: "checked", UNCHECKED: "unchecked"}  # of benchmarks.unchecked


@dataclass(frozen=True)
class Way:
    """Something to time: a function that returns the seconds it took, and what is replaced while it runs."""

    seconds: Callable[[], float]
    replaced: tuple[Replacements, ...] = ()


Ways = Mapping[str, Way]


def timed(function: Callable[[], object], calls: int = 1) -> Callable[[], float]:
    """Seconds a call of `function`, the mean of `calls`."""

    def seconds() -> float:
        started = time.perf_counter()
        for _ in range(calls):
            function()
        return (time.perf_counter() - started) / calls

    return seconds


def take_turns(ways: Ways, rounds: int) -> dict[str, list[float]]:
    """Seconds of every way, one number a round; who begins alternates."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(rounds + 1):
        for name in list(ways)[:: 1 if i % 2 else -1]:
            with without(*ways[name].replaced):
                took = ways[name].seconds()
            if i:  # the first round fills the caches
                seconds[name].append(took)
    return seconds


def compared(what: str, seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """Median milliseconds of every way, and the median of the ratios of the checked one to the others."""
    checked = np.array(seconds[CHECKED])
    ratios = {name: round(float(np.median(checked / np.array(s))), 4) for name, s in seconds.items() if name != CHECKED}
    medians = {name: round(1000 * float(np.median(s)), 3) for name, s in seconds.items()}
    return {"what": what, "rounds": len(checked), "ms": medians, "ratios": ratios, "goal": GOALS.get(what)}


def alike(seconds: Callable[[], float]) -> Ways:
    """The same with the checks and without."""
    return {CHECKED: Way(seconds), UNCHECKED: Way(seconds, (READING, WRITING))}


def building(seconds: Callable[[], float]) -> Ways:
    """As :func:`alike`, and without flushes to the disk too."""
    return {**alike(seconds), UNFLUSHED: Way(seconds, (READING, WRITING, FLUSHING))}


def process(home: Path, which: str) -> Callable[[], object]:
    """A query as a process of its own, checked or not."""
    command = [sys.executable, "-m", "benchmarks.unchecked", which, "--home", str(home), "query", "P_22"]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def time_queries(folder: Path, count: int, rounds: int, seed: int) -> list[dict[str, Any]]:
    """Everything about queries, over one generated collection."""
    publish_generated(folder, count, seed)
    workspace, stamp = Workspace(folder), folder / "index" / STAMP
    time.sleep(1.1 * MARGIN_NS / 1e9)  # only files that are no longer young are remembered

    def answer() -> object:
        return open_searcher(workspace).query("P_22")

    def first() -> object:
        stamp.unlink(missing_ok=True)
        return answer()

    answer()
    if not stamp.is_file():
        raise RuntimeError("the index is not remembered as compared, so its later opens cannot be timed")
    searcher = open_searcher(workspace)
    ways = {
        PROCESS: {name: Way(timed(process(folder, word))) for name, word in WORDS.items()},
        OPEN_QUERY: alike(timed(answer, calls=3)),
        QUERY: alike(timed(lambda: searcher.query("P_22"), calls=20)),
        FIRST: alike(timed(first)),
    }
    return [compared(what, take_turns(both, rounds)) for what, both in ways.items()]


def time_builds(folder: Path, count: int, rounds: int, seed: int) -> list[dict[str, Any]]:
    """A whole build of the bundled sample, and publishing `count` generated performances."""
    numbers = iter(range(10**6))

    def publish() -> float:
        home = folder / f"published-{next(numbers)}"
        home.mkdir()
        return publish_generated(home, count, seed)  # seconds, without making the collection up

    workspace = Workspace(folder / "sample")
    ways = {BUILD: timed(lambda: build_index(None, None, workspace)), PUBLISH: publish}
    return [compared(what, take_turns(building(way), rounds)) for what, way in ways.items()]


def markdown(result: Mapping[str, Any]) -> str:
    """The result as a page."""
    lines = [
        "| what | with checks, ms | without, ms | ratio | goal | flushes to the disk, ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        ms, goal = row["ms"], f"≤ {row['goal']}" if row["goal"] else ""
        flushes = f"{ms[UNCHECKED] - ms[UNFLUSHED]:.1f}" if UNFLUSHED in ms else ""
        numbers = (f"{ms[CHECKED]:.2f}", f"{ms[UNCHECKED]:.2f}", f"{row['ratios'][UNCHECKED]:.3f}")
        lines.append(f"| {' | '.join((row['what'], *numbers, goal, flushes))} |")
    facts = result["provenance"]
    lines += [
        "",
        f"Queries and publishing of {result['performances']:,} performances; load {facts['load_1min']} on "
        f"{facts['cores']} cores: compare ratios, not milliseconds. Flushes are in all other numbers.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print and write ``benchmarks/results/cost_of_safety.json`` and ``.md``; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=15_000, help="generated performances [15000]")
    parser.add_argument("--rounds", type=int, default=41, help="of queries [41]")
    parser.add_argument("--build-rounds", type=int, default=11, help="of builds [11]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (folder := Path(name) / "queries").mkdir()
        rows = time_queries(folder, args.count, args.rounds, args.seed)
        rows += time_builds(Path(name), args.count, args.build_rounds, args.seed)
    command = shlex.join(["python", "-m", "benchmarks.cost_of_safety", *sys.argv[1:]])
    result = {"provenance": provenance(command, args.seed), "performances": args.count, "rows": rows}
    write_table(RESULTS / "cost_of_safety.json", result, markdown(result))
    return int(any(row["goal"] and row["ratios"][UNCHECKED] > row["goal"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
