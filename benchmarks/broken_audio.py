"""Every kind of odd and broken audio, with the message and exit code that a user gets, and the memory that it takes.

Run ``python -m benchmarks.broken_audio``: it makes each kind of :mod:`tests.hostile.audio` in a folder of its own, runs
``covsearch extract`` on that as a process of its own, and writes ``benchmarks/results/broken_audio.md``, a line a kind,
and ``.json``, the totals. It ends with 1 if a kind is neither read nor refused as expected, there is a traceback, or a
process takes more than 1 GB.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.broken_input import run_study, totals
from benchmarks.children import run_child
from tests.hostile.audio import KINDS, READ, Kind

MAX_MB = 1024


def study(folder: Path, kinds: Mapping[str, Kind]) -> Iterator[dict[str, Any]]:
    """One row a kind."""
    for number, (name, kind) in enumerate(kinds.items()):
        root = folder / f"music-{number}"
        root.mkdir()
        kind.write(root / kind.name)
        words = ["extract", str(root), "--out", str(folder / f"features-{number}")]
        done = run_child([sys.executable, "-m", "covsearch", *words])
        message = "" if done.exit_code == 0 else done.output.replace(str(root), "DIR").strip()
        outcome = READ if done.exit_code == 0 else message
        sound = "Traceback" not in message and len(message.splitlines()) <= 1 and done.peak_mb < MAX_MB
        yield {
            "kind": name,
            "command": "extract DIR",
            "as_expected": sound and done.exit_code in (0, 4) and re.search(kind.expected, outcome) is not None,
            "exit_code": done.exit_code,
            "message": message,
            "seconds": round(done.seconds, 2),
            "peak_mb": done.peak_mb,
        }


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """The result as Markdown: one line a kind."""
    found = totals(rows)
    lines = [
        f"{len(rows)} kinds of audio: {len(rows) - found['refused']} read, {found['refused']} refused, "
        f"{len(found['not_as_expected'])} not as expected; at most {found['peak_mb']} MB each, "
        f"tracebacks: {found['tracebacks']}.",
        "",
        "| kind | exit code | message | MB |",
        "|---|---:|---|---:|",
    ]
    for row in rows:
        shown = row["message"].removeprefix("Error: ").replace("|", "\\|")[:200]
        lines.append(f"| {row['kind']} | {row['exit_code']} | {shown} | {row['peak_mb']} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the study, print and write it."""
    return run_study("broken_audio", __doc__, lambda folder: study(folder, KINDS), summary)


if __name__ == "__main__":
    sys.exit(main())
