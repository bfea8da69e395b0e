"""The README's generated blocks are what the code and the results say today."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import covsearch

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = [page for page in PAGES if "[[[cog" in page.read_text(encoding="utf-8")]


def test_generated_blocks_are_current() -> None:
    pytest.importorskip("cogapp", reason="needs the extra 'dev'")
    checked = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", *map(str, GENERATED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run `make docs`:\n{checked.stdout}{checked.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_mention_only_files_that_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pages_commands_exist() -> None:
    from covsearch.cli import COMMANDS

    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = {line.split()[2] for line in text.splitlines() if line.startswith("$ covsearch ")}
    assert named >= {"build-index", "query", "train", "compare"}
    assert named <= set(COMMANDS)
    assert "$ make test" in text


def test_the_names_of_the_readmes_five_lines_are_there() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    compile(block, "README.md", "exec")
    for name in re.findall(r"covsearch\.(\w+)\(", block):
        assert name in covsearch.__all__
