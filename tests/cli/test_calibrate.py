"""``covsearch calibrate`` from the outside, and what the other commands make of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from collection import write_collection
from untrained import write_untrained

from covsearch import cli as command_line
from covsearch.cli import cli
from covsearch.index.calibration import CALIBRATION, read_calibration
from covsearch.models import load_checkpoint


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    root = write_collection(tmp_path / "toy", works=12)
    folder = write_untrained(tmp_path / "checkpoint", root, test=("W_1", "W_4", "W_6"), alpha="positive")
    return ["--dataset", str(root), "--model", str(folder)]


def run(home: Path, *words: str) -> Result:
    result = CliRunner().invoke(cli, ["--home", str(home), *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_it_tells_what_it_wrote(arguments: list[str], tmp_path: Path) -> None:
    output = run(tmp_path, "calibrate", *arguments).stdout
    folder = tmp_path / "checkpoint"
    calibration = read_calibration(folder, load_checkpoint(folder).fingerprint)
    assert calibration is not None
    values = json.loads(run(tmp_path, "calibrate", *arguments, "--json").stdout)
    assert values["calibration"]["threshold"] == calibration.threshold
    assert f"cover below p = {calibration.threshold:.4f}" in output
    for part in values["parts"]:
        row = next(line.split() for line in output.splitlines() if line.split()[:1] == [part["part"]])
        shown = [part["accuracy"], part["accuracy_calibrated"], part["ece"]["before"]["ece"]]
        assert row[1:5] == [f"{part['pairs']:,}", *(f"{value:.3f}" for value in shown)]
    assert f"cover from probability {calibration.by_alignment.threshold:.3f} on" in output
    assert max(map(len, output.splitlines())) <= 110


def test_plot(arguments: list[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    result = run(tmp_path, "calibrate", *arguments, "--plot", str(tmp_path / "why.png"))
    assert f"drew {tmp_path / 'why.png'}" in result.stderr
    assert (tmp_path / "why.png").read_bytes()[:4] == b"\x89PNG"


def test_from_calibrating_to_a_calibrated_answer(arguments: list[str], tmp_path: Path) -> None:
    """An index built before keeps answering as it did; one built after has calibrated probabilities, in that order."""
    run(tmp_path, "build-index", *arguments)
    before = json.loads(run(tmp_path, "query", "P_5", "--json").stdout)
    run(tmp_path, "calibrate", *arguments)
    assert json.loads(run(tmp_path, "query", "P_5", "--json").stdout) == before
    assert before["settings"]["calibrated"] is False
    run(tmp_path, "build-index", *arguments)
    after = json.loads(run(tmp_path, "query", "P_5", "--json").stdout)
    assert after["settings"]["calibrated"] is True
    by_head = json.loads(run(tmp_path, "query", "P_5", "--rerank", "head", "--json").stdout)
    assert [m["pid"] for m in by_head["matches"]] == [m["pid"] for m in before["matches"]]
    likely = [m["cover_probability"] for m in after["matches"]]
    assert likely == sorted(likely, reverse=True)
    manifest = json.loads((tmp_path / "index" / "gen-0002" / "manifest.json").read_text())
    assert f"index/gen-0002/model/{CALIBRATION}" in manifest["files"]
    path = next((tmp_path / "toy").rglob("P_5_hpcp.h5"))
    by_file = json.loads(run(tmp_path, "query", "--file", str(path), "--top", "1", "--json").stdout)
    assert by_file["matches"][0]["same_recording"] is True
    assert 0 <= by_file["matches"][0]["cover_probability"] <= 1


def test_model_show_and_eval_pairs_tell_of_it(arguments: list[str], tmp_path: Path) -> None:
    folder = arguments[-1]
    assert "p is not calibrated: run `covsearch calibrate" in run(tmp_path, "model", "show", folder).stdout
    assert json.loads(run(tmp_path, "model", "show", folder, "--json").stdout)["calibration"] is None
    plain = run(tmp_path, "eval-pairs", *arguments)
    assert "p is not calibrated: `covsearch calibrate --model " in plain.stderr
    assert json.loads(run(tmp_path, "eval-pairs", *arguments, "--json").stdout)["calibration"] is None
    values = json.loads(run(tmp_path, "calibrate", *arguments, "--json").stdout)
    threshold = values["calibration"]["threshold"]
    assert f"cover below p = {threshold:.4f}" in run(tmp_path, "model", "show", folder).stdout
    shown = json.loads(run(tmp_path, "model", "show", folder, "--json").stdout)["calibration"]
    assert shown["threshold"] == threshold
    answer = json.loads(run(tmp_path, "eval-pairs", *arguments, "--json").stdout)
    told = answer["calibration"]
    assert told["threshold"] == threshold
    assert told["ece"]["before"]["ece"] == pytest.approx(values["parts"][1]["ece"]["before"]["ece"])
    assert told["accuracy"] == pytest.approx(values["parts"][1]["accuracy_calibrated"])  # the list is balanced
    usual = answer["systems"][0]["accuracy"]
    line = run(tmp_path, "eval-pairs", *arguments).stdout.splitlines()[-1].rstrip()
    errors = f"ECE {told['ece']['before']['ece']:.3f}, calibrated {told['ece']['after']['ece']:.3f}"
    assert line == f"accuracy {usual:.3f} at 0.5, {told['accuracy']:.3f} at the calibrated {threshold:.3f}; {errors}"


def test_of_all_pairs_accuracy_counts_every_pair_alike(arguments: list[str], tmp_path: Path) -> None:
    run(tmp_path, "calibrate", *arguments)
    answer = json.loads(run(tmp_path, "eval-pairs", *arguments, "--pairs", "all", "--json").stdout)["calibration"]
    assert {"accuracy", "accuracy_at_even_odds", "accuracy_calibrated_at_even_odds"} <= set(answer)


@pytest.mark.parametrize(
    ("command", "damage", "message"),
    [
        ("build-index", ('model = "cnn-', 'model = "cnn-f'), "the weights beside it are cnn-"),
        ("eval-pairs", ("slope", "slipe"), "expected a calibration"),
        ("model", ("slope", "slipe"), "run `covsearch calibrate` again"),
    ],
)
def test_a_calibration_that_does_not_belong_is_exit_4(
    command: str,
    damage: tuple[str, str],
    message: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(tmp_path, "calibrate", *arguments)
    path = tmp_path / "checkpoint" / CALIBRATION
    path.write_text(path.read_text().replace(*damage))
    words = ["show", arguments[-1]] if command == "model" else arguments
    monkeypatch.setattr(sys, "argv", ["covsearch", "--home", str(tmp_path), command, *words])
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    captured = capsys.readouterr()
    assert (stopped.value.code, captured.out) == (4, "")
    assert message in captured.err
