"""What build-index, add and query say to files of another frame rate, of impossible length and of too little sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from collection import FRAME_RATE, melody, write_collection, write_feature
from commands import Commands
from untrained import write_model

import covsearch
from covsearch.config import FeatureConfig
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.errors import UsageError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", features=FeatureConfig("hpcp", 120, FRAME_RATE))


@pytest.fixture
def home(tmp_path: Path, model: Path, command: Commands) -> Path:
    """An index of six performances of 2.69 frames/s."""
    toy = write_collection(tmp_path / "toy", works=2)
    command.out(tmp_path / "home", "build-index", "--dataset", toy, "--model", model)
    return tmp_path / "home"


def one(root: Path, frames: int, frame_rate: float | None) -> Path:
    """A folder of one performance of the subset `mine`; its file."""
    return write_feature(root, "mine", "hpcp", "W_100", "P_100", melody(1, frames), frame_rate)


def test_a_declaration_in_the_file_is_enough(home: Path, tmp_path: Path, command: Commands) -> None:
    silent, telling = one(tmp_path / "silent", 8000, None), one(tmp_path / "telling", 8000, DATACOS_RATE)
    for words in (("add", tmp_path / "silent"), ("query", "--file", silent)):
        came = command(home, *words)
        assert came.code == 2
        assert "no frame rate is declared, and the index has files of 2.69 frames/s: say --frame-rate" in came.err
    wrong = one(tmp_path / "wrong", 8000, -2.0)
    for words in (("add", wrong), ("add", tmp_path / "wrong"), ("query", "--file", wrong)):
        came = command(home, *words)
        assert came.code == 4
        assert f"{wrong}: attribute frame_rate says -2.0; expected a positive number of frames a second\n" in came.err
    assert "P_100_hpcp.h5 · read at 86.13 frames/s" in command.out(home, "query", "--file", telling)
    assert "Read at 86.13 frames/s." in command.out(home, "add", tmp_path / "telling")


def test_files_of_one_performance_must_not_have_two_rates(tmp_path: Path, command: Commands) -> None:
    both, toy = write_model(tmp_path / "both", features=FeatureConfig("hpcp+crema", 120)), tmp_path / "toy"
    write_collection(toy, features=("hpcp", "crema"))
    command.out(tmp_path / "home", "build-index", "--dataset", toy, "--model", both)
    paths = [
        write_feature(tmp_path / "x", "x", name, "W_1", "P_1", melody(1), rate)
        for name, rate in (("hpcp", 2.5), ("crema", 5))
    ]
    came = command(tmp_path / "home", "query", "--file", paths[0], "--file", paths[1])
    assert came.code == 2
    assert f"{paths[0]} has 2.5 frames/s and {paths[1]} has 5 frames/s: expected one rate" in came.err


def test_lengths_that_cannot_be_stop_build_add_and_query(model: Path, tmp_path: Path, command: Commands) -> None:
    slow = write_collection(tmp_path / "slow", works=1, versions=2, subset="slow", frame_rate=None)
    fast = write_collection(tmp_path / "fast", works=1, versions=2, frames=4000, frame_rate=None)
    home = tmp_path / "home"
    came = command(home, "build-index", "--dataset", slow, "--model", model)
    assert (came.code, came.err.count("\n")) == (2, 1)
    said = "expected 45 s to 20 min, found a median length of 2.8 s at 86.13 frames/s, which is only assumed"
    assert f"{slow}: {said}: say the files' frame rate with --frame-rate" in came.err
    command.out(home, "build-index", "--dataset", fast, "--model", model)
    for words in (("add", slow), ("query", "--file", one(tmp_path / "one", 240, None))):
        came = command(home, *words)
        assert (came.code, came.err.count("\n"), said in came.err) == (2, 1, True)
    command.out(home, "add", slow, "--frame-rate", "2.69")


def test_too_little_sound_is_skipped_by_build_and_add_and_refused_by_strict_and_query(
    model: Path, tmp_path: Path, command: Commands
) -> None:
    root, home = write_collection(tmp_path / "toy", works=2), tmp_path / "home"
    short = write_feature(root, "toy", "hpcp", "W_1", "P_2", melody(1, 11))
    said = "4.0 s of sound, at least 15 s are needed"
    skipped = [{"path": str(short.relative_to(root)), "reason": said}]
    report = command.json(home, "build-index", "--dataset", root, "--model", model)
    assert (report["performances"], report["skipped"]) == (5, skipped)
    more = tmp_path / "more"
    one(more, 240, FRAME_RATE)
    brief = write_feature(more, "mine", "hpcp", "W_100", "P_101", melody(1, 11))
    for added, there in (["P_100"], []), ([], ["P_100"]):  # and again
        report = command.json(home, "add", more)
        assert (report["added"], report["already_there"]) == (added, there)
        assert report["skipped"] == [{"path": str(brief.relative_to(more)), "reason": said}]
    for words in (
        ("build-index", "--dataset", root, "--model", model, "--strict"),
        ("add", root, "--strict"),
        ("add", short),
    ):
        came = command(home, *words)
        assert (came.code, came.err) == (4, f"Error: {short}: {said}\n")
    asked = command(home, "query", "--file", short)
    assert (asked.code, asked.err) == (4, f"Error: {short}: at 2.69 frames/s it has {said}\n")
    with pytest.raises(UsageError, match=r"^at 2\.00 frames/s the array has 14\.5 s of sound, at least 15 s"):
        covsearch.open(home).query(melody(1, 29), frame_rate=2)
    assert len(covsearch.open(home).query(np.tile(melody(1, 29), (2, 1)), frame_rate=2)) > 0
