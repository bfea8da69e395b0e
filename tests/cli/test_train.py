"""``covsearch train`` from the outside: options, output, exit codes."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path

import pytest
from collection import write_collection
from commands import Commands

from covsearch.dataset.splits import read_split
from covsearch.errors import ArtefactError
from covsearch.index.calibration import read_calibration
from covsearch.models import bundled_checkpoint, load_checkpoint
from tests.hostile.songs import SOUND
from tests.synthesis.score_files import archive, lead_sheet

QUICK = ["--preset", "cnn", "--frames", "256", "--epochs", "1", "--no-plot"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_collection(tmp_path / "toy", works=15, frames=120)


def test_trains_as_the_options_say_and_ends_with_a_calibration(root: Path, tmp_path: Path, command: Commands) -> None:
    out = tmp_path / "mine"
    options = ["--loss", "batch", "--batch-works", "4", "--batch-versions", "2", "--temperature", "0.2"]
    options += ["--mask-frames", "--alpha", "positive", "--seed", "4", "--out", str(out), *QUICK]
    answer = command.json(tmp_path, "train", "--dataset", root, *options)
    assert (answer["checkpoint"], answer["seed"]) == (str(out), 4)
    assert answer["pairs"] == {"train": 54, "validation": 18, "test": 18}
    assert 0 <= answer["test_auc"] <= 1
    assert load_checkpoint(out).config.features.frames == 256
    said = tomllib.loads((out / "config.toml").read_text())["train"]
    assert (said["loss"], said["batch_works"], said["batch_versions"]) == ("batch", 4, 2)
    assert (said["temperature"], said["mask_frames"], said["rotate_keys"]) == (0.2, True, False)
    calibration = read_calibration(out, load_checkpoint(out).fingerprint)
    assert calibration is not None
    assert (answer["threshold"], calibration.subset) == (calibration.threshold, "toy")
    assert calibration.works == len(read_split(out / "split.json").validation)
    assert 0 <= answer["test_ece_calibrated"] <= 1
    assert f"cover below p = {calibration.threshold:.3f}" in (out / "README.md").read_text()


def test_a_model_that_cannot_be_calibrated_is_one_all_the_same(
    root: Path, tmp_path: Path, command: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ArtefactError("covers do not score below non-covers")

    monkeypatch.setattr(importlib.import_module("covsearch.trained"), "calibrate", refuse)
    result = command(tmp_path, "train", "--dataset", root, "--out", tmp_path / "mine", *QUICK, "--json")
    assert result.code == 0
    assert "not calibrated: covers do not score below" in result.err
    assert json.loads(result.out)["threshold"] is None
    assert "0.5 is not calibrated: `covsearch calibrate" in (tmp_path / "mine" / "README.md").read_text()


def test_the_branch_sees_frames_at_its_own_rate_and_curves_are_drawn(tmp_path: Path, command: Commands) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    root, out = write_collection(tmp_path / "toy", works=15, frames=152), tmp_path / "mine"
    rates = ("--rate", "2.5", "--frame-rate", "10")
    command.out(tmp_path, "train", "--dataset", root, "--out", out, *QUICK[:-1], "--plot", *rates)
    assert load_checkpoint(out).config.features.rate == 2.5
    assert "| Input | hpcp, 2.50 frames/s, at most 256 frames, key normalised |" in (out / "README.md").read_text()
    (store,) = (tmp_path / "cache").glob("*/entries.jsonl")
    assert json.loads(store.read_text().splitlines()[1])["frames"] == 40  # 160 in blocks of four
    for name in ("loss.png", "accuracy.png"):
        assert (out / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_bundled_weights_are_tuned_by_default(root: Path, tmp_path: Path, command: Commands) -> None:
    out = tmp_path / "mine"
    done = command(tmp_path, "train", "--dataset", root, "--out", out, "--epochs", 1, "--no-plot", "--json")
    assert done.code == 0, done.err
    assert load_checkpoint(out).config == load_checkpoint(bundled_checkpoint()).config
    assert "head with positive weights, begun from bundled" in " ".join(done.err.split())
    assert ", beginning with the weights of bundled, " in (out / "README.md").read_text()
    kept = {0: "none was better on validation than these weights", 1: "best validation accuracy in epoch 1"}
    assert kept[json.loads(done.out)["best_epoch"]] in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("hybrid", ("--qubits", "6", "--q-layers", "3", "--readout", "residual")),
        ("hybrid", ("--qubits", "3", "--quantum-device", "default.qubit:20")),
        ("bottleneck", ("--qubits", "5")),
    ],
)
@pytest.mark.parametrize("preset", ["report", "cnn"])
def test_hybrids_train_with_every_preset(
    model: str, options: tuple[str, ...], preset: str, tmp_path: Path, command: Commands
) -> None:
    root, out = write_collection(tmp_path / "toy", works=15, frames=60), tmp_path / "mine"
    choices = ["--dataset", str(root), "--out", str(out), "--model", model, *options]
    answer = command.json(tmp_path, "train", *QUICK, "--preset", preset, *choices)
    assert 0 <= answer["test_auc"] <= 1
    checkpoint = load_checkpoint(out)
    assert checkpoint.fingerprint.startswith(f"{model}-")
    config = checkpoint.config
    said = {f"--{name.replace('_', '-')}": str(value) for name, value in vars(config).items()}
    assert {name: said[name] for name in options[::2]} == dict(zip(options[::2], options[1::2], strict=True))


def test_songs_that_are_left_out_are_told_on_stderr(root: Path, tmp_path: Path, command: Commands) -> None:
    pytest.importorskip("pretty_midi", reason="needs the extra 'scores'")
    songs = tmp_path / "songs"
    songs.mkdir()
    for k in range(4):
        (songs / f"{k}.mid").write_bytes(SOUND)
    (songs / "5\x1b[2J.mid").write_bytes(b"RIFF")
    leads = archive(tmp_path / "leads.zip", {f"{k}.mxl": lead_sheet(k) for k in range(3)} | {"LICENSE": "MIT License"})
    choices = ("--preset", "invariant", "--epochs", 1, "--epoch-steps", 1, "--batch-works", 2, "--no-plot", "--json")
    sources = ("--synthesize", songs, "--synthesize", leads)
    done = command(tmp_path, "train", "--dataset", root, *sources, *choices)
    assert done.code == 0
    (line,) = [line for line in done.err.splitlines() if line.startswith("Warning: ") and "MIDI" in line]
    assert "1 of 5 MIDI files are left out; the first, " in line
    assert "5\N{REPLACEMENT CHARACTER}[2J.mid: is no MIDI file that can be read: does not begin with MThd" in line
    card = (Path(json.loads(done.out)["checkpoint"]) / "README.md").read_text(encoding="utf-8")
    _, told = card.split("## Songs and their licences\n\n")
    assert told.splitlines()[:2] == ["- songs: 4 works, 128 notes; no licence said", "- leads: 3 works, 422 notes; MIT"]
