from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["index/README.md", "db/README.md"])
def test_the_tables_are_what_the_code_says(page: str) -> None:
    command = [sys.executable, "-m", "cogapp", "--check", page]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}run `python -m cogapp -r {page}`"
