from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from covsearch.cli import main
from tests.hostile.trees import BROKEN_TREES, feature_file, write_tree


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Exit code of ``covsearch dataset info WORDS``, in this process."""
    monkeypatch.setattr(sys, "argv", ["covsearch", "dataset", "info", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_one_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path)
    assert run(monkeypatch, str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[1:8] == [
        "subset        benchmark",
        "metadata      da-tacos_metadata/da-tacos_benchmark_subset_metadata.json",
        "works         2",
        "performances  3",
        "clique sizes  1 (1 work), 2 (1 work)",
        "years         1961 to 1961, known of 3 performances",
        "instrumental  unknown",
    ]
    rows = [line.split() for line in shown.splitlines()]
    assert ["hpcp", "3", "frames", "200", "200", "200", "200"] in rows
    assert ["minutes", "0.04", "0.04", "0.04", "0.04"] in rows
    assert "minutes at 86.13 frames/s (given or known)" in shown
    assert shown.splitlines()[-1] == "skipped: nothing"
    assert len(shown.splitlines()) < 24


def test_skipped_things_are_grouped_by_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(tmp_path)
    for pid in ("P_15", "P_22"):
        feature_file(tmp_path, pid, "W_14").write_text("no HDF5")
    for i in range(100, 110):
        feature_file(tmp_path, f"P_{i}", "W_14").touch()
    assert run(monkeypatch, str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    folder = "da-tacos_benchmark_subset_hpcp/W_14_hpcp"
    assert lines[lines.index("skipped: 12") :] == [
        "skipped: 12",
        "     10  is not in the metadata JSON",
        f"         {folder}/P_100_hpcp.h5, {folder}/P_101_hpcp.h5, and 8 more",
        "      2  cannot be read as HDF5: file signature not found",
        f"         {folder}/P_15_hpcp.h5, {folder}/P_22_hpcp.h5",
    ]


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path)
    assert run(monkeypatch, str(tmp_path), "--json", "--frame-rate", "100", "--check") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["works"], found["performances"], found["checked"]) == (2, 3, "values")
    assert found["features"]["hpcp"]["minutes"]["max"] == pytest.approx(200 / 100 / 60)


def test_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path / "tree")
    assert run(monkeypatch, str(tmp_path / "tree"), "--plot", str(tmp_path / "figures")) == 0
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "feature-distributions-hpcp.png",
        "lengths.png",
    ]
    assert f"drew {tmp_path / 'figures' / 'lengths.png'}" in capsys.readouterr().err


SECONDS = {  # each; `python -m benchmarks.broken_input` has them
    "file: a label of 100 MB",
    "metadata: 660,000 works, the last a list",
    "metadata: a million works",
    "metadata: two million works",
    "metadata: two million empty lists",
    "metadata: 32 MiB, four bytes a character",
}


@pytest.mark.parametrize("kind", sorted(BROKEN_TREES.keys() - SECONDS))
def test_broken_input_ends_with_its_message_and_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    tree = BROKEN_TREES[kind]
    tree.build(tmp_path / "tree")
    assert run(monkeypatch, str(tmp_path / "tree"), "--strict", "--check") == tree.exit_code
    captured = capsys.readouterr()
    message = captured.err[captured.err.index("Error: ") :]
    assert re.search(tree.message, message)
    assert message.count("\n") <= 2
    assert captured.out == ""


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
def test_a_frame_rate_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    write_tree(tmp_path)
    assert run(monkeypatch, str(tmp_path), "--frame-rate", rate) == 2


def test_a_process_of_its_own_imports_nothing_heavy(tmp_path: Path) -> None:
    write_tree(tmp_path)
    code = (
        "import sys; from covsearch.cli import cli; "
        f"cli(['dataset', 'info', {str(tmp_path)!r}], standalone_mode=False); "
        "print(sorted({'torch', 'pennylane', 'sklearn', 'matplotlib', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
