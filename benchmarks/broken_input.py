"""Every kind of broken input, with the message and exit code that a user gets.

Run ``python -m benchmarks.broken_input``: it makes each kind of :mod:`tests.hostile.trees` (Da-TACOS folders),
:mod:`tests.hostile.models` (checkpoints) and :mod:`tests.hostile.songs` (MIDI folders) in a temporary
folder, runs the command that reads it as a process of its own, and writes ``benchmarks/results/broken_input.md``, a
line a kind, and ``.json``, the totals. It ends with 1 if any message or exit code is not the expected one, there is a
traceback, or a process takes more than 500 MB.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.children import run_child
from benchmarks.provenance import RESULTS, provenance, write_result
from tests.hostile.models import BROKEN_MODELS, write_checkpoint
from tests.hostile.songs import BROKEN_SONGS
from tests.hostile.trees import BROKEN_TREES, BrokenTree, write_tree

MAX_MB = 500
BROKEN = {**BROKEN_TREES, **BROKEN_MODELS, **BROKEN_SONGS}
SOUND = {
    "a sound dataset": BrokenTree(write_tree, 0, "^$"),
    "a sound model": BrokenTree(write_checkpoint, 0, "^$", ("model", "show", "DIR", "--json")),
}


def run(root: Path, tree: BrokenTree) -> dict[str, Any]:
    """Run the kind's command on `root`: exit code, message (`root` shown as DIR), seconds, peak MB."""
    command = [word.replace("DIR", str(root)) for word in tree.command]
    home = ("--home", str(root.parent / "home"))
    done = run_child([sys.executable, "-m", "covsearch", *home, *command], environment={"OMP_NUM_THREADS": "1"})
    told = "" if done.exit_code == 0 else done.output  # what it answers is not the matter here
    return {
        "exit_code": done.exit_code,
        "message": told.replace(str(root), "DIR").strip(),
        "seconds": round(done.seconds, 2),
        "peak_mb": done.peak_mb,
    }


def study(folder: Path, kinds: dict[str, BrokenTree]) -> Iterator[dict[str, Any]]:
    """One row a kind."""
    for number, (kind, tree) in enumerate(kinds.items()):
        root = folder / f"tree-{number}"
        tree.build(root)
        row = run(root, tree)
        told = re.search(tree.message, row["message"]) is not None and "Traceback" not in row["message"]
        expected = told and row["exit_code"] == tree.exit_code and row["peak_mb"] < MAX_MB
        yield {"kind": kind, "command": " ".join(tree.command[:2]), "as_expected": expected, **row}


def totals(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the JSON has: counts, the highest memory and time, and whole rows only where something was not expected."""
    codes: dict[str, Counter[str]] = {}
    for row in rows:
        codes.setdefault(row["command"], Counter())[str(row["exit_code"])] += 1
    return {
        "kinds": len(rows),
        "refused": sum(row["exit_code"] != 0 for row in rows),
        "tracebacks": sum("Traceback" in row["message"] for row in rows),
        "peak_mb": max(row["peak_mb"] for row in rows),
        "seconds": max(row["seconds"] for row in rows),
        "exit_codes": codes,
        "not_as_expected": [row for row in rows if not row["as_expected"]],
    }


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """The result as Markdown: one line a kind."""
    found = totals(rows)
    lines = [
        f"{found['refused']} kinds of broken input refused, "
        f"{len(found['not_as_expected'])} of {len(rows)} not as expected; "
        f"at most {found['peak_mb']} MB and {found['seconds']:.0f} s each (limit {MAX_MB} MB), "
        f"tracebacks: {found['tracebacks']}.",
        "",
        "| kind | command | exit code | message | MB |",
        "|---|---|---:|---|---:|",
    ]
    for row in rows:
        message = row["message"].splitlines()[0] if row["message"] else ""
        shown = message.removeprefix("Error: ").replace("|", "\\|")[:220]
        lines.append(f"| {row['kind']} | {row['command']} | {row['exit_code']} | {shown} | {row['peak_mb']} |")
    return "\n".join(lines) + "\n"


def run_study(
    name: str,
    about: str,
    study: Callable[[Path], Iterator[dict[str, Any]]],
    summary: Callable[[Sequence[dict[str, Any]]], str],
) -> int:
    """Run a study that makes a row a kind in a folder, print and write it; 1 when anything was not as expected."""
    argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in study(Path(folder).resolve()):
            rows.append(row)
            mark = "" if row["as_expected"] else "  <- NOT AS EXPECTED"
            print(f"{row['kind']:42} {row['exit_code']} {row['peak_mb']:4} MB  {row['message']}{mark}", flush=True)
    write_result(name, {"provenance": provenance(name, 0), **totals(rows)})
    (RESULTS / f"{name}.md").write_text(summary(rows), encoding="utf-8")
    print(summary(rows).splitlines()[0])
    return 0 if all(row["as_expected"] for row in rows) else 1


def main() -> int:
    """Run the study, print and write it."""
    return run_study("broken_input", __doc__, lambda folder: study(folder, {**SOUND, **BROKEN}), summary)


if __name__ == "__main__":
    sys.exit(main())
