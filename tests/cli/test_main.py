"""The outermost layer: help, versions, pipes and terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from covsearch import __version__
from covsearch.cli import COMMANDS

HEAVY = ("torch", "pennylane", "sklearn", "faiss", "sqlalchemy", "h5py", "matplotlib")


def run(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "covsearch", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
    )


def test_help_lists_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from covsearch.cli import cli; "
        "result = CliRunner().invoke(cli, ['--help']); print(result.output); "
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "HEAVY []" in out
    for name in COMMANDS:
        assert f"  {name} " in out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(name: str, tmp_path: Path) -> None:
    answer = run(name, *{"dataset": ["info"], "model": ["show"]}.get(name, []), "--help", home=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert f"covsearch {name}" in answer.stdout.split("Options:")[0].split("\n", 1)[1]


def test_version_and_usage_errors(tmp_path: Path) -> None:
    assert run("--version", home=tmp_path).stdout.strip() == f"covsearch, version {__version__}"
    wrong = run("qeury", home=tmp_path)
    assert wrong.returncode == 2
    assert "No such command 'qeury'" in wrong.stderr
    assert run("query", "--top", "many", "P_1", home=tmp_path).returncode == 2


def test_a_reader_that_leaves_early_is_not_a_failure(tmp_path: Path) -> None:
    shell = f"({sys.executable} -m covsearch dataset info --json; echo code $? >&2) | true"
    answer = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert "Traceback" not in answer.stderr
    assert "code 0" in answer.stderr


def test_a_terminal_without_unicode_gets_question_marks(tmp_path: Path) -> None:
    answer = run("train", "--help", home=tmp_path, PYTHONIOENCODING="ascii")
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
