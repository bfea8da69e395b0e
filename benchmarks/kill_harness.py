"""What is left of the index when its builder is killed: ``python -m benchmarks.kill_harness``.

A first build, a rebuild, an addition and a removal are each killed with SIGKILL before, half-way through and after
every call of every step in :data:`tests.crash.points.STEPS`, and at random moments. Afterwards the index must
answer every query, by the head and by windows, exactly as before the operation or exactly as after it, with every
checksum of its manifest; and the same operation, run again, must succeed, give the new answers, and leave nothing
lying there. Then readers query in a loop while builds replace the index, and a second builder tries to get in.

Every operation runs in a fork of this process, which has torch imported: hundreds of kills take minutes. The
collection is a few works of the bundled sample, the models are untrained. ``kill -9`` does not lose what the kernel
has not yet written to the disk; that files are flushed in the right order is tested in ``tests/index/test_publish.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.provenance import RESULTS, provenance
from covsearch import indexing as build
from covsearch import update
from covsearch.workspace import Workspace
from tests.crash import readers as crash_readers
from tests.crash.collection import Materials, prepare
from tests.crash.points import STEPS, Moment, die_at, record
from tests.crash.state import Answers, read_answers, remains

OPERATIONS = ("first build", "rebuild", "add", "remove")
_MOMENT = {"call", "delay_s", "litter"}
"""Of an outcome, what no table needs."""


@dataclass(frozen=True)
class Scenario:
    """An operation, the workspace it starts from, and what that answers before and after."""

    name: str
    start: Path
    run: Callable[[Workspace], object]
    old: Answers | None
    new: Answers


def scenarios(folder: Path, materials: Materials, names: list[str]) -> list[Scenario]:
    """Operations by name, each tried once without being killed, for the answers that it should give."""
    m = materials
    empty = folder / "empty"
    empty.mkdir()
    built = folder / "built"
    for _ in range(2):  # so that there is a generation to be removed
        _must(in_child(lambda: build.build_index(m.small, m.model, Workspace(built), windows=True)))
    runs: dict[str, tuple[Path, Callable[[Workspace], object]]] = {
        "first build": (empty, lambda home: build.build_index(m.small, m.model, home, windows=True)),
        "rebuild": (built, lambda home: build.build_index(m.large, m.other_model, home, windows=True)),
        "add": (built, lambda home: update.add_performances(home, [m.large])),
        "remove": (built, lambda home: update.remove_performances(home, m.some)),
    }
    made = []
    for name in names:
        start, run = runs[name]
        home = _copy(start, folder / "tried")
        _must(in_child(lambda run=run, home=home: run(home)))  # type: ignore[misc]
        new = read_answers(home)
        assert new is not None
        made.append(Scenario(name, start, run, read_answers(Workspace(start)), new))
        assert made[-1].old != new
    return made


def in_child(work: Callable[[], object], kill_after: float | None = None) -> int:
    """Run `work` in a fork, quietly; its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if not pid:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        try:
            work()
        except BaseException as e:  # noqa: BLE001, whatever it is, the parent must see that it was not well
            print(f"{type(e).__name__}: {e}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _must(code: int) -> None:
    if code:
        raise RuntimeError(f"an operation that nobody killed ended with {code}")


def _copy(start: Path, home: Path) -> Workspace:
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(start, home)
    return Workspace(home)


def moments(scenario: Scenario, home: Path) -> tuple[list[Moment], float]:
    """Every moment that an operation goes through, and how many seconds it takes."""
    noted = home.with_name("moments")
    workspace = _copy(scenario.start, home)

    def work() -> None:
        reached = record()
        scenario.run(workspace)
        noted.write_bytes(pickle.dumps(reached))

    _must(in_child(work))
    reached: list[Moment] = pickle.loads(noted.read_bytes())  # noqa: S301, written three lines above
    workspace = _copy(scenario.start, home)
    started = time.perf_counter()
    _must(in_child(lambda: scenario.run(workspace)))
    # the note itself is written as a text or binary file is
    return [moment for moment in reached if moment.step in STEPS], time.perf_counter() - started


def judge(scenario: Scenario, home: Workspace) -> dict[str, Any]:
    """What a killed operation left: which answers, and whether the next one mends everything."""
    try:
        answers = read_answers(home)
    except Exception as e:  # noqa: BLE001, every failure to answer is what this looks for
        return {"answers": "broken", "reason": f"{type(e).__name__}: {e}"}
    if answers not in (scenario.old, scenario.new):
        return {"answers": "broken", "reason": "neither the old answers nor the new ones"}
    found = {"answers": "old" if answers == scenario.old else "new", "litter": len(remains(home))}
    if in_child(lambda: scenario.run(home)):
        return {**found, "next": "failed"}
    if read_answers(home) != scenario.new:
        return {**found, "next": "wrong answers"}
    return {**found, "next": "left orphans" if remains(home) else "well"}


def kill_named(scenario: Scenario, home: Path, at: list[Moment]) -> list[dict[str, Any]]:
    """Kill an operation at each of some moments."""
    outcomes = []
    for moment in at:
        workspace = _copy(scenario.start, home)

        def work(moment: Moment = moment, workspace: Workspace = workspace) -> None:
            die_at(moment)
            scenario.run(workspace)

        code = in_child(work)
        if code != -signal.SIGKILL:
            raise RuntimeError(f"{scenario.name} was not killed {moment.when} {moment.step} {moment.call}: {code}")
        outcomes.append({**asdict(moment), **judge(scenario, workspace)})
    return outcomes


def kill_random(scenario: Scenario, home: Path, count: int, seconds: float, seed: int) -> list[dict[str, Any]]:
    """Kill an operation at random moments of its `seconds`, until `count` kills have met it alive."""
    rng = random.Random(f"{scenario.name} {seed}")
    outcomes: list[dict[str, Any]] = []
    while len(outcomes) < count:
        workspace = _copy(scenario.start, home)
        delay = rng.uniform(0, seconds)
        if in_child(lambda workspace=workspace: scenario.run(workspace), delay) == -signal.SIGKILL:  # type: ignore[misc]
            outcomes.append({"delay_s": delay, **judge(scenario, workspace)})
    return outcomes


def measure(scenario: Scenario, home: Path, per_step: int | None, count: int, seed: int) -> dict[str, Any]:
    """Kill one operation everywhere; `per_step` calls of a step at most, or all."""
    reached, seconds = moments(scenario, home)
    chosen = [moment for moment in reached if per_step is None or moment.call <= per_step]
    named = kill_named(scenario, home, chosen)
    by_chance = kill_random(scenario, home, count, seconds, seed)
    print(f"{scenario.name}: {len(named)} named and {len(by_chance)} random kills", file=sys.stderr)
    return {"seconds": seconds, "named": counted(named), "random": counted(by_chance)}


def counted(outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal outcomes as one with its number of ``kills``; what broke is kept with its moment."""
    kept = [{key: outcome[key] for key in outcome.keys() - _MOMENT} for outcome in outcomes if not broken([outcome])]
    times = Counter(tuple(sorted(outcome.items())) for outcome in kept)
    return [dict(key) | {"kills": count} for key, count in times.items()] + [
        outcome | {"kills": 1} for outcome in outcomes if broken([outcome])
    ]


def broken(outcomes: list[dict[str, Any]]) -> int:
    """How many kills left an index that does not answer as it should, now or after the next operation."""
    return sum(
        outcome.get("kills", 1) for outcome in outcomes if outcome["answers"] == "broken" or outcome["next"] != "well"
    )


def _tally(outcomes: list[dict[str, Any]], key: str) -> Counter[str]:
    """Kills by what an outcome has under `key`."""
    times: Counter[str] = Counter()
    for outcome in outcomes:
        times[outcome.get(key, "")] += outcome["kills"]
    return times


def markdown(result: dict[str, Any]) -> str:
    """The tables of `result`, for people."""
    rows = [outcome for row in result["operations"].values() for outcome in (*row["named"], *row["random"])]
    origin = result["provenance"]
    lines = [
        f"{_tally(rows, 'answers').total()} kills with SIGKILL, "
        f"{broken(rows)} of them broke the index or what came after. "
        f"`{origin['command']}`, seed {origin['seed']}, {origin['date'][:10]}, {origin['cpu']}, "
        f"Python {origin['python']}, covsearch {origin['versions']['covsearch']}.",
        "",
        "| operation | kills at named steps | at random moments | answered as before | as after | broken |"
        " next one failed | litter left by it |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in result["operations"].items():
        every = [*row["named"], *row["random"]]
        count, after = _tally(every, "answers"), _tally(every, "next")
        failed = after["failed"] + after["wrong answers"]
        kills = [_tally(row[which], "answers").total() for which in ("named", "random")]
        cells = (*kills, count["old"], count["new"], count["broken"], failed)
        lines.append(f"| {name} | {' | '.join(map(str, cells))} | {after['left orphans']} |")
    lines += ["", "| step | killed | answered as before | as after |", "|---|---:|---:|---:|"]
    named = [outcome for row in result["operations"].values() for outcome in row["named"]]
    for step in STEPS:
        count = _tally([outcome for outcome in named if outcome["step"] == step], "answers")
        if count:
            lines.append(f"| {step} | {count.total()} | {count['old']} | {count['new']} |")
    return "\n".join([*lines, "", *crash_readers.describe(result["readers"], result["builders"]), ""])


def main() -> int:
    """Measure, print and write ``kill_harness.json`` and ``.md``; 1 when anything broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS), metavar="NAME")
    parser.add_argument("--per-step", type=int, help="calls of each step to kill [all]")
    parser.add_argument("--random", type=int, default=100, help="random moments of each operation [100]")
    parser.add_argument("--reads", type=int, default=1000, help="reads while builds go on, at least [1000]")
    parser.add_argument("--rebuilds", type=int, default=20, help="rebuilds while readers read, at least [20]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results [benchmarks/results]")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        materials = prepare(folder / "materials", args.seed)
        operations = {
            scenario.name: measure(scenario, folder / "home", args.per_step, args.random, args.seed)
            for scenario in scenarios(folder, materials, args.operations)
        }
        readers = crash_readers.read_while_building(folder / "readers", materials, args.reads, args.rebuilds)
        builders = crash_readers.build_while_building(folder / "builders", materials)
    result = {"provenance": provenance("kill_harness", args.seed), "operations": operations, "readers": readers}
    result["builders"] = builders
    text = markdown(result)
    print(text)
    (args.out / "kill_harness.md").write_text(text, encoding="utf-8")
    (args.out / "kill_harness.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    bad = sum(broken([*row["named"], *row["random"]]) for row in operations.values())
    refused = all(attempt["exit_code"] == 1 for attempt in builders["second"].values())
    return 0 if not bad and not readers["failures"] and refused and builders["first_exit_code"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
