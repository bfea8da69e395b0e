from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from published import FINGERPRINT, publish

from covsearch.cli import cli
from covsearch.stats import read_stats
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    publish(Workspace(tmp_path))
    return Workspace(tmp_path)


def stdout(workspace: Workspace, *arguments: str) -> str:
    return CliRunner().invoke(cli, ["--home", str(workspace.home), *arguments], catch_exceptions=False).output


def test_a_line_a_fact(workspace: Workspace) -> None:
    facts = dict(line.split(maxsplit=1) for line in stdout(workspace, "stats").splitlines())
    found = read_stats(workspace)
    assert facts["workspace"] == str(workspace.home)
    assert facts["generation"] == f"gen-0001, built {found.manifest.created} by covsearch {found.manifest.covsearch}"
    assert facts["dataset"] == "the bundled sample, subset generated, 86.13 frames/s"
    assert facts["performances"] == "40 of 14 works, 1 with one performance only"
    assert facts["cover"] == "pairs  39"
    assert facts["model"] == f"{FINGERPRINT} sees hpcp, at most 2,000 frames, key played"
    assert facts["windows"] == "none; `covsearch build-index --windows` adds them"
    assert facts["gen-0001"] == f"{found.bytes_of['gen-0001'] / 1e6:.1f} MB (current)"
    assert facts["cache"] == "0.0 MB"


def test_windows_are_told_in_seconds(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), windows=True)
    count = read_stats(Workspace(tmp_path)).windows
    assert f"windows      {count} of 90 s, one every 30 s\n" in stdout(Workspace(tmp_path), "stats")


def test_json_has_the_same(workspace: Workspace) -> None:
    answer: dict[str, Any] = json.loads(stdout(workspace, "stats", "--json"))
    found = read_stats(workspace)
    assert (answer["home"], answer["generation"], answer["created"]) == (
        str(workspace.home),
        "gen-0001",
        found.manifest.created,
    )
    assert (answer["performances"], answer["works"], answer["cover_pairs"]) == (40, 14, 39)
    assert answer["clique_sizes"] == {"1": 1, "3": 13}
    assert (answer["model"], answer["features"]["features"]) == (FINGERPRINT, "hpcp")
    assert (answer["windows"], answer["window_recipe"]) == (None, None)
    assert answer["bytes"] == found.bytes_of
