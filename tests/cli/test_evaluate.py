"""``covsearch eval-pairs``: table, JSON, figures, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from collection import write_collection
from untrained import write_untrained

from covsearch.cli import cli
from covsearch.errors import CovsearchError, MissingExtraError, NotFoundError, UsageError

TEST = ("W_1", "W_4", "W_6", "W_8")


@pytest.fixture
def arguments(toy: Path, tmp_path: Path) -> list[str]:
    folder = write_untrained(tmp_path / "checkpoint", toy, test=TEST)
    return ["--home", str(tmp_path / "home"), "eval-pairs", "--dataset", str(toy), "--model", str(folder)]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_table_on_stdout_and_notes_on_stderr(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    for text in ("toy, held-out works", "10 covers, 10 non-covers", "mean chroma", "random", "1,000 resamplings"):
        assert text in result.stdout
    assert "training saw no performance of these works" in result.stderr
    assert "training saw" not in result.stdout


def test_table_fits_eighty_columns_with_nothing_cut(arguments: list[str]) -> None:
    lines = run(*arguments).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)


def test_json_agrees_with_the_table(arguments: list[str]) -> None:
    values = json.loads(run(*arguments, "--pairs", "all", "--json").stdout)
    table = run(*arguments, "--pairs", "all").stdout
    assert (values["pairs"], values["covers"], values["works"], values["performances"]) == (66, 12, 4, 12)
    assert [s["name"] for s in values["systems"]] == [values["model"], "mean chroma", "random"]
    for system in values["systems"]:
        low, high = system["ci"]
        assert f"{system['auc']:.3f} [{low:.3f}, {high:.3f}]" in table
    assert values["notes"][1] == "81.8% of these pairs are non-covers: calling every pair one would have that accuracy"


def test_seed_moves_the_noise_only(arguments: list[str]) -> None:
    one, two = (json.loads(run(*arguments, "--seed", seed, "--json").stdout)["systems"] for seed in "12")
    assert [s["auc"] for s in one[:2]] == [s["auc"] for s in two[:2]]
    assert one[2]["auc"] != two[2]["auc"]


def test_plot_draws_both_figures(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, "--plot", str(tmp_path / "figures"))
    for name in ("roc.png", "probabilities.png"):
        path = tmp_path / "figures" / name
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"drew {path}" in result.stderr


def test_without_matplotlib_plot_stops_before_the_work(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run(*arguments, "--plot", str(tmp_path / "figures"))
    assert isinstance(result.exception, MissingExtraError)
    assert "pip install 'covsearch[plots]'" in str(result.exception)
    assert not (tmp_path / "home").exists()
    assert run(*arguments).exit_code == 0


def test_another_collection_is_zero_shot(arguments: list[str], tmp_path: Path) -> None:
    other = write_collection(tmp_path / "other", works=3, versions=2, subset="other")
    result = run(*arguments, "--dataset", str(other))
    assert "other, zero-shot" in result.stdout
    assert "trained on toy, judged on other" in result.stderr


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (["--subset", "benchmark"], NotFoundError, "no subset 'benchmark'"),
        (["--dataset", "/nowhere"], NotFoundError, "/nowhere is not there"),
        (["--model", "/nowhere"], NotFoundError, "expected a checkpoint folder"),
    ],
)
def test_failures_say_what_was_expected(
    arguments: list[str], change: list[str], error: type[CovsearchError], message: str
) -> None:
    result = run(*arguments, *change)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_all_pairs_of_a_leaky_model_are_refused(arguments: list[str], toy: Path, tmp_path: Path) -> None:
    leaky = write_untrained(tmp_path / "leaky", toy, by="pairs")
    result = run(*arguments, "--model", str(leaky), "--pairs", "all")
    assert isinstance(result.exception, UsageError)
    assert "held-out pairs (leaky)" in run(*arguments, "--model", str(leaky)).stdout


def test_as_a_program_it_ends_with_one_line_and_the_exit_code(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "covsearch", *arguments, "--dataset", "/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.strip() == "Error: /nowhere is not there; expected a Da-TACOS folder"
