from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from published import publish

from covsearch.index.generation import stored_paths
from covsearch.index.parts import OURS
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    publish(workspace, windows=True)
    publish(workspace, seed=1, windows=True)
    return workspace


def run(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covsearch", "--home", str(workspace.home), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().swapcase())


def test_a_sound_index_is_a_table_and_exit_0(workspace: Workspace) -> None:
    answer = run(workspace, "verify")
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("gen-0002 (current): sound · 40 performances of 14 works, model cnn-")
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip().startswith(("index/", "db/"))}
    assert set(rows) == {"index/gen-0002/manifest.json", *stored_paths("gen-0002", OURS)}
    for path, (size, state) in rows.items():
        assert (int(size.replace(",", "")), state) == ((workspace.home / path).stat().st_size, "ok")
    assert lines[-1].startswith("gen-0001 (previous): sound")


def test_a_broken_file_is_named_with_what_mends_it_and_exit_4(workspace: Workspace) -> None:
    ids = workspace.index / "gen-0002" / "ids.json"
    damage(ids)
    answer = run(workspace, "verify")
    assert answer.returncode == 4
    assert answer.stderr.startswith(f"Error: {ids}: was changed since it was built: expected SHA-256 ")
    assert answer.stderr.endswith("run `covsearch build-index`\n")
    assert [line.split()[0] for line in answer.stdout.splitlines() if "WRONG" in line] == ["index/gen-0002/ids.json"]
    assert "to mend it: covsearch build-index --windows\n" in answer.stdout
    assert "until then, to answer from the one before: echo gen-0001 " in answer.stdout
    damage(workspace.db / "gen-0002.sqlite3")
    assert run(workspace, "verify").stderr.endswith("(and 1 more)\n")


def test_a_broken_generation_before_is_a_warning_and_exit_0(workspace: Workspace) -> None:
    damage(workspace.index / "gen-0001" / "ids.json")
    answer = run(workspace, "verify")
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-1].startswith("gen-0001 (previous): 1 wrong")
    assert answer.stderr.startswith("warning: gen-0001 (previous, queries do not read it): ")
    assert answer.stderr.count("\n") == 1


def test_json_tells_every_check(workspace: Workspace) -> None:
    sound = json.loads(run(workspace, "verify", "--json").stdout)
    assert (sound["home"], sound["sound"], sound["mend"]) == (str(workspace.home), True, [])
    assert [(g["name"], g["role"], g["sound"]) for g in sound["generations"]] == [
        ("gen-0002", "current", True),
        ("gen-0001", "previous", True),
    ]
    damage(workspace.index / "gen-0002" / "ids.json")
    answer = run(workspace, "verify", "--json")
    assert answer.returncode == 4
    broken = json.loads(answer.stdout)
    assert broken["sound"] is False
    assert [check["what"] for check in broken["generations"][0]["checks"] if check["problem"]] == [
        "index/gen-0002/ids.json"
    ]


def test_no_index_is_exit_3(tmp_path: Path) -> None:
    answer = run(Workspace(tmp_path), "verify")
    assert (answer.returncode, answer.stdout) == (3, "")
    assert "run `covsearch build-index` first" in answer.stderr


@pytest.mark.parametrize("command", ["verify", "stats"])
def test_neither_imports_a_network(workspace: Workspace, command: str) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from covsearch.cli import cli\n"
        f"result = CliRunner().invoke(cli, ['--home', {str(workspace.home)!r}, {command!r}], catch_exceptions=False)\n"
        "print(result.exit_code, [m for m in ('torch', 'sklearn', 'pennylane', 'h5py') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "0 []\n"
