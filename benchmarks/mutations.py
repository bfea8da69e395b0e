"""Damage every file of an index in every way, and count what is found: ``python -m benchmarks.mutations``.

Every artefact of a generation (database, manifest and ``CURRENT`` too) is truncated, has one bit flipped, is swapped
with the other generation's, emptied and deleted, at seeded random places; the mtime is set back every time. Each time
``covsearch verify``'s function and an open with queries look at it, once where the generation was never opened before,
and once where it was and is remembered as compared. One mutation of every kind is looked at by whole processes too.

Damage is found when both refuse it and name the file. ``CURRENT`` swapped with the other generation's is no damage: it
names that generation, manifest checksum and all, and answers come from it, whole, and say so. Ends with 1 if anything
else answers, if an answer changes silently, or if a sound index is refused. As a control the same mutations are opened
with the comparison of files switched off: that this harness sees silent changes is shown by those.

Remembering waits until files are two seconds old; that is shortened here, or this would take an hour. It makes the
test harder, not easier.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.errors import CovsearchError
from covsearch.index import generation, verified
from covsearch.index.generation import CURRENT
from covsearch.ranking import ALIGN, HEAD, WINDOWS
from covsearch.search import open_searcher
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace
from tests.hostile.workspace import (
    COUNT,
    KINDS,
    SWAP,
    Mutation,
    artefacts,
    build_two,
    keep,
    mutations,
    stamp_mutations,
)

TICK_S = 0.02  # more than the steps of file times
FRESH, REMEMBERED = "never opened", "remembered"
REFUSED, UNNAMED, CRASH = "refused, file named", "refused, file not named", "crash"
UNCHANGED, OTHER_WHOLE, SILENT = "the same answers", "the other generation's answers, whole", "SILENT CHANGE"
SOUND = "sound"

Answers = dict[str, Any]


@dataclass(frozen=True)
class Looked:
    """What an open with queries, and what verifying made of one mutation."""

    mutation: Mutation
    state: str
    open: str
    verify: str

    @property
    def as_it_should(self) -> bool:
        """Refused and named by both; or ``CURRENT`` naming the other generation, whole."""
        if self.mutation.path.endswith(CURRENT) and self.mutation.kind == SWAP:
            return (self.open, self.verify) == (OTHER_WHOLE, SOUND)
        return (self.open, self.verify) == (REFUSED, REFUSED)


def ask(workspace: Workspace) -> Answers:
    """Answers of all kinds from the current generation, the same whenever nothing changed."""
    searcher = open_searcher(workspace, windows=True)
    pids = searcher.collection.names[:: COUNT // 5]
    ranked = {f"{pid} {by}": searcher.query(pid, COUNT, rerank=by) for pid in pids for by in (HEAD, WINDOWS, ALIGN)}
    assert searcher.chroma is not None
    chroma = searcher.chroma.take(range(COUNT)).frames.tobytes()
    found = searcher.catalogue.find("singer title", COUNT)
    return {**ranked, "chroma": chroma, "found": found, "generation": searcher.generation.name}


def classify(error: Exception, mutation: Mutation) -> str:
    """Whether an error is a refusal, and names what was damaged."""
    if not isinstance(error, CovsearchError):
        return f"{CRASH}: {type(error).__name__}"
    named = CURRENT if mutation.path.endswith(CURRENT) else mutation.path
    return REFUSED if named in str(error) and "covsearch build-index" in str(error) else UNNAMED


def look_open(workspace: Workspace, mutation: Mutation, expected: Answers, other: Answers) -> str:
    """Open the index and ask it."""
    try:
        came = ask(workspace)
    except Exception as e:  # noqa: BLE001  whatever it is, it is counted
        return classify(e, mutation)
    return UNCHANGED if came == expected else OTHER_WHOLE if came == other else SILENT


def look_verify(workspace: Workspace, mutation: Mutation) -> str:
    """Verify the workspace."""
    try:
        problems = verify_workspace(workspace).current.problems
    except Exception as e:  # noqa: BLE001
        return classify(e, mutation)
    return classify(CovsearchError(" ".join(problems)), mutation) if problems else SOUND


def remember(workspace: Workspace) -> None:
    """Make an open remember the sound generation."""
    time.sleep(2 * TICK_S)
    ask(workspace)
    if not (workspace.index / verified.STAMP).is_file():
        raise RuntimeError("an open of a sound index did not remember it")


def study(
    workspace: Workspace, damages: Iterable[Mutation], states: Iterable[str], expected: Answers, other: Answers
) -> Iterator[Looked]:
    """Apply each mutation to the sound workspace, look at it, and put the file back."""
    restore = keep(workspace)
    for mutation in damages:
        for state in states:
            if state == REMEMBERED:
                remember(workspace)
            else:
                (workspace.index / verified.STAMP).unlink(missing_ok=True)
            mutation.apply(workspace.home)
            looked = (look_open(workspace, mutation, expected, other), look_verify(workspace, mutation))
            yield Looked(mutation, state, *looked)
            restore()


def run_commands(workspace: Workspace, mutation: Mutation) -> dict[str, Any]:
    """Exit code and message of ``covsearch query`` and ``verify`` as processes of their own."""
    restore = keep(workspace)
    mutation.apply(workspace.home)
    row: dict[str, Any] = {"artefact": mutation.path, "kind": mutation.kind}
    for words in (["query", "P_2001", "--json"], ["verify"]):
        command = [sys.executable, "-m", "covsearch", "--home", str(workspace.home), *words]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        message = run.stderr.replace(str(workspace.home), "HOME").strip()
        row[words[0]] = {"exit_code": run.returncode, "message": message}
    restore()
    return row


def refused(row: dict[str, Any]) -> bool:
    """Whether both commands ended with 4, or 3 for an index that is not there, and one line that names the file."""
    named = CURRENT if row["artefact"].endswith(CURRENT) else row["artefact"]
    both = (row["query"], row["verify"])
    return all(c["exit_code"] in (3, 4) and named in c["message"] and "\n" not in c["message"] for c in both)


def first_of_each(damages: Iterable[Mutation]) -> list[Mutation]:
    """One mutation of every kind of every artefact; without CURRENT's swap, which is no damage."""
    first: dict[tuple[str, str], Mutation] = {}
    for mutation in damages:
        first.setdefault((mutation.path, mutation.kind), mutation)
    first.pop((f"index/{CURRENT}", SWAP), None)
    return list(first.values())


