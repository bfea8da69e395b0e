"""``covsearch train --aligner`` from the outside."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from commands import Commands
from songs import make_song

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.config import from_toml
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.ranking.learned import load_aligner
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection
from covsearch.training import aligner as training_module
from covsearch.training.aligner_pairs import covers_pool


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Six tiny songs instead of a folder and the sample; the folders that were fitted."""
    songs, found = CoverMaker([make_song(seed) for seed in range(6)]), []

    def material(_: object, config: AlignerConfig, training: AlignerTraining, *__: object) -> training_module.Material:
        model, rows = load_checkpoint(bundled_checkpoint()).model, np.arange(3)
        judged = covers_pool(songs, rows, model, config, training, 0.1, np.random.default_rng(1))
        return training_module.Material([SongCollection("tiny", songs)], [np.arange(6)], {"tiny": judged})

    def note(folder: Path, *_: object) -> None:
        found.append(folder)

    trained = importlib.import_module("covsearch.trained")
    monkeypatch.setattr(trained, "open_collections", lambda *_: [])
    monkeypatch.setattr(training_module, "open_material", material)
    monkeypatch.setattr(trained, "calibrate_aligner", note)
    return found


def test_trains_writes_and_answers_in_json(tmp_path: Path, fitted: list[Path], command: Commands) -> None:
    out = tmp_path / "mine"
    options = ["--synthesize", "songs", "--steps", "4", "--epoch-steps", "3", "--seed", "5", "--out", str(out)]
    options += ["--set", "hard=2", "--set", "span=3"]
    told = command.json(tmp_path, "train", "--aligner", *options)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert (told["aligner"], told["steps"], told["map_tiny"]) == (str(out), 4, rows[1]["map_tiny"])
    assert fitted == [out]
    assert load_aligner(out).config == AlignerConfig(span=3)
    trained = from_toml((out / "config.toml").read_text(), train=AlignerTraining)["train"]
    assert trained == AlignerTraining("songs", steps=4, epoch_steps=3, hard=2, seed=5)
    assert not (out / "state.safetensors").exists()
    refused = command(tmp_path, "train", "--aligner", *options)
    assert refused.code == 2
    assert "already holds a trained aligner" in refused.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--aligner"], 2, "name their songs with --synthesize"),
        (["--aligner", "--synthesize", "songs", "--epochs", "3"], 2, "--aligner has no --epochs: leave them out"),
        (
            ["--aligner", "--synthesize", "songs", "--set", "qubits=4"],
            2,
            "expected KEY=VALUE with a key of anchors, block",
        ),
        (["--aligner", "--synthesize", "songs", "--set", "cropped=2"], 2, "cropped must be 0 to 1, not 2.0"),
        (["--aligner", "--synthesize", "songs", "--steps", "3", "--minutes", "2"], 2, "set one and leave the other 0"),
        (["--aligner", "--synthesize", "songs", "--minutes", "-1"], 2, "minutes must be at least 0, not -1.0"),
        (["--aligner", "--synthesize", "no/such/folder"], 3, "no/such/folder"),
        (["--steps", "3"], 2, "--steps is for --aligner"),
        (["--minutes", "3"], 2, "--minutes is for --aligner"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(
    tmp_path: Path, command: Commands, options: list[str], code: int, said: str
) -> None:
    came = command(tmp_path, "train", *options)
    assert came.code == code
    assert said in came.err
    assert len(came.err.splitlines()) == 1
