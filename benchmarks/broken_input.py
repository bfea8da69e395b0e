"""Every kind of broken dataset, with the message and exit code that a user gets.

Run ``python -m benchmarks.broken_input``: it makes each folder of :mod:`benchmarks.hostile_trees` in a temporary
folder, runs ``covsearch dataset info DIR --strict --check`` on it as a process of its own, prints a table and
writes ``benchmarks/results/broken_input.json``. It ends with 1 if any message or exit code is not the expected
one, or if a process takes more than 500 MB.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.hostile_trees import BROKEN_TREES, write_tree
from benchmarks.provenance import provenance, write_result

COMMAND = (sys.executable, "-m", "covsearch", "dataset", "info")
MAX_MB = 500


def run(root: Path, *options: str) -> dict[str, Any]:
    """Run the command on `root`: exit code, message (paths below `root` shown as DIR), seconds, peak MB."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([*COMMAND, str(root), *options], stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)  # the peak of this child alone
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        lines = [line for line in errors.read().splitlines() if not line.startswith("reading ")]
    return {
        "exit_code": process.returncode,
        "message": "\n".join(lines).replace(str(root), "DIR").strip(),
        "seconds": round(time.perf_counter() - started, 2),
        "peak_mb": usage.ru_maxrss // 1024,
    }


def study(folder: Path) -> Iterator[dict[str, Any]]:
    """One row a kind; the first is the sound folder that the others are broken copies of."""
    write_tree(folder / "sound")
    yield {"kind": "nothing: a sound folder", "as_expected": True, **run(folder / "sound", "--strict", "--check")}
    for number, (kind, tree) in enumerate(BROKEN_TREES.items()):
        root = folder / f"tree-{number}"
        tree.build(root)
        row = run(root, "--strict", "--check")
        told = re.search(tree.message, row["message"]) is not None and "Traceback" not in row["message"]
        expected = told and row["exit_code"] == tree.exit_code and row["peak_mb"] < MAX_MB
        yield {"kind": kind, "as_expected": expected, **row}


def main() -> int:
    """Run the study, print and write it."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for row in study(Path(folder).resolve()):
            rows.append(row)
            mark = "" if row["as_expected"] else "  <- NOT AS EXPECTED"
            print(f"{row['kind']:42} {row['exit_code']}  {row['message']}{mark}", flush=True)
    wrong = [row["kind"] for row in rows if not row["as_expected"]]
    print(f"{len(rows) - 1} kinds, {len(wrong)} not as expected, peak {max(r['peak_mb'] for r in rows)} MB")
    write_result("broken_input", {"provenance": provenance("python -m benchmarks.broken_input", seed=0), "rows": rows})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
