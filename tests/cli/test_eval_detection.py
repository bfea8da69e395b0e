"""``covsearch eval-detection``: table, JSON, figures, and what it says when it cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from covsearch.cli import cli
from covsearch.errors import CovsearchError, MissingExtraError, NotFoundError, UsageError


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return ["--home", str(tmp_path_factory.mktemp("home")), "eval-detection", "--queries", "5", "--sizes", "1,own"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_table_agrees_with_json(arguments: list[str]) -> None:
    table, values = run(*arguments, "--seed", "2"), json.loads(run(*arguments, "--seed", "2", "--json").stdout)
    assert table.exit_code == 0, table.output
    heading = "sample, held-out works, invariant-6f5bb26b: collections drawn from 262 performances of 126 works"
    assert heading in table.stdout
    assert [size["performances"] for size in values["sizes"]] == [1, 261]
    rows = [line.split() for line in table.stdout.splitlines() if line.startswith((" 1 ", " 261 "))]
    for row, size in zip(rows, values["sizes"], strict=True):
        low, high = size["detected"]["ci"]
        assert row[:2] == [str(size["performances"]), "5"]
        assert row[2:5] == [f"{size['detected']['value']:.3f}", f"[{low:.3f},", f"{high:.3f}]"]
        assert row[-1] == f"{size['same_recording']['found']['value']:.3f}" == "1.000"
    assert values["bootstrap"]["seed"] == 2
    assert f"called a cover: probability above {values['threshold']:.3f}" in table.stdout
    assert "no distractors: at its own size" in table.stderr
    assert "…" not in table.stdout


def test_plot_draws_both_figures(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, "--plot", str(tmp_path / "figures"))
    for name in ("reliability.png", "sizes.png"):
        path = tmp_path / "figures" / name
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"drew {path}" in result.stderr


def test_without_matplotlib_plot_stops_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("--home", str(tmp_path / "home"), "eval-detection", "--plot", str(tmp_path / "figures"))
    assert isinstance(result.exception, MissingExtraError)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (["--dataset", "/nowhere"], NotFoundError, "/nowhere is not there"),
        (["--model", "/nowhere"], NotFoundError, "expected a checkpoint folder"),
        (["--sizes", "2,many"], UsageError, "sizes must be whole numbers from 1, or 'own'"),
        (["--sizes", "5000"], UsageError, "5,000 performances are more than sample has"),
        (["--distractors", "/nowhere"], NotFoundError, "/nowhere: expected a folder of MIDI files"),
    ],
)
def test_failures_say_what_was_expected(
    arguments: list[str], change: list[str], error: type[CovsearchError], message: str
) -> None:
    result = run(*arguments, *change)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
