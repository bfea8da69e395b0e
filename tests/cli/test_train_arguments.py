"""What ``covsearch train`` refuses before torch is loaded, what its help says, and what it prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from collection import write_collection

from covsearch.cli import cli
from covsearch.config import BRANCH_NAMES, CNN_STRIDE, TrainConfig
from covsearch.errors import UsageError
from covsearch.models import BRANCHES
from covsearch.models.cnn import STRIDE
from covsearch.training.choices import chosen, read_choices
from covsearch.training.loop import EpochMetrics
from covsearch.training.told import epoch_line, epoch_titles

# runs commands in a process that may not import torch
_WITHOUT_TORCH = """
import contextlib, io, json, sys
sys.modules["torch"] = None
from covsearch.cli import main
ended = []
for words in json.load(sys.stdin):
    sys.argv = ["covsearch", "train", *words]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            main()
        except SystemExit as e:
            ended.append([e.code, said.getvalue()])
print(json.dumps(ended))
"""
REFUSED = [
    (
        ["--model", "cnn", "--qubits", "4"],
        2,
        "qubits is a choice of hybrid and bottleneck, not of cnn",
    ),
    (["--set", "q_layers=3"], 2, "q_layers is a choice of hybrid, not of invariant"),
    (["--model", "cnn"], 2, "the bundled weights are of another branch: say --preset cnn, or --from scratch"),
    (["--features", "crema"], 2, "the bundled weights are of another features: say --preset cnn"),
    (["--preset", "invariant"], 2, "invariant trains on synthesised covers: name their songs with --synthesize"),
    (["--epoch-steps", "5"], 2, "epoch_steps is a choice for synthesised covers"),
    (["--preset", "report", "--frames", "128"], 2, "frames must be at least 256 with unmasked pooling, not 128"),
    (["--model", "rnn"], 2, "model must be one of ['bottleneck', 'cnn', 'hybrid', 'invariant'], not 'rnn'"),
    (["--epochs", "0"], 2, "epochs must be at least 1, not 0"),
    (["--frame-rate", "0"], 2, "must be a positive number of frames a second, not 0.0"),
    (["--dataset", "nowhere"], 3, "nowhere is not there; expected a Da-TACOS folder"),
    (["--from", "nowhere"], 3, "nowhere is not there; expected a checkpoint folder, bundled or scratch"),
    (
        ["--preset", "invariant", "--synthesize", "nowhere"],
        3,
        "nowhere is not there; expected a folder or zip",
    ),
    (["--aligner"], 2, "the aligner learns from synthesised covers: name their songs with --synthesize"),
    (["--out", sys.executable], 2, "which is not one; name another --out"),
    (["--out", "/proc/no/folder"], 2, "--out /proc/no/folder cannot be made: "),
    (["--dataset", str(Path(__file__).parent)], 3, "has no Da-TACOS feature folder; expected da-tacos_<subset>"),
    (["--set", "loss"], 2, "expected KEY=VALUE with a key of alpha, average, "),
    (["--set", "colour=red"], 2, "got 'colour=red'"),
    (["--set", "epochs=many"], 2, "epochs must be a whole number, not 'many'"),
    (["--set", "vary_time=perhaps"], 2, "vary_time must be true or false, not 'perhaps'"),
    (["--set", "epochs=1", "--set", "epochs=2"], 2, "epochs is set twice"),
]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Exit code and stderr of each of :data:`REFUSED`, and last of a folder that has a model."""
    home = tmp_path_factory.mktemp("home")
    trained = home / "models" / "invariant-sample-seed3"  # where `train --seed 3` goes without --out
    trained.mkdir(parents=True)
    (trained / "model.safetensors").touch()
    lines = [*(words for words, _, _ in REFUSED), ["--out", str(trained)], ["--seed", "3"]]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COVSEARCH_HOME": str(home)},
    )
    return [(code, said) for code, said in json.loads(done.stdout)]


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[" ".join(words) for words, _, _ in REFUSED])
def test_arguments_are_refused_before_torch_is_loaded(ended: list[tuple[int, str]], number: int) -> None:
    (code, said), (_, expected, message) = ended[number], REFUSED[number]
    assert (code, message in said) == (expected, True), said


def test_a_folder_with_a_model_is_refused_before_torch_is_loaded(ended: list[tuple[int, str]]) -> None:
    assert len(ended) == len(REFUSED) + 2
    for code, said in ended[-2:]:
        assert (code, "already holds a trained model; delete it" in said) == (2, True), said


def test_the_names_that_need_no_torch_are_those_of_the_models() -> None:
    assert sorted(BRANCH_NAMES) == sorted(BRANCHES)
    assert CNN_STRIDE == STRIDE


