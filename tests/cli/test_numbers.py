"""Numbers that no command can mean are usage errors, and help says what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import Commands

from covsearch.cli import cli
from covsearch.workspace import Workspace

HUGE = str(10**20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["find", "love", "--limit", HUGE], f"at most 1,000,000 hits may be asked for, not {HUGE}"),
        (["query", "P_1", "--top", HUGE], f"at most 1,000,000 matches may be asked for, not {HUGE}"),
        (["query", "P_1", "--candidates", HUGE], f"at most 1,000,000 candidates may be asked for, not {HUGE}"),
        (["query", "--file", "x.h5", "--frame-rate", "1e308"], "at most 1,000,000 frames a second, not 1e+308"),
        (["train", "--seed", str(2**70)], f"seed must be 0 to 4294967295, not {2**70}"),
        (["train", "--epochs", HUGE], f"epochs must be 1 to 1000000, not {HUGE}"),
        (["train", "--batch-works", HUGE, "--loss", "batch"], f"batch_works must be 2 to 1000000, not {HUGE}"),
        (["train", "--weight-decay", "1e308"], "weight_decay must be 0 to 1000000, not 1e+308"),
        (["train", "--temperature", "inf"], "temperature must be 0 to 1000000, not inf"),
        (["train", "--lr", "nan"], "learning_rate must lie between 0 and 1, not nan"),
        (["train", "--frames", HUGE], f"features.frames must be 1 to 200000, not {HUGE}"),
        (["calibrate", "--model", "x", "--seed", str(2**70)], "is not in the range 0<=x<=4294967295"),
        (["eval-pairs", "--seed", str(2**70)], "is not in the range 0<=x<=4294967295"),
        (["dataset", "info", "--frame-rate", "1e308"], "at most 1,000,000 frames a second, not 1e+308"),
    ],
)
def test_what_is_refused(
    plain: Workspace,
    arguments: list[str],
    message: str,
    command: Commands,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.h5").touch()
    came = command(plain, *arguments)
    assert (came.code, message in came.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("find", "1 to 1,000,000"),
        ("query", "1 to 1,000,000"),
        ("calibrate", "0<=x<=4294967295"),
        ("eval-retrieval", "0<=x<=4294967295"),
        ("eval-detection", "0<=x<=4294967295"),
    ],
)
def test_help_says_the_range(name: str, said: str) -> None:
    assert said in CliRunner().invoke(cli, [name, "--help"], terminal_width=200).stdout
