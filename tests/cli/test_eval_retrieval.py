"""``covsearch eval-retrieval``: table, JSON, figures, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from published import made_up_calibration
from untrained import write_untrained

from covsearch.cli import cli
from covsearch.errors import CovsearchError, MissingExtraError, NotFoundError, UsageError
from covsearch.index.calibration import write_calibration
from covsearch.models import load_checkpoint


@pytest.fixture
def arguments(toy: Path, tmp_path: Path) -> list[str]:
    folder = write_untrained(tmp_path / "checkpoint", toy, test=("W_1", "W_4", "W_6", "W_8"))
    return ["--home", str(tmp_path / "home"), "eval-retrieval", "--dataset", str(toy), "--model", str(folder)]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_table_on_stdout_and_notes_on_stderr(arguments: list[str]) -> None:
    result = run(*arguments, "--frame-rate", "2.7")
    assert result.exit_code == 0, result.output
    assert "toy, held-out works: 12 queries in 12 performances of 4 works" in result.stdout
    for text in ("MAP [95 % CI]", "AUC", "MR1", "2D-FTM", "mean chroma", "random", "1,000 resamplings"):
        assert text in result.stdout
    assert "Qmax" not in result.stdout.split()
    assert re.search(r"CPU seconds a query \+ a track: cnn-\w+ \d\.\de-\d\d \+ \d\.\de-\d\d,", result.stdout)
    assert "queries and collection are these works alone" in result.stderr
    assert "these works alone" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 82
    assert "…" not in result.stdout


def test_json_agrees_with_the_table_and_names_the_baselines_asked_for(arguments: list[str]) -> None:
    some = [*arguments, "--baseline", "random", "--baseline", "mean chroma", "--seed", "3"]
    values, table = json.loads(run(*some, "--json").stdout), run(*some).stdout
    assert [s["name"] for s in values["systems"]] == [values["reference"], "random", "mean chroma"]
    for system in values["systems"]:
        low, high = system["map_ci"]
        assert f"{system['map']:.3f} [{low:.3f}, {high:.3f}]" in table
        assert f"{system['auc']:.3f}" in table
        assert system["cpu_seconds"]["query"] > 0


def test_models_are_rows_of_one_table(arguments: list[str], toy: Path, tmp_path: Path) -> None:
    other = write_untrained(tmp_path / "other", toy, test=("W_1", "W_4"), seed=1)
    result = run(*arguments, "--model", str(other), "--baseline", "random")
    names = [load_checkpoint(folder).fingerprint for folder in (tmp_path / "checkpoint", other)]
    assert [line.split()[0] for line in result.stdout.splitlines()[4:7]] == [*names, "random"]
    assert "6 queries in 6 performances of 2 works" in result.stdout


def test_a_calibrated_model_is_judged_as_it_searches_unless_told_otherwise(
    arguments: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    name = load_checkpoint(folder).fingerprint
    write_calibration(folder, made_up_calibration(model=name))
    found = {}
    for align in ("candidates", "all", "none"):
        values = json.loads(run(*arguments, "--baseline", "random", "--align", align, "--json").stdout)
        found[align] = [(system["name"], system["map"]) for system in values["systems"][:-1]]
    assert [one for one, _ in found["candidates"]] == [name, f"{name}, aligned"]
    assert [one for one, _ in found["all"]] == [name, f"{name}, all aligned"]
    assert found["none"] == found["all"][:1] == found["candidates"][:1]
    assert found["candidates"][1][1] == found["all"][1][1] == 1 > found["none"][0][1]


def test_help_says_what_is_the_default() -> None:
    text = " ".join(run("eval-retrieval", "--help").stdout.split())
    assert "the fast ones: 2D-FTM, mean chroma, random" in text
    assert "Qmax aligns every pair" in text


def test_plot_draws_both_figures(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, "--plot", str(tmp_path / "figures"))
    for name in ("ranks.png", "recall.png"):
        path = tmp_path / "figures" / name
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"drew {path}" in result.stderr


def test_without_matplotlib_plot_stops_before_the_work(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert isinstance(run(*arguments, "--plot", str(tmp_path / "figures")).exception, MissingExtraError)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (["--dataset", "/nowhere"], NotFoundError, "/nowhere is not there"),
        (["--model", "/nowhere"], NotFoundError, "expected a checkpoint folder"),
        (["--frame-rate", "nan"], UsageError, "must be a positive number of frames a second, not nan"),
    ],
)
def test_failures_say_what_was_expected(
    arguments: list[str], change: list[str], error: type[CovsearchError], message: str
) -> None:
    result = run(*arguments, *change)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_as_a_program_an_unknown_baseline_ends_with_2_and_the_known_ones(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "covsearch", *arguments, "--baseline", "Qmin"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "'Qmin' is not one of '2D-FTM', 'Qmax', 'mean chroma', 'random'" in done.stderr
