"""``covsearch build-index``: what it says and what it lists; ``test_exit_codes`` has what it refuses."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from collection import write_collection
from commands import Commands
from untrained import write_model

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.index.publish import builder_lock
from covsearch.models import load_checkpoint
from covsearch.workspace import Workspace


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Eight works of three performances, of 46 s at the frame rate that is assumed of them."""
    return write_collection(tmp_path / "toy", frames=4000, frame_rate=None)


def test_the_summary_says_what_is_in_the_index_and_json_lists_everything(
    toy: Path, model: Path, tmp_path: Path, command: Commands
) -> None:
    words, fingerprint = ("build-index", "--dataset", toy, "--model", model), load_checkpoint(model).fingerprint
    files = open_dataset(toy).files
    files["P_2"]["hpcp"].unlink()
    report = command.json(tmp_path / "home", *words)
    assert report.pop("seconds") > 0
    assert report == {
        "performances": 23,
        "works": 8,
        "skipped": [{"path": "W_1/P_2", "reason": "has no hpcp file"}],
        "generation": "gen-0001",
        "model": fingerprint,
        "features": asdict(FeatureConfig("hpcp", 120)),
        "subset": "toy",
        "frame_rate": 44_100 / 512,
        "rate_is_known": False,
        "windows": None,
        "unused_metadata": [],
    }
    for pid in list(files)[:7]:
        files[pid]["hpcp"].write_bytes(b"broken")
    lines = command.out(tmp_path / "home", *words).splitlines()
    assert lines[0].startswith("Indexed 17 performances of 6 works in ")
    assert (
        lines[1] == f"gen-0002 · collection toy · model {fingerprint} · hpcp, at most 120 frames, in the key as played"
    )
    assert lines[2] == "Skipped 7:"
    assert [line.split(":")[0].strip() for line in lines[3:8]] == [
        f"da-tacos_toy_subset_hpcp/W_{1 + (n - 1) // 3}_hpcp/P_{n}_hpcp.h5" for n in range(1, 6)
    ]
    assert lines[8] == "  and 2 more; --json lists all"
    with builder_lock(Workspace(tmp_path / "home")):
        assert "another build is running" in command(tmp_path / "home", *words).err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "2.69 frames/s (of 86.13, assumed: say --frame-rate if it is not), at most 120 frames"),
        (["--frame-rate", "21.5"], "2.69 frames/s (of 21.50), at most 120 frames"),
    ],
)
def test_a_model_with_its_own_frame_rate_says_it(
    toy: Path, tmp_path: Path, options: list[str], said: str, command: Commands
) -> None:
    slow = write_model(tmp_path / "slow", features=FeatureConfig("hpcp", 120, SLOW_RATE))
    assert said in command.out(tmp_path / "home", "build-index", "--dataset", toy, "--model", slow, *options)


def test_windows_are_counted(songs: Path, tmp_path: Path, command: Commands) -> None:
    rated = write_model(tmp_path / "rated", features=FeatureConfig("hpcp", 2000, rate=SLOW_RATE))
    words = ("build-index", "--dataset", songs, "--model", rated, "--windows", "--frame-rate", SLOW_RATE)
    said = command.out(tmp_path / "home", *words)
    assert said.startswith("Indexed 24 performances of 8 works and 24 windows in ")
    assert command.json(tmp_path / "home", *words)["windows"] == 24
