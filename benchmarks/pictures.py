"""Draw the README's pictures. Run as ``python -m benchmarks.pictures``.

What ``covsearch query P_22`` prints, as SVG, and what ``covsearch compare`` draws of two settings of one hymn and of
two works, as PNG.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 112
DOCS = Path(__file__).resolve().parents[1] / "docs"
PAIRS = {"compare_cover.png": ("P_22", "P_20"), "compare_other.png": ("P_22", "P_35")}


def main() -> None:
    """Index the bundled sample in a temporary workspace, query it, compare, and keep the pictures."""
    with tempfile.TemporaryDirectory() as home:
        covsearch(home, "build-index")
        answer = covsearch(home, "query", "P_22", "--top", "10")
        for name, pair in PAIRS.items():
            covsearch(home, "compare", *pair, "--plot", str(DOCS / name))
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    console.print(Text.from_ansi("$ covsearch query P_22 --top 10\n" + answer))
    console.save_svg(str(DOCS / "query.svg"), title="covsearch", unique_id="covsearch")


def covsearch(home: str, *arguments: str) -> str:
    """What a command prints in a terminal of :data:`WIDTH` columns, with colours."""
    env = {**os.environ, "COLUMNS": str(WIDTH - 2), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "covsearch", "--home", home, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


if __name__ == "__main__":
    main()