def measure(flips: int, cuts: int, processes: bool, seed: int) -> dict[str, Any]:
    """Build the workspace, damage it and look; a JSON-ready result without its provenance."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(verified, "MARGIN_NS", int(TICK_S * 1e9)):
        workspace, old_current = build_two(Path(folder).resolve(), seed)
        expected, other = ask(workspace), answers_of(workspace, old_current)
        rng = np.random.default_rng(seed)
        damages = list(mutations(workspace, old_current, flips, cuts, rng))
        sizes = {path: (workspace.home / path).stat().st_size for path in artefacts()}
        looks = list(study(workspace, damages, (FRESH, REMEMBERED), expected, other))
        unchecked = list(control(workspace, damages, expected, other))
        stamps = list(study_stamps(workspace, flips, rng, expected, other))
        commands = [run_commands(workspace, mutation) for mutation in first_of_each(damages)] if processes else []
        sound = ask(workspace) == expected and not verify_workspace(workspace).current.problems
    swaps = [m for m in damages if m.kind == SWAP and m.data is not None]
    return {
        "mutations": len(damages),
        "looked_at": len(looks),
        "swaps": len(swaps),
        "swaps_of_the_same_size": sum(len(m.data or b"") == sizes[m.path] for m in swaps),
        "rows": list(rows(looks)),
        "stamp": {"mutations": len(stamps), "outcomes": dict(Counter(looked.open for looked in stamps))},
        "control": {SILENT: unchecked.count(SILENT), CRASH: sum(what.startswith(CRASH) for what in unchecked)},
        "commands": commands,
        "commands_not_refused": sum(not refused(row) for row in commands),
        "not_as_it_should": [_told(looked) for looked in looks if not looked.as_it_should],
        "silent_changes": sum(looked.open == SILENT for looked in (*looks, *stamps)),
        "sound_afterwards": sound,
    }


def answers_of(workspace: Workspace, current: bytes) -> Answers:
    """The answers when ``CURRENT`` holds `current`; puts it back."""
    path = workspace.index / CURRENT
    before = path.read_bytes()
    path.write_bytes(current)
    answers = ask(workspace)
    path.write_bytes(before)
    return answers


def control(workspace: Workspace, damages: Iterable[Mutation], expected: Answers, other: Answers) -> Iterator[str]:
    """What an open makes of the mutations when it compares neither sizes nor checksums."""
    restore = keep(workspace)
    for mutation in damages:
        mutation.apply(workspace.home)
        with mock.patch.object(generation, "check_files"):
            yield look_open(workspace, mutation, expected, other)
        restore()


def study_stamps(
    workspace: Workspace, flips: int, rng: np.random.Generator, expected: Answers, other: Answers
) -> Iterator[Looked]:
    """Damage what an open remembers, with sound files: nothing may come of it but another comparison."""
    remember(workspace)
    stamp = (workspace.index / verified.STAMP).read_bytes()
    for mutation in stamp_mutations(stamp, flips, rng):
        remember(workspace)
        mutation.apply(workspace.home)
        yield Looked(
            mutation,
            REMEMBERED,
            look_open(workspace, mutation, expected, other),
            look_verify(workspace, mutation),
        )


def rows(looks: Sequence[Looked]) -> Iterator[dict[str, Any]]:
    """One row an artefact and kind, both states together: how many, and what came of them."""
    for path in artefacts():
        for kind in KINDS:
            here = [looked for looked in looks if (looked.mutation.path, looked.mutation.kind) == (path, kind)]
            yield {
                "artefact": path,
                "kind": kind,
                "looked_at": len(here),
                "open": dict(Counter(looked.open for looked in here)),
                "verify": dict(Counter(looked.verify for looked in here)),
            }


def _told(looked: Looked) -> dict[str, Any]:
    m = looked.mutation
    where = {"artefact": m.path, "kind": m.kind, "in_place": m.in_place, "state": looked.state}
    return {**where, "size": None if m.data is None else len(m.data), "open": looked.open, "verify": looked.verify}


def markdown(result: dict[str, Any]) -> str:
    """The result as a page."""
    lines = [
        "| artefact | damage | looked at | refused by an open | by `verify` | otherwise |",
        "|---|---|---:|---:|---:|---|",
    ]
    for row in result["rows"]:
        counts = [row[name].get(REFUSED, 0) for name in ("open", "verify")]
        others = [f"{n} × {what}" for what, n in row["open"].items() if what != REFUSED]
        cells = (f"`{row['artefact']}`", row["kind"], row["looked_at"], *counts, ", ".join(others))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, "", *summary(result)]) + "\n"


def summary(result: dict[str, Any]) -> Iterator[str]:
    """What is to be read first."""
    yield (
        f"{result['mutations']:,} mutations, each looked at where the generation was never opened before and where it "
        f"is remembered as compared: {result['looked_at']:,}. {result['swaps_of_the_same_size']} of {result['swaps']} "
        f'swapped files have the size of the right one. "Refused" counts only messages that name the file.\n'
    )
    stamp, control = result["stamp"], result["control"]
    outcomes = ", ".join(f"{n} × {what}" for what, n in stamp["outcomes"].items())
    yield f"- silent changes of answers: **{result['silent_changes']}**"
    yield f"- not refused by both, and not an index that is whole: **{len(result['not_as_it_should'])}**"
    yield (
        f"- `covsearch query` and `covsearch verify` as processes, {len(result['commands'])} mutations: "
        f"{result['commands_not_refused']} not refused"
    )
    yield (
        f"- control, the same mutations opened with the comparison of files switched off: {control[SILENT]} silent "
        f"changes, {control[CRASH]} exceptions that are no refusal"
    )
    yield f"- `verified.json` damaged {stamp['mutations']} times, files sound: {outcomes}"
    yield f"- the index afterwards: {'sound' if result['sound_afterwards'] else 'BROKEN'}\n"
    yield (
        "`CURRENT` swapped with the one before names that generation with the right checksum: answers come from it, "
        "whole, and name it, and `verify` lists the newer one as not published. That is how one goes back."
    )


def main() -> int:
    """Measure, print and write ``benchmarks/results/mutations.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=40, help="bits flipped in every file [40]")
    parser.add_argument("--cuts", type=int, default=10, help="lengths to which every file is cut [10]")
    parser.add_argument("--no-processes", dest="processes", action="store_false", help="leave the commands out")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    result = measure(args.flips, args.cuts, args.processes, args.seed)
    payload = {"provenance": provenance("mutations", args.seed), **result}
    write_table(RESULTS / "mutations.json", payload, markdown(result))
    found = (result["not_as_it_should"], result["silent_changes"], result["commands_not_refused"])
    return 1 if any(found) or not result["sound_afterwards"] else 0


if __name__ == "__main__":
    sys.exit(main())
