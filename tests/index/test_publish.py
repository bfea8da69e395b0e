from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from published import FINGERPRINT, publish

from covsearch import durable
from covsearch.errors import CovsearchError
from covsearch.index.generation import CURRENT, open_generation
from covsearch.index.publish import builder_lock, draft
from covsearch.index.verified import STAMP
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def entries(workspace: Workspace) -> list[str]:
    """What is there, the stamp aside: a slow machine has written it by now."""
    there = [path.name for folder in (workspace.index, workspace.db) for path in folder.iterdir()]
    return sorted(name for name in there if name != STAMP)


def test_the_two_newest_generations_are_kept(workspace: Workspace) -> None:
    for build_number in range(1, 5):
        assert publish(workspace, seed=build_number).name == f"gen-{build_number:04d}"
    kept = [".lock", "CURRENT", "gen-0003", "gen-0003.sqlite3", "gen-0004", "gen-0004.sqlite3"]
    assert entries(workspace) == kept
    assert open_generation(workspace).name == "gen-0004"


def test_what_dead_builds_left_is_removed_and_what_is_not_ours_stays(workspace: Workspace) -> None:
    publish(workspace)
    for orphan in (".tmp-gen-0002", "gen-0007"):  # killed while writing, and between renaming and switching
        (workspace.index / orphan / "model").mkdir(parents=True)
        (workspace.index / orphan / "index.faiss").write_text("half")
        (workspace.db / f"{orphan}.sqlite3").write_text("half")
        (workspace.db / f"{orphan}.sqlite3-journal").write_text("half")
    (workspace.index / "README.md").write_text("ours is not to remove")
    (workspace.db / "gen-0001.backup").write_text("somebody's")
    publish(workspace, seed=1)
    kept = ["gen-0001", "gen-0001.sqlite3", "gen-0001.backup", "gen-0002", "gen-0002.sqlite3", "README.md"]
    assert entries(workspace) == sorted([".lock", "CURRENT", *kept])


def test_a_symbolic_link_named_like_a_generation_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("keep")
    (workspace.index / "gen-0009").symlink_to(elsewhere)
    publish(workspace, seed=1)
    assert not (workspace.index / "gen-0009").is_symlink()
    assert (elsewhere / "precious").read_text() == "keep"


def test_an_unreadable_current_is_mended_by_a_build_that_removes_nothing_before(workspace: Workspace) -> None:
    publish(workspace)
    (workspace.index / CURRENT).write_text("garbage")
    assert publish(workspace, seed=1).name == "gen-0002"
    assert open_generation(workspace).name == "gen-0002"
    assert (workspace.index / "gen-0001" / "manifest.json").is_file()


def test_a_failed_build_leaves_the_old_generation_and_no_draft(workspace: Workspace) -> None:
    publish(workspace)
    before = entries(workspace)

    def interrupted() -> None:
        with builder_lock(workspace), draft(workspace) as new:
            (new.folder / "index.faiss").write_text("half")
            new.database.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert entries(workspace) == before
    assert open_generation(workspace).name == "gen-0001"


@pytest.mark.parametrize("step", ["sync_tree", "sync", "replace_text"])
def test_a_full_disk_at_any_step_leaves_the_old_generation(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish(workspace)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable, step, full)
        with pytest.raises(OSError, match="No space left"):
            publish(workspace, seed=1)
    assert open_generation(workspace).name == "gen-0001"
    publish(workspace, seed=2)
    assert sorted(path.name for path in workspace.db.iterdir())[0] == "gen-0001.sqlite3"
    assert len(list(workspace.db.iterdir())) == 2