def test_help_says_what_the_presets_use_in_few_options() -> None:
    text = CliRunner().invoke(cli, ["train", "--help"], terminal_width=110).stdout
    words = " ".join(text.split())
    assert (
        "default: invariant, hpcp, at most 2,048 frames of 2.69 frames/s, key played; loss supcon, 20 epochs, learning "
        "rate 0.0001; begun from bundled." in words
    )
    assert "cnn: cnn, hpcp, at most 128 frames, key normalised; loss supcon, 120 epochs, learning rate 0.001." in words
    assert "report: cnn, hpcp, at most 2,000 frames, key played; loss pairs, 20 epochs, learning rate 0.0005." in words
    assert "temperature=0.1" in words
    options = re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)
    assert "--set" in options
    assert "--temperature" not in options
    assert len(options) < 20


def test_choices_are_read_by_their_types() -> None:
    read = read_choices(["rate=2.5", "epochs=3", "vary_time=no", "loss=batch", "synthesize=a=b"])
    assert read == {"rate": 2.5, "epochs": 3, "vary_time": False, "loss": "batch", "synthesize": "a=b"}


def test_a_choice_of_the_hybrid_is_taken_with_the_hybrid() -> None:
    assert chosen("report", {"branch": "hybrid", "qubits": 4})[0].qubits == 4
    with pytest.raises(UsageError, match="readout is a choice of hybrid and bottleneck"):
        chosen("report", {"readout": "residual"})


def test_an_epoch_in_a_line() -> None:
    record = EpochMetrics(9, 0.69314, 0.5, 0.7, 0.61, 1e-3, 100.0)
    for epochs, titles, line in (
        (
            60,
            "epoch    loss  validation  accuracy  validation      left",
            " 9/60   0.693       0.700     0.500       0.610   1:25:00",
        ),
        (
            120,
            "  epoch    loss  validation  accuracy  validation      left",
            "  9/120   0.693       0.700     0.500       0.610   3:05:00",
        ),
    ):
        assert epoch_titles(TrainConfig(epochs=epochs)) == titles
        assert epoch_line(record, TrainConfig(epochs=epochs)) == line
        assert len(line) <= 60


def test_a_training_explains_itself(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    options = [
        "--dataset",
        str(root),
        "--out",
        str(tmp_path / "mine"),
        "--preset",
        "cnn",
        "--set",
        "loss=batch",
        "--set",
        "temperature=0.3",
    ]
    done = CliRunner().invoke(
        cli, ["--home", str(tmp_path), "train", *options, "--epochs", "2", "--no-plot"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    said = done.stderr.splitlines()
    assert "Warning: temperature has no effect with the loss batch, only with supcon" in said
    assert "sees      hpcp, at most 128 frames, key normalised" in said
    assert "data      toy: 45 performances of 15 works" in said
    assert "pairs     train 54, validation 18, test 18, split by works" in said
    assert "training  2 epochs, loss batch, learning rate 0.001 (cosine), seed 0" in said
    assert "Warning: 3,000 train pairs were asked for, the collection has 54: half covers, half not" in said
    titles = said.index("epoch    loss  validation  accuracy  validation      left")
    assert [line.split()[0] for line in said[titles + 1 :] if line.startswith(" ")] == ["1/2", "2/2"]
    results = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in done.stdout.splitlines())
    assert results["pairs"] == "train 54, validation 18, test 18"
    assert re.fullmatch(r"[01]\.\d{3}", results["test_auc"])
    assert "{" not in done.stdout


@pytest.mark.parametrize("width", [80, 60])
def test_a_training_fits_on_narrow_terminals(tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    options = ["--dataset", str(root), "--out", "mine", "--epochs", "1", "--set", "loss=batch", "--no-plot"]
    options += ["--preset", "cnn"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["--home", ".", "train", *options], env={"COLUMNS": str(width)})
    assert done.exit_code == 0, done.output
    kinds = (
        "model ",
        "sees ",
        "data ",
        "pairs ",
        "training ",
        "   ",
        "  1/1 ",
        "epoch",
    )  # no warnings, and no progress
    said = [line for line in done.stderr.splitlines() if line.startswith(kinds)]
    training = "training  1 epoch, loss batch, learning rate 0.001 (cosine),"
    assert said[:-1] == [
        "model     cnn, masked pooling, head with positive weights",
        "sees      hpcp, at most 128 frames, key normalised",
        "data      toy: 45 performances of 15 works",
        "pairs     train 54, validation 18, test 18, split by works",
        *([f"{training} seed 0"] if width == 80 else [training, "          seed 0"]),
        "epoch    loss  validation  accuracy  validation      left",
    ]
    assert said[-1].split()[0] == "1/1"
    assert max(map(len, said)) <= width
    told = done.stderr.splitlines()
    assert max(map(len, told)) <= width
    assert [told[place + 1][:2] for place, line in enumerate(told) if line.startswith("Warning: ")] == ["  "] * 3
    assert max(map(len, done.stdout.splitlines())) <= width
