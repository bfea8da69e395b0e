"""The README's generated blocks are what the code and the results say today."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_generated_blocks_are_current() -> None:
    pytest.importorskip("cogapp", reason="needs the extra 'dev'")
    checked = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", "README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run `make docs`:\n{checked.stdout}{checked.stderr}"


def test_readme_mentions_only_files_that_are_there() -> None:
    import re

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readmes_commands_exist() -> None:
    from covsearch.cli import COMMANDS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {line.split()[2] for line in text.splitlines() if line.startswith("$ covsearch ")}
    assert named <= set(COMMANDS)
    assert shutil.which("make") is None or "$ make test" in text
