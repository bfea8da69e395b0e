"""The outermost layer: help, versions, pipes and terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import Commands, process

from covsearch import __version__
from covsearch.cli import COMMANDS


def test_help_lists_every_command(command: Commands, tmp_path: Path) -> None:
    text = command.out(tmp_path, "--help")
    assert [name for name in COMMANDS if f"  {name} " not in text] == []
    assert command.out(tmp_path, "--version").strip() == f"covsearch, version {__version__}"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(name: str, command: Commands, tmp_path: Path) -> None:
    text = command.out(tmp_path, name, *{"dataset": ["info"], "model": ["show"]}.get(name, []), "--help")
    assert f"covsearch {name}" in text.split("Options:")[0].split("\n", 1)[1]


def test_a_reader_that_leaves_early_is_not_a_failure(tmp_path: Path) -> None:
    shell = f"({sys.executable} -m covsearch dataset info --json; echo code $? >&2) | true"
    answer = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert "Traceback" not in answer.stderr
    assert "code 0" in answer.stderr


def test_a_terminal_without_unicode_gets_question_marks(tmp_path: Path) -> None:
    answer = process(tmp_path, "train", "--help", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
