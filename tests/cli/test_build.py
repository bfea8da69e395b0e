from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from collection import write_collection

from covsearch.cli import cli
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.index.publish import builder_lock
from covsearch.models import Siamese, load_checkpoint, save_checkpoint
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Eight works of three performances, of 46 s at the frame rate that is assumed of them."""
    return write_collection(tmp_path / "toy", frames=4000, frame_rate=None)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = ModelConfig(features=FeatureConfig("hpcp", 120))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    return tmp_path / "model"


def arguments(home: Path, toy: Path, model: Path, *more: str) -> list[str]:
    return ["--home", str(home), "build-index", "--dataset", str(toy), "--model", str(model), *more]


def test_the_summary_says_what_is_in_the_index_and_what_is_not(toy: Path, model: Path, tmp_path: Path) -> None:
    files = open_dataset(toy).files
    for pid in list(files)[:7]:
        files[pid]["hpcp"].write_bytes(b"broken")
    result = CliRunner().invoke(cli, arguments(tmp_path / "home", toy, model), catch_exceptions=False)
    lines = result.stdout.splitlines()
    fingerprint = load_checkpoint(model).fingerprint
    assert lines[0].startswith("Indexed 17 performances of 6 works in ")
    assert lines[1] == f"gen-0001 · subset toy · model {fingerprint} · hpcp, at most 120 frames, key played"
    assert lines[2] == "Skipped 7:"
    assert [line.split(":")[0].strip() for line in lines[3:8]] == [
        f"da-tacos_toy_subset_hpcp/W_{1 + (n - 1) // 3}_hpcp/P_{n}_hpcp.h5" for n in range(1, 6)
    ]
    assert lines[8] == "  and 2 more; --json lists all"


def test_json_lists_everything(toy: Path, model: Path, tmp_path: Path) -> None:
    open_dataset(toy).files["P_2"]["hpcp"].unlink()
    result = CliRunner().invoke(cli, arguments(tmp_path / "home", toy, model, "--json"), catch_exceptions=False)
    report = json.loads(result.stdout)
    assert report.pop("seconds") > 0
    assert report == {
        "performances": 23,
        "works": 8,
        "skipped": [{"path": "W_1/P_2", "reason": "has no hpcp file"}],
        "generation": "gen-0001",
        "model": load_checkpoint(model).fingerprint,
        "features": asdict(FeatureConfig("hpcp", 120)),
        "subset": "toy",
        "frame_rate": 44_100 / 512,
        "rate_is_known": False,
        "windows": None,
        "unused_metadata": [],
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "2.69 frames/s (of 86.13, assumed: say --frame-rate if it is not), at most 120 frames"),
        (["--frame-rate", "21.5"], "2.69 frames/s (of 21.50), at most 120 frames"),
    ],
)
def test_a_model_with_its_own_frame_rate_says_it(toy: Path, tmp_path: Path, options: list[str], said: str) -> None:
    config = ModelConfig(features=FeatureConfig("hpcp", 120, SLOW_RATE))
    save_checkpoint(tmp_path / "slow", Siamese(config).eval(), config)
    line = arguments(tmp_path / "home", toy, tmp_path / "slow", *options)
    assert said in CliRunner().invoke(cli, line, catch_exceptions=False).stdout


def test_what_cannot_be_built_leaves_the_index_before(toy: Path, model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    CliRunner().invoke(cli, arguments(home, toy, model), catch_exceptions=False)
    (tmp_path / "empty").mkdir()
    open_dataset(toy).files["P_2"]["hpcp"].write_bytes(b"broken")
    failures: list[tuple[list[str], type[CovsearchError], str]] = [
        (arguments(home, toy, model, "--strict"), ArtefactError, "P_2_hpcp.h5"),
        (arguments(home, toy, tmp_path / "nowhere"), NotFoundError, "expected a checkpoint folder"),
        (arguments(home, tmp_path / "empty", model), NotFoundError, "no Da-TACOS feature folder"),
        (arguments(home, toy, model, "--subset", "benchmark"), NotFoundError, "no subset 'benchmark'"),
        (arguments(home, toy, model, "--frame-rate", "0"), UsageError, "must be a positive number"),
    ]
    for line, error, message in failures:
        result = CliRunner().invoke(cli, line)
        assert isinstance(result.exception, error)
        assert message in str(result.exception)
    assert open_searcher(Workspace(home)).query("P_2").generation == "gen-0001"


def test_a_second_build_says_that_one_is_running(toy: Path, model: Path, tmp_path: Path) -> None:
    with builder_lock(Workspace(tmp_path / "home")):
        result = CliRunner().invoke(cli, arguments(tmp_path / "home", toy, model))
    assert isinstance(result.exception, CovsearchError)
    assert "another build is running" in str(result.exception)


def test_windows_are_counted_and_only_of_a_model_with_a_frame_rate(model: Path, tmp_path: Path) -> None:
    toy = write_collection(tmp_path / "short")
    config = ModelConfig(features=FeatureConfig("hpcp", 2000, rate=SLOW_RATE))
    save_checkpoint(tmp_path / "rated", Siamese(config).eval(), config)
    more = ("--windows", "--frame-rate", str(SLOW_RATE))
    result = CliRunner().invoke(cli, arguments(tmp_path / "home", toy, tmp_path / "rated", *more))
    assert result.stdout.startswith("Indexed 24 performances of 8 works and 24 windows in ")
    answer = CliRunner().invoke(cli, arguments(tmp_path / "home", toy, tmp_path / "rated", *more, "--json"))
    assert json.loads(answer.stdout)["windows"] == 24
    with pytest.raises(UsageError, match=r"windows need a model with a frame rate \(`covsearch train --rate 2\.69`\)"):
        CliRunner().invoke(cli, arguments(tmp_path / "home", toy, model, "--windows"), catch_exceptions=False)
