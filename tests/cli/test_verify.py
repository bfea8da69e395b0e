"""``covsearch verify`` and ``doctor`` of a damaged index; ``test_said`` has the table of a sound one."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Commands
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


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().swapcase())


def test_a_sound_index_lists_every_file_with_its_size(workspace: Workspace, command: Commands) -> None:
    lines = command.out(workspace, "verify").splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip().startswith(("index/", "db/"))}
    assert set(rows) == {"index/gen-0002/manifest.json", *stored_paths("gen-0002", OURS)}
    for path, (size, state) in rows.items():
        assert (int(size.replace(",", "")), state) == ((workspace.home / path).stat().st_size, "ok")
    sound = command.json(workspace, "verify")
    assert (sound["home"], sound["sound"], sound["mend"]) == (str(workspace.home), True, [])
    roles = [(g["name"], g["role"], g["sound"]) for g in sound["generations"]]
    assert roles == [("gen-0002", "current", True), ("gen-0001", "previous", True)]


def test_a_broken_file_is_named_with_what_mends_it_and_exit_4(workspace: Workspace, command: Commands) -> None:
    ids = workspace.index / "gen-0002" / "ids.json"
    damage(ids)
    answer = command(workspace, "verify")
    assert answer.code == 4
    assert answer.err.startswith(f"Error: {ids}: was changed since it was built: expected SHA-256 ")
    assert answer.err.endswith("run `covsearch build-index`\n")
    assert [line.split()[0] for line in answer.out.splitlines() if "WRONG" in line] == ["index/gen-0002/ids.json"]
    assert "to mend it: covsearch build-index --windows\n" in answer.out
    assert "until then, to answer from the one before: echo gen-0001 " in answer.out
    damage(workspace.db / "gen-0002.sqlite3")
    assert command(workspace, "verify").err.endswith("(and 1 more)\n")


def test_a_broken_generation_before_is_a_warning_and_exit_0(workspace: Workspace, command: Commands) -> None:
    damage(workspace.index / "gen-0001" / "ids.json")
    answer = command(workspace, "verify")
    assert answer.code == 0
    assert answer.out.splitlines()[-1].startswith("gen-0001 (previous): 1 wrong")
    assert answer.err.startswith("warning: gen-0001 (previous, queries do not read it): ")
    assert answer.err.count("\n") == 1


def test_json_and_doctor_tell_of_it_and_end_with_4(workspace: Workspace, command: Commands) -> None:
    ids = workspace.index / "gen-0002" / "ids.json"
    damage(ids)
    broken = command.ended_json(4, workspace, "verify")
    assert broken["sound"] is False
    wrong = [check["what"] for check in broken["generations"][0]["checks"] if check["problem"]]
    assert wrong == ["index/gen-0002/ids.json"]
    answer = command(workspace, "doctor")
    assert answer.code == 4
    assert answer.err.startswith(f"Error: {ids}: was changed since it was built")
    assert f"  gen-0002: current · {ids}: was changed" in answer.out
    assert "FAISS\n" in answer.out
    told = command.ended_json(4, workspace, "doctor")
    assert list(told["sections"])[-1] == "workspace"
    assert told["problems"] == [answer.err.removeprefix("Error: ").strip()]


def test_doctor_needs_no_index_and_is_plain_text(tmp_path: Path, command: Commands) -> None:
    answer = command(tmp_path, "doctor")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    headings = [line for line in lines if not line.startswith("  ")]
    assert (headings[0], headings[-1]) == ("covsearch", "workspace")
    assert all(": " in line for line in lines if line.startswith("  "))
    assert f"  home: {tmp_path}" in lines
    assert "\x1b" not in answer.out
