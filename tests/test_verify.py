from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from published import current_name, publish, reseal

from covsearch.errors import NotFoundError
from covsearch.index.generation import CURRENT, open_generation, stored_paths
from covsearch.index.manifest import StoredFile
from covsearch.index.parts import OURS
from covsearch.index.verified import STAMP
from covsearch.store.local import verify
from covsearch.verify import PREVIOUS, PUBLISHED, UNPUBLISHED, verify_workspace
from covsearch.workspace import Workspace

STORED = stored_paths("gen-0002", OURS)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two generations, both with windows."""
    workspace = Workspace(tmp_path)
    publish(workspace, windows=True)
    publish(workspace, seed=1, windows=True)
    return workspace


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_sound_workspace_has_every_file_and_agreement_checked(workspace: Workspace) -> None:
    found = verify_workspace(workspace)
    assert [(g.name, g.role, g.problems) for g in (found.current, *found.others)] == [
        ("gen-0002", PUBLISHED, ()),
        ("gen-0001", PREVIOUS, ()),
    ]
    files = [check.what for check in found.current.checks if check.size is not None]
    assert files == ["index/gen-0002/manifest.json", *STORED]
    sizes = [check.size for check in found.current.checks if check.size is not None]
    assert sizes == [(workspace.home / path).stat().st_size for path in files]
    assert len(found.current.checks) == len(files) + 6
    assert found.mend == ()


def test_without_windows_there_is_one_agreement_less(tmp_path: Path) -> None:
    publish(Workspace(tmp_path))
    checks = verify_workspace(Workspace(tmp_path)).current.checks
    assert len([check for check in checks if check.size is None]) == 5


def test_nothing_to_verify_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="run `covsearch build-index` first"):
        verify_workspace(Workspace(tmp_path))


@pytest.mark.parametrize("path", [*STORED, "index/gen-0002/manifest.json"])
def test_a_flipped_bit_is_found_in_its_file_and_nowhere_else(workspace: Workspace, path: str) -> None:
    flip(workspace.home / path)
    found = verify_workspace(workspace)
    assert [check.what for check in found.current.checks if check.problem] == [path]
    assert len(found.current.problems) == 1
    assert str(workspace.home / path) in found.current.problems[0]
    assert "run `covsearch build-index`" in found.current.problems[0]
    assert [other.problems for other in found.others if other.name == "gen-0001"] == [()]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("garbage", r"index/CURRENT: expected a generation's name and checksum; run `covsearch build-index`"),
        (f"gen-0002 {64 * 'a'}\n", r"gen-0002/manifest\.json: is not the manifest that CURRENT names; run"),
        (
            f"gen-0009 {64 * 'a'}\n",
            r"gen-0009/manifest\.json: a file of the index is missing, which CURRENT names; run",
        ),
    ],
)
def test_a_wrong_current_is_told_and_the_sound_generations_too(workspace: Workspace, text: str, problem: str) -> None:
    (workspace.index / CURRENT).write_text(text)
    found = verify_workspace(workspace)
    assert re.search(problem, *found.current.problems)
    assert [other.problems for other in found.others if other.name == "gen-0001"] == [()]
    rebuild, back = found.mend
    assert rebuild == "covsearch build-index --windows"
    subprocess.run(["sh", "-c", back], check=True)
    assert verify_workspace(workspace).current.problems == ()


def test_all_wrong_files_are_told_at_once(workspace: Workspace) -> None:
    flip(workspace.home / STORED[1])
    (workspace.home / STORED[2]).unlink()
    (workspace.home / STORED[-1]).write_bytes(b"")
    checks = verify_workspace(workspace).current.checks
    assert [check.what for check in checks if check.problem] == [STORED[1], STORED[2], STORED[-1]]
    assert len(checks) == 1 + len(STORED)  # what is in broken files is not compared


def test_a_stamp_is_not_believed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes beneath the file system leaves size and times as they are; here the stamp is told to agree."""
    flip(workspace.home / STORED[1])
    states = {path: (workspace.home / path).stat() for path in open_manifest(workspace)}
    files = {path: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for path, s in states.items()}
    sha256 = (workspace.index / CURRENT).read_text().split()[1]
    (workspace.index / STAMP).write_text(json.dumps({"manifest": sha256, "files": files}))
    assert open_generation(workspace).name == "gen-0002"  # an open believes it, which is what makes it quick
    assert len(verify_workspace(workspace).current.problems) == 1


def open_manifest(workspace: Workspace) -> list[str]:
    manifest = json.loads((workspace.index / current_name(workspace) / "manifest.json").read_text())
    return list(manifest["files"])


def test_a_broken_generation_before_is_told_and_masks_nothing(workspace: Workspace) -> None:
    flip(workspace.index / "gen-0001" / "ids.json")
    found = verify_workspace(workspace)
    assert found.current.problems == ()
    assert found.mend == ()
    assert "gen-0001/ids.json: was changed" in found.others[0].problems[0]


def test_the_commands_that_mend_do(workspace: Workspace) -> None:
    expected = open_generation(workspace).name
    flip(workspace.home / STORED[0])
    rebuild, back = verify_workspace(workspace).mend
    assert rebuild == "covsearch build-index --windows"
    subprocess.run(["sh", "-c", back], check=True)
    assert open_generation(workspace).name == "gen-0001" != expected
    found = verify_workspace(workspace)
    assert (found.current.name, found.current.problems) == ("gen-0001", ())
    assert [(other.name, other.role) for other in found.others] == [("gen-0002", UNPUBLISHED)]


def test_a_dataset_is_named_in_the_command_that_mends(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    publish(workspace)
    reseal(workspace, source="/data/my songs")
    flip(workspace.index / "gen-0001" / "ids.json")
    (command,) = verify_workspace(workspace).mend
    assert shlex.split(command) == ["covsearch", "build-index", "--dataset", "/data/my songs"]


def test_a_broken_generation_before_is_not_recommended(workspace: Workspace) -> None:
    flip(workspace.home / STORED[0])
    flip(workspace.index / "gen-0001" / "ids.json")
    assert verify_workspace(workspace).mend == ("covsearch build-index --windows",)


def test_progress_counts_files(workspace: Workspace) -> None:
    told: list[tuple[str, int, int]] = []
    verify_workspace(workspace, lambda *step: told.append(step))
    both = [
        (f"reading {name}", done, len(STORED)) for name in ("gen-0002", "gen-0001") for done in range(len(STORED) + 1)
    ]
    assert told == both


def test_a_generation_that_builds_replace_meanwhile_is_left_for_the_newer_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, compared = verify.check_content, []

    def overtaken(path: Path, stored: StoredFile) -> None:
        if not compared:
            publish(workspace, seed=2)
            publish(workspace, seed=3)
        compared.append(path)
        original(path, stored)

    monkeypatch.setattr(verify, "check_content", overtaken)
    found = verify_workspace(workspace)
    assert (found.current.name, found.current.problems) == ("gen-0004", ())
    assert [(other.name, other.problems) for other in found.others] == [("gen-0003", ())]


def test_a_disk_that_fails_is_a_problem_of_that_file(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    original = verify.check_content

    def failing(path: Path, stored: StoredFile) -> None:
        if path.name == "ids.json":
            raise OSError(5, "Input/output error", str(path))
        original(path, stored)

    monkeypatch.setattr(verify, "check_content", failing)
    assert "ids.json: cannot be read: Input/output error; run" in verify_workspace(workspace).current.problems[0]
