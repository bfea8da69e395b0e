"""``covsearch dataset info``: one screen, JSON, pictures, and what it says of broken input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import Commands

from tests.hostile.trees import BROKEN_TREES, feature_file, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write_tree(tmp_path / "tree")
    return tmp_path / "tree"


def test_one_screen(tree: Path, command: Commands) -> None:
    lines = command.out(tree, "dataset", "info", tree).splitlines()
    assert lines[1:8] == [
        "subset        benchmark",
        "metadata      da-tacos_metadata/da-tacos_benchmark_subset_metadata.json",
        "works         2",
        "performances  3",
        "clique sizes  1 (1 work), 2 (1 work)",
        "years         1961 to 1961, known of 3 performances",
        "instrumental  unknown",
    ]
    rows = [line.split() for line in lines]
    assert ["hpcp", "3", "frames", "200", "200", "200", "200"] in rows
    assert ["minutes", "0.04", "0.04", "0.04", "0.04"] in rows
    assert any("minutes at 86.13 frames/s (given or known)" in line for line in lines)
    assert lines[-1] == "skipped: nothing"
    assert len(lines) < 24
    found = command.json(tree, "dataset", "info", tree, "--frame-rate", "100", "--check")
    assert (found["works"], found["performances"], found["checked"]) == (2, 3, "values")
    assert found["features"]["hpcp"]["minutes"]["max"] == pytest.approx(200 / 100 / 60)


def test_skipped_things_are_grouped_by_reason(tree: Path, command: Commands) -> None:
    for pid in ("P_15", "P_22"):
        feature_file(tree, pid, "W_14").write_text("no HDF5")
    for i in range(100, 110):
        feature_file(tree, f"P_{i}", "W_14").touch()
    lines = command.out(tree, "dataset", "info", tree).splitlines()
    folder = "da-tacos_benchmark_subset_hpcp/W_14_hpcp"
    assert lines[lines.index("skipped: 12") :] == [
        "skipped: 12",
        "     10  is not in the metadata JSON",
        f"         {folder}/P_100_hpcp.h5, {folder}/P_101_hpcp.h5, and 8 more",
        "      2  cannot be read as HDF5: file signature not found",
        f"         {folder}/P_15_hpcp.h5, {folder}/P_22_hpcp.h5",
    ]


def test_plot(tree: Path, tmp_path: Path, command: Commands) -> None:
    said = command(tree, "dataset", "info", tree, "--plot", tmp_path / "figures")
    drawn = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert (said.code, drawn) == (0, ["feature-distributions-hpcp.png", "lengths.png"])
    assert f"drew {tmp_path / 'figures' / 'lengths.png'}" in said.err


SECONDS = {  # each; `python -m benchmarks.broken_input` has them
    "file: a label of 100 MB",
    "metadata: 660,000 works, the last a list",
    "metadata: a million works",
    "metadata: two million works",
    "metadata: two million empty lists",
    "metadata: 32 MiB, four bytes a character",
}


@pytest.mark.parametrize("kind", sorted(BROKEN_TREES.keys() - SECONDS))
def test_broken_input_ends_with_its_message_and_exit_code(tmp_path: Path, kind: str, command: Commands) -> None:
    broken = BROKEN_TREES[kind]
    broken.build(tmp_path / "tree")
    came = command(tmp_path, "dataset", "info", tmp_path / "tree", "--strict", "--check")
    assert (came.code, came.out) == (broken.exit_code, "")
    message = came.err[came.err.index("Error: ") :]
    assert re.search(broken.message, message)
    assert message.count("\n") <= 2
