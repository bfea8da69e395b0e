from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from collection import melody, write_collection, write_feature

from covsearch.cli import cli
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.indexing import build_index
from covsearch.models import Siamese, save_checkpoint
from covsearch.workspace import Workspace


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two works of three performances."""
    config = ModelConfig(features=FeatureConfig("hpcp", 120))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    toy = write_collection(tmp_path / "toy", works=2, frames=1400, frame_rate=DATACOS_RATE)
    build_index(toy, tmp_path / "model", Workspace(tmp_path / "home"))
    return tmp_path / "home"


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *map(str, arguments)], catch_exceptions=False)


def process(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covsearch", "--home", home, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_adding_says_what_is_new_what_was_there_and_what_is_skipped(home: Path, tmp_path: Path) -> None:
    for n in range(7, 19):
        write_feature(tmp_path / "more", "more", "hpcp", "W_3", f"P_{n}", melody(n, 1400), DATACOS_RATE)
    broken = write_feature(tmp_path / "more", "more", "hpcp", "W_3", "P_19", melody(19))
    broken.write_bytes(b"junk")
    lines = run(home, "add", tmp_path / "more").stdout.splitlines()
    assert lines[0].startswith("Added 12 performances in ")
    assert lines[0].endswith(" s: P_7, P_8, P_9, P_10, P_11, P_12, P_13, P_14, P_15, P_16 and 2 more.")
    assert lines[1] == "Read at 86.13 frames/s."
    assert lines[2:4] == ["gen-0002 holds 18 performances of 3 works.", "Skipped 1:"]
    assert lines[4].startswith("  da-tacos_more_subset_hpcp/W_3_hpcp/P_19_hpcp.h5: cannot be read as HDF5")
    broken.unlink()
    again = run(home, "add", tmp_path / "more").stdout.splitlines()
    there = ["Nothing is new: 12 were there already.", "Read at 86.13 frames/s."]
    assert again == [*there, "gen-0002 holds 18 performances of 3 works."]


def test_adding_as_json(home: Path, tmp_path: Path) -> None:
    path = write_feature(tmp_path / "more", "more", "hpcp", "W_3", "P_7", melody(7, 1400), DATACOS_RATE)
    report = json.loads(run(home, "add", path, tmp_path / "toy", "--json").stdout)
    assert report.pop("seconds") > 0
    assert report == {
        "added": ["P_7"],
        "already_there": [f"P_{n}" for n in range(1, 7)],
        "skipped": [],
        "performances": 7,
        "works": 3,
        "generation": "gen-0002",
        "frame_rates": [44_100 / 512],
        "unused_metadata": [],
    }


def test_removing_says_what_went_and_what_was_not_there(home: Path) -> None:
    result = run(home, "remove", "P_2", "P_99")
    assert result.stdout == "Removed 1 performance: P_2.\ngen-0002 holds 5 performances of 2 works.\n"
    assert result.stderr == "not in the index: P_99\n"
    again = run(home, "remove", "P_2")
    assert (again.exit_code, again.stdout) == (0, "Nothing was removed.\ngen-0002 holds 5 performances of 2 works.\n")
    assert json.loads(run(home, "remove", "P_3", "P_2", "--json").stdout) == {
        "removed": ["P_3"],
        "not_there": ["P_2"],
        "performances": 4,
        "works": 2,
        "generation": "gen-0003",
    }


def test_a_removed_performance_is_not_found_and_not_answered(home: Path) -> None:
    run(home, "remove", "P_2")
    gone = process(home, "query", "P_2")
    assert (gone.returncode, gone.stdout) == (3, "")
    answer = json.loads(run(home, "query", "P_1", "--json").stdout)
    assert {match["pid"] for match in answer["matches"]} == {"P_3", "P_4", "P_5", "P_6"}


def test_failures_are_one_line_and_have_their_exit_codes(home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "in" / "W_9_hpcp" / "P_9_hpcp.h5"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"junk")
    known = tmp_path / "other" / "W_1_hpcp" / "P_2_hpcp.h5"
    known.parent.mkdir(parents=True)
    write_feature(tmp_path / "x", "x", "hpcp", "W_1", "P_2", melody(44, 1400), DATACOS_RATE).rename(known)
    cases = [
        (1, "P_2 is in the index with another hpcp file", ["add", known]),
        (2, "expected a file called W_<number>", ["add", home / "index" / "CURRENT"]),
        (2, "'P\\n2' is no performance id", ["remove", "P\n2"]),
        (2, "these are all 6 that it has", ["remove", *(f"P_{n}" for n in range(1, 7))]),
        (3, "nowhere is not there", ["add", tmp_path / "nowhere"]),
        (4, "P_9_hpcp.h5: cannot be read as HDF5", ["add", bad]),
    ]
    for code, message, arguments in cases:
        answer = process(home, *arguments)
        assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
        assert answer.stderr.startswith("Error: ")
        assert message in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_removing_imports_no_torch(home: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from covsearch.cli import cli\n"
        f"result = CliRunner().invoke(cli, ['--home', {str(home)!r}, 'remove', 'P_1'], catch_exceptions=False)\n"
        "print(result.output, [m for m in ('torch', 'sklearn', 'pennylane') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[0] == "Removed 1 performance: P_1."
    assert answer.stdout.splitlines()[-1] == " []"
