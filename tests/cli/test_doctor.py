from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from published import publish

from covsearch.workspace import Workspace


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covsearch", "--home", str(home), "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_needs_no_index_and_is_plain_text(tmp_path: Path) -> None:
    answer = run(tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    headings = [line for line in lines if not line.startswith("  ")]
    assert headings[0] == "covsearch"
    assert headings[-1] == "workspace"
    assert all(": " in line for line in lines if line.startswith("  "))
    assert f"  home: {tmp_path}" in lines
    assert "\x1b" not in answer.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_corrupt_workspace_is_exit_4_after_everything_is_printed(tmp_path: Path, options: list[str]) -> None:
    publish(Workspace(tmp_path))
    ids = tmp_path / "index" / "gen-0001" / "ids.json"
    ids.write_bytes(ids.read_bytes().swapcase())
    answer = run(tmp_path, *options)
    assert answer.returncode == 4
    assert answer.stderr.startswith(f"Error: {ids}: was changed since it was built")
    if options:
        told = json.loads(answer.stdout)
        assert list(told["sections"])[-1] == "workspace"
        assert told["problems"] == [answer.stderr.removeprefix("Error: ").strip()]
    else:
        assert f"  gen-0001: current · {ids}: was changed" in answer.stdout
        assert "FAISS\n" in answer.stdout
