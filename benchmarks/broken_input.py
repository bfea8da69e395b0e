"""Every kind of broken input, with the message and exit code that a user gets.

Run ``python -m benchmarks.broken_input``: it makes each kind of :mod:`tests.hostile.trees` (Da-TACOS folders),
:mod:`tests.hostile.models` (checkpoints) and :mod:`tests.hostile.songs` (MIDI folders) in a temporary
folder, runs the command that reads it as a process of its own, and writes ``benchmarks/results/broken_input.json`` and
``.md``. It ends with 1 if any message or exit code is not the expected one, there is a traceback, or a process takes
more than 500 MB.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
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


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """The result as Markdown: one line a kind."""
    broken = [row for row in rows if row["exit_code"] != 0]
    peak, slowest = max(row["peak_mb"] for row in rows), max(row["seconds"] for row in rows)
    wrong = sum(not row["as_expected"] for row in rows)
    lines = [
        f"{len(broken)} kinds of broken input refused, {wrong} of {len(rows)} not as expected; at most {peak} MB and "
        f"{slowest:.0f} s each (limit {MAX_MB} MB), tracebacks: {sum('Traceback' in row['message'] for row in rows)}.",
        "",
        "| kind | command | exit code | message | MB |",
        "|---|---|---:|---|---:|",
    ]
    for row in rows:
        message = row["message"].splitlines()[0] if row["message"] else ""
        shown = message.removeprefix("Error: ").replace("|", "\\|")[:220]
        lines.append(f"| {row['kind']} | {row['command']} | {row['exit_code']} | {shown} | {row['peak_mb']} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the study, print and write it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in study(Path(folder).resolve(), {**SOUND, **BROKEN}):
            rows.append(row)
            mark = "" if row["as_expected"] else "  <- NOT AS EXPECTED"
            print(f"{row['kind']:42} {row['exit_code']} {row['peak_mb']:4} MB  {row['message']}{mark}", flush=True)
    write_result("broken_input", {"provenance": provenance("python -m benchmarks.broken_input", seed=0), "rows": rows})
    (RESULTS / "broken_input.md").write_text(summary(rows), encoding="utf-8")
    print(summary(rows).splitlines()[0])
    return 0 if all(row["as_expected"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
