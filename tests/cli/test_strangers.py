"""What build-index, add and query say to files of another frame rate, of impossible length and of too little sound."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from collection import FRAME_RATE, melody, write_collection, write_feature

import covsearch
from covsearch.cli import cli, main
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.errors import UsageError
from covsearch.models import Siamese, save_checkpoint


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = ModelConfig(features=FeatureConfig("hpcp", 120, FRAME_RATE))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    return tmp_path / "model"


@pytest.fixture
def home(tmp_path: Path, model: Path) -> Path:
    """An index of six performances of 2.69 frames/s."""
    assert build(tmp_path / "home", model, write_collection(tmp_path / "toy", works=2)).exit_code == 0
    return tmp_path / "home"


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *map(str, arguments)], catch_exceptions=False)


def build(home: Path, model: Path, dataset: Path, *more: str) -> Result:
    return run(home, "build-index", "--dataset", dataset, "--model", model, *more)


def failure(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and stderr of a command that fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["covsearch", "--home", str(home), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(str(ended.value.code)), capsys.readouterr().err


def one(root: Path, frames: int, frame_rate: float | None) -> Path:
    """A folder of one performance of the subset `mine`; its file."""
    return write_feature(root, "mine", "hpcp", "W_100", "P_100", melody(1, frames), frame_rate)


def test_a_declaration_in_the_file_is_enough(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent, telling = one(tmp_path / "silent", 8000, None), one(tmp_path / "telling", 8000, DATACOS_RATE)
    for command in (("add", tmp_path / "silent"), ("query", "--file", silent)):
        code, err = failure(capsys, home, *command)
        assert code == 2
        assert "no frame rate is declared, and the index has files of 2.69 frames/s: say --frame-rate" in err
    wrong = one(tmp_path / "wrong", 8000, -2.0)
    for command in (("add", wrong), ("add", tmp_path / "wrong"), ("query", "--file", wrong)):
        code, err = failure(capsys, home, *command)
        assert code == 4
        assert f"{wrong}: attribute frame_rate says -2.0; expected a positive number of frames a second\n" in err
    assert "P_100_hpcp.h5 · read at 86.13 frames/s" in run(home, "query", "--file", telling).stdout
    assert "Read at 86.13 frames/s." in run(home, "add", tmp_path / "telling").stdout


def test_files_of_one_performance_must_not_have_two_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ModelConfig(features=FeatureConfig("hpcp+crema", 120))
    save_checkpoint(tmp_path / "both", Siamese(config).eval(), config)
    build(tmp_path / "home", tmp_path / "both", write_collection(tmp_path / "toy", features=("hpcp", "crema")))
    paths = [
        write_feature(tmp_path / "x", "x", name, "W_1", "P_1", melody(1), rate)
        for name, rate in (("hpcp", 2.5), ("crema", 5))
    ]
    code, err = failure(capsys, tmp_path / "home", "query", "--file", paths[0], "--file", paths[1])
    assert code == 2
    assert f"{paths[0]} has 2.5 frames/s and {paths[1]} has 5 frames/s: expected one rate" in err


def test_lengths_that_cannot_be_stop_build_add_and_query(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = write_collection(tmp_path / "slow", works=1, versions=2, subset="slow", frame_rate=None)
    fast = write_collection(tmp_path / "fast", works=1, versions=2, frames=4000, frame_rate=None)
    home = tmp_path / "home"
    code, err = failure(capsys, home, "build-index", "--dataset", slow, "--model", model)
    assert (code, err.count("\n")) == (2, 1)
    said = "expected 45 s to 20 min, found a median length of 2.8 s at 86.13 frames/s, which is only assumed"
    assert f"{slow}: {said}: say the files' frame rate with --frame-rate" in err
    assert build(home, model, fast).exit_code == 0
    for command in (("add", slow), ("query", "--file", one(tmp_path / "one", 240, None))):
        code, err = failure(capsys, home, *command)
        assert (code, err.count("\n"), said in err) == (2, 1, True)
    assert run(home, "add", slow, "--frame-rate", "2.69").exit_code == 0


def test_too_little_sound_is_skipped_by_build_and_add_and_refused_by_strict_and_query(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, home = write_collection(tmp_path / "toy", works=2), tmp_path / "home"
    short = write_feature(root, "toy", "hpcp", "W_1", "P_2", melody(1, 11))
    said = "4.0 s of sound, at least 15 s are needed"
    skipped = [{"path": str(short.relative_to(root)), "reason": said}]
    report = json.loads(build(home, model, root, "--json").stdout)
    assert (report["performances"], report["skipped"]) == (5, skipped)
    more = tmp_path / "more"
    one(more, 240, FRAME_RATE)
    brief = write_feature(more, "mine", "hpcp", "W_100", "P_101", melody(1, 11))
    for added, there in (["P_100"], []), ([], ["P_100"]):  # and again
        report = json.loads(run(home, "add", more, "--json").stdout)
        assert (report["added"], report["already_there"]) == (added, there)
        assert report["skipped"] == [{"path": str(brief.relative_to(more)), "reason": said}]
    for command in (
        ("build-index", "--dataset", root, "--model", model, "--strict"),
        ("add", root, "--strict"),
        ("add", short),
    ):
        assert failure(capsys, home, *command) == (4, f"Error: {short}: {said}\n")
    asked = failure(capsys, home, "query", "--file", short)
    assert asked == (4, f"Error: {short}: at 2.69 frames/s it has {said}\n")
    with pytest.raises(UsageError, match=r"^at 2\.00 frames/s the array has 14\.5 s of sound, at least 15 s"):
        covsearch.open(home).query(melody(1, 29), frame_rate=2)
    assert len(covsearch.open(home).query(np.tile(melody(1, 29), (2, 1)), frame_rate=2)) > 0
