"""``covsearch train`` from the outside: options, output, exit codes."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from collection import write_collection

from covsearch import cli as command_line
from covsearch.cli import cli
from covsearch.dataset.splits import read_split
from covsearch.errors import ArtefactError
from covsearch.index.calibration import read_calibration
from covsearch.models import load_checkpoint
from tests.hostile.songs import SOUND

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


def test_training_ends_with_a_calibration(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    options = ["--dataset", str(root), *QUICK, "--json"]
    out = tmp_path / "mine"
    answer = json.loads(run(tmp_path, *options, "--out", str(out), "--alpha", "positive"))
    calibration = read_calibration(out, load_checkpoint(out).fingerprint)
    assert calibration is not None
    assert (answer["threshold"], calibration.subset) == (calibration.threshold, "toy")
    assert calibration.works == len(read_split(out / "split.json").validation)
    assert 0 <= answer["test_ece_calibrated"] <= 1
    assert f"cover below p = {calibration.threshold:.3f}" in (out / "README.md").read_text()


def test_a_model_that_cannot_be_calibrated_is_one_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ArtefactError("covers do not score below non-covers")

    monkeypatch.setattr(importlib.import_module("covsearch.trained"), "calibrate", refuse)
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    arguments = ["--home", str(tmp_path), "train", "--dataset", str(root), "--out", str(tmp_path / "mine"), *QUICK]
    result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "not calibrated: covers do not score below" in result.stderr
    assert json.loads(result.stdout)["threshold"] is None
    assert "0.5 is not calibrated: `covsearch calibrate" in (tmp_path / "mine" / "README.md").read_text()


def test_the_branch_sees_frames_at_its_own_rate(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=152)
    out = tmp_path / "mine"
    run(tmp_path, "--dataset", str(root), "--out", str(out), *QUICK, "--rate", "2.5", "--frame-rate", "10")
    assert load_checkpoint(out).config.features.rate == 2.5
    assert "| Input | hpcp, 2.50 frames/s, at most 256 frames, key normalised |" in (out / "README.md").read_text()
    (store,) = (tmp_path / "cache").glob("*/entries.jsonl")
    assert json.loads(store.read_text().splitlines()[1])["frames"] == 40  # 160 in blocks of four


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("hybrid", ("--qubits", "6", "--q-layers", "3", "--readout", "residual")),
        ("hybrid", ("--qubits", "3", "--quantum-device", "default.qubit:20")),
        ("bottleneck", ("--qubits", "5")),
    ],
)
@pytest.mark.parametrize("preset", ["report", "default"])
def test_hybrids_train_with_every_preset(model: str, options: tuple[str, ...], preset: str, tmp_path: Path) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
    root, out = write_collection(tmp_path / "toy", works=15, frames=60), tmp_path / "mine"
    choices = ["--dataset", str(root), "--out", str(out), "--preset", preset, "--model", model, *options]
    answer = json.loads(run(tmp_path, *choices, *QUICK, "--json"))
    assert 0 <= answer["test_auc"] <= 1
    checkpoint = load_checkpoint(out)
    assert checkpoint.fingerprint.startswith(f"{model}-")
    config = checkpoint.config
    said = {f"--{name.replace('_', '-')}": str(value) for name, value in vars(config).items()}
    assert {name: said[name] for name in options[::2]} == dict(zip(options[::2], options[1::2], strict=True))


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    run(tmp_path, "--dataset", str(root), "--out", str(tmp_path / "mine"), *QUICK[:-1], "--plot")
    for name in ("loss.png", "accuracy.png"):
        assert (tmp_path / "mine" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_options_reach_the_training(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    options = ["--loss", "batch", "--batch-works", "4", "--batch-versions", "2", "--temperature", "0.2"]
    run(tmp_path, "--dataset", str(root), "--out", str(tmp_path / "mine"), *QUICK, *options, "--mask-frames")
    said = tomllib.loads((tmp_path / "mine" / "config.toml").read_text())["train"]
    assert (said["loss"], said["batch_works"], said["batch_versions"]) == ("batch", 4, 2)
    assert (said["temperature"], said["mask_frames"], said["rotate_keys"]) == (0.2, True, False)


def test_songs_that_are_left_out_are_told_on_stderr(tmp_path: Path) -> None:
    pytest.importorskip("pretty_midi", reason="needs the extra 'scores'")
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
    root, songs = write_collection(tmp_path / "toy", works=15, frames=120), tmp_path / "songs"
    songs.mkdir()
    for k in range(4):
        (songs / f"{k}.mid").write_bytes(SOUND)
    (songs / "5\x1b[2J.mid").write_bytes(b"RIFF")
    choices = [
        "--preset",
        "invariant",
        "--epochs",
        "1",
        "--epoch-steps",
        "1",
        "--batch-works",
        "2",
        "--no-plot",
        "--json",
    ]
    words = ["--home", str(tmp_path), "train", "--dataset", str(root), "--synthesize", str(songs), *choices]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Warning: ") and "MIDI" in line]
    assert "1 of 5 MIDI files are left out; the first, " in line
    assert "5\N{REPLACEMENT CHARACTER}[2J.mid: is no MIDI file that can be read: does not begin with MThd" in line
    assert "checkpoint" in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "nowhere"], 3, "nowhere is not there; expected a Da-TACOS folder"),
        (["--epochs", "0"], 2, "epochs must be at least 1, not 0"),
        (["--model", "rnn"], 2, "model must be one of"),
        (["--rate", "-1"], 2, "rate must be a number of frames a second, or 0"),
        (["--frame-rate", "0"], 2, "must be a positive number of frames a second"),
        (["--lr", "7"], 2, "learning_rate must lie between 0 and 1"),
        (["--model", "hybrid", "--qubits", "11"], 2, "qubits must be 2 to 10, not 11"),
        (["--model", "hybrid", "--quantum-device", "abacus"], 2, "a PennyLane device, not 'abacus'"),
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
