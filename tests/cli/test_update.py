"""``covsearch add`` and ``covsearch remove``: what they say; ``test_exit_codes`` has what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from collection import melody, write_collection, write_feature
from commands import Commands

from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.indexing import build_index
from covsearch.workspace import Workspace


@pytest.fixture
def home(model: Path, tmp_path: Path) -> Path:
    """Two works of three performances."""
    toy = write_collection(tmp_path / "toy", works=2, frames=1400, frame_rate=DATACOS_RATE)
    build_index(toy, model, Workspace(tmp_path / "home"))
    return tmp_path / "home"


def test_adding_says_what_is_new_what_was_there_and_what_is_skipped(
    home: Path, tmp_path: Path, command: Commands
) -> None:
    for n in range(7, 19):
        path = write_feature(tmp_path / "more", "more", "hpcp", "W_3", f"P_{n}", melody(n, 1400), DATACOS_RATE)
    broken = write_feature(tmp_path / "more", "more", "hpcp", "W_3", "P_19", melody(19))
    broken.write_bytes(b"junk")
    lines = command.out(home, "add", tmp_path / "more").splitlines()
    assert lines[0].startswith("Added 12 performances in ")
    assert lines[0].endswith(" s: P_7, P_8, P_9, P_10, P_11, P_12, P_13, P_14, P_15, P_16 and 2 more.")
    assert lines[1] == "Read at 86.13 frames/s."
    assert lines[2:4] == ["gen-0002 holds 18 performances of 3 works.", "Skipped 1:"]
    assert lines[4].startswith("  da-tacos_more_subset_hpcp/W_3_hpcp/P_19_hpcp.h5: cannot be read as HDF5")
    broken.unlink()
    again = command.out(home, "add", tmp_path / "more").splitlines()
    there = ["Nothing is new: 12 were there already.", "Read at 86.13 frames/s."]
    assert again == [*there, "gen-0002 holds 18 performances of 3 works."]
    command.out(home, "remove", "P_18")
    report = command.json(home, "add", path, tmp_path / "toy")
    assert report.pop("seconds") > 0
    assert report == {
        "added": ["P_18"],
        "already_there": [f"P_{n}" for n in range(1, 7)],
        "skipped": [],
        "performances": 18,
        "works": 3,
        "generation": "gen-0004",
        "frame_rates": [44_100 / 512],
        "unused_metadata": [],
    }


def test_removing_says_what_went_and_what_was_not_there(home: Path, command: Commands) -> None:
    result = command(home, "remove", "P_2", "P_99")
    assert result.out == "Removed 1 performance: P_2.\ngen-0002 holds 5 performances of 2 works.\n"
    assert result.err == "not in the index: P_99\n"
    again = command(home, "remove", "P_2")
    assert (again.code, again.out) == (0, "Nothing was removed.\ngen-0002 holds 5 performances of 2 works.\n")
    gone = command(home, "query", "P_2")
    assert (gone.code, gone.out) == (3, "")
    answer = command.json(home, "query", "P_1")
    assert {match["pid"] for match in answer["matches"]} == {"P_3", "P_4", "P_5", "P_6"}
    assert command.json(home, "remove", "P_3", "P_2") == {
        "removed": ["P_3"],
        "not_there": ["P_2"],
        "performances": 4,
        "works": 2,
        "generation": "gen-0003",
    }
