"""``covsearch train`` from the outside: options, output, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from collection import write_collection

from covsearch import cli as command_line
from covsearch.cli import cli
from covsearch.models import load_checkpoint

QUICK = ["--frames", "256", "--epochs", "1", "--no-plot"]


def run(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--home", str(home), "train", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_trains_and_answers_in_json(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    out = tmp_path / "mine"
    answer = json.loads(run(tmp_path, "--dataset", str(root), "--out", str(out), *QUICK, "--seed", "4", "--json"))
    assert answer["checkpoint"] == str(out)
    assert answer["pairs"] == {"train": 54, "validation": 18, "test": 18}
    assert answer["seed"] == 4
    assert 0 <= answer["test_auc"] <= 1
    assert load_checkpoint(out).config.features.frames == 256


def test_the_branch_sees_frames_at_its_own_rate(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    out = tmp_path / "mine"
    run(tmp_path, "--dataset", str(root), "--out", str(out), *QUICK, "--rate", "2.5", "--frame-rate", "10")
    assert load_checkpoint(out).config.features.rate == 2.5
    assert "| Input | hpcp, 2.50 frames/s, at most 256 frames, key normalised |" in (out / "README.md").read_text()
    (store,) = (tmp_path / "cache").glob("*/entries.jsonl")
    assert json.loads(store.read_text().splitlines()[0])["frames"] == 30  # 120 in blocks of four


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    run(tmp_path, "--dataset", str(root), "--out", str(tmp_path / "mine"), *QUICK[:-1], "--plot")
    for name in ("loss.png", "accuracy.png"):
        assert (tmp_path / "mine" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "nowhere"], 3, "nowhere is not there; expected a Da-TACOS folder"),
        (["--epochs", "0"], 2, "epochs must be at least 1, not 0"),
        (["--model", "rnn"], 2, "model must be one of"),
        (["--rate", "-1"], 2, "rate must be a number of frames a second, or 0"),
        (["--frame-rate", "0"], 2, "must be a positive number of frames a second"),
        (["--lr", "7"], 2, "learning_rate must lie between 0 and 1"),
        (["--features", "mfcc"], 2, "'mfcc' is not one of"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(
    arguments: list[str],
    code: int,
    message: str,
    toy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--dataset" not in arguments:
        arguments = [*arguments, "--dataset", str(toy)]
    monkeypatch.setattr("sys.argv", ["covsearch", "--home", str(tmp_path), "train", *arguments])
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    captured = capsys.readouterr()
    assert stopped.value.code == code
    assert message in captured.err
    assert "Traceback" not in captured.err
