"""The outermost layer: help, versions, pipes and terminals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli.conftest import process
from commands import Commands

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


def test_a_terminal_without_unicode_gets_question_marks(tmp_path: Path) -> None:
    answer = process(tmp_path, "train", "--help", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