def test_everything_is_flushed_before_current_is_switched(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records every fsync and rename of a publication, by path, in the order in which they happen."""
    happened: list[tuple[str, str]] = []
    fsync, rename, replace = os.fsync, Path.rename, Path.replace

    def spy_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        happened.append(("fsync", str(path.relative_to(workspace.home))))
        fsync(descriptor)

    def spy_rename(self: Path, target: Path) -> Path:
        happened.append(("rename", str(target.relative_to(workspace.home))))
        return rename(self, target)

    def spy_replace(self: Path, target: Path) -> Path:
        happened.append(("replace", str(target.relative_to(workspace.home))))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", spy_fsync)
        patch.setattr(Path, "rename", spy_rename)
        patch.setattr(Path, "replace", spy_replace)
        publish(workspace)
    drafts = "index/.tmp-gen-0001"
    files = ["index.faiss", "ids.json", "embeddings.safetensors", "head.safetensors", "chroma.safetensors"]
    files += ["manifest.json", "model", "model/model.safetensors", "model/config.toml"]
    flushed = [("fsync", drafts), ("fsync", "db/.tmp-gen-0001.sqlite3"), *(("fsync", f"{drafts}/{f}") for f in files)]
    renamed = [("rename", "index/gen-0001"), ("rename", "db/gen-0001.sqlite3")]
    assert sorted(happened[: len(flushed)]) == sorted(flushed)
    assert happened[len(flushed) :] == [
        *renamed,
        ("fsync", "index"),
        ("fsync", "db"),
        ("fsync", "."),
        ("fsync", "index/.tmp-CURRENT"),
        ("replace", "index/CURRENT"),
        ("fsync", "index"),
    ]


def test_a_second_builder_is_refused_and_told_who_is_building(workspace: Workspace) -> None:
    with builder_lock(workspace):
        expected = f"another build is running in .* \\(process {os.getpid()}\\): wait until it has ended"
        with pytest.raises(CovsearchError, match=expected) as caught:
            publish(workspace)
        assert caught.value.exit_code == 1
    publish(workspace)


def test_the_lock_of_a_killed_builder_is_free(workspace: Workspace) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from covsearch.index.publish import builder_lock; from covsearch.workspace import Workspace\n"
        "with builder_lock(Workspace(Path(sys.argv[1]))):\n"
        "    print('locked', flush=True); time.sleep(3600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(workspace.home)], stdout=subprocess.PIPE) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == b"locked\n"
        with pytest.raises(CovsearchError, match=rf"process {builder.pid}\)"):
            publish(workspace)
        builder.send_signal(signal.SIGKILL)
    assert publish(workspace).name == "gen-0001"


def test_a_build_killed_before_it_switched_changes_nothing(workspace: Workspace) -> None:
    publish(workspace)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from covsearch import durable; from covsearch.workspace import Workspace\n"
        "from published import publish\n"
        "durable.replace_text = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "publish(Workspace(Path(sys.argv[1])), seed=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    run = subprocess.run([sys.executable, "-c", code, str(workspace.home)], env=environment, check=False)
    assert run.returncode == -signal.SIGKILL
    assert (workspace.index / "gen-0002" / "manifest.json").is_file()
    assert open_generation(workspace).name == "gen-0001"
    assert publish(workspace, seed=2).manifest.model == FINGERPRINT
    assert len(list(workspace.db.iterdir())) == 2


@pytest.mark.parametrize(("limit", "message"), [(10_000, "File too large"), (40_000, "SQLite cannot write")])
def test_a_disk_that_takes_no_more_is_one_line_and_the_old_generation_stays(
    workspace: Workspace, limit: int, message: str
) -> None:
    """The kernel refuses files beyond `limit` bytes: the arrays have 20,000, the database has 49,000."""
    publish(workspace)
    before = entries(workspace)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from covsearch import cli; from covsearch.workspace import Workspace; from published import publish\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "cli.cli = lambda **_: publish(Workspace(Path(sys.argv[1])), seed=1)\n"
        "cli.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-c", code, str(workspace.home)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert message in run.stderr
    assert run.stderr.count("\n") == 1
    assert entries(workspace) == before
    assert open_generation(workspace).name == "gen-0001"
