from __future__ import annotations

import hashlib
import multiprocessing
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from covsearch.dataset.unpack import MARKER, unpack
from covsearch.errors import ArtefactError

MEMBERS = {f"W_{n}/P_{n}.h5": bytes([n]) * 1000 for n in range(1, 41)}


def packed(path: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != MARKER]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_member_and_nothing_beside(tmp_path: Path) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    unpack(tmp_path / "a.zip", sha256, tmp_path / "cache" / "a")
    assert content(tmp_path / "cache" / "a") == MEMBERS
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a"]


def test_a_whole_folder_is_used_as_it_is_without_the_archive(tmp_path: Path) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    unpack(tmp_path / "a.zip", sha256, tmp_path / "a")
    before = (tmp_path / "a" / MARKER).stat().st_mtime_ns
    (tmp_path / "a.zip").unlink()
    unpack(tmp_path / "a.zip", sha256, tmp_path / "a")
    assert (tmp_path / "a" / MARKER).stat().st_mtime_ns == before


def test_a_folder_without_the_marker_is_replaced(tmp_path: Path) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    (tmp_path / "a" / "W_1").mkdir(parents=True)
    (tmp_path / "a" / "W_1" / "P_1.h5").write_bytes(b"half")
    (tmp_path / "a" / "foreign").touch()
    unpack(tmp_path / "a.zip", sha256, tmp_path / "a")
    assert content(tmp_path / "a") == MEMBERS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.zip"]


def test_a_changed_archive_is_refused_and_nothing_written(tmp_path: Path) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    other = packed(tmp_path / "a.zip", {"W_1/P_1.h5": b"other"})
    with pytest.raises(ArtefactError, match=f"expected sha256 {sha256[:12]}, got {other[:12]}: reinstall covsearch"):
        unpack(tmp_path / "a.zip", sha256, tmp_path / "cache" / "a")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["../out.h5", "W_1/../../out.h5", "/out.h5", "..\\out.h5", "C:out.h5"])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    sha256 = packed(tmp_path / "a.zip", {"W_1/P_1.h5": b"sound", name: b"evil"})
    with pytest.raises(ArtefactError, match="would lie outside its folder"):
        unpack(tmp_path / "a.zip", sha256, tmp_path / "cache" / "a")
    assert list((tmp_path / "cache").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "cache"]


DIE = """
import os, signal, sys
from pathlib import Path
from covsearch.dataset import unpack
calls, write = 0, Path.write_bytes
def dying(self, data):
    global calls
    calls += 1
    if calls == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, data)
Path.write_bytes = dying
unpack.unpack(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""


def test_a_kill_half_way_leaves_no_folder_and_the_next_call_a_whole_one(tmp_path: Path) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    words = [sys.executable, "-c", DIE, str(tmp_path / "a.zip"), sha256, str(tmp_path / "cache" / "a")]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "cache" / "a").exists()
    unpack(tmp_path / "a.zip", sha256, tmp_path / "cache" / "a")
    assert content(tmp_path / "cache" / "a") == MEMBERS


def test_processes_may_race(tmp_path: Path) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    context = multiprocessing.get_context("spawn")
    words = (tmp_path / "a.zip", sha256, tmp_path / "cache" / "a")
    racers = [context.Process(target=unpack, args=words) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [racer.exitcode for racer in racers] == [0] * 4
    assert content(tmp_path / "cache" / "a") == MEMBERS
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a"]


def test_the_second_of_two_uses_what_the_first_one_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = packed(tmp_path / "a.zip", MEMBERS)
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        unpack(tmp_path / "a.zip", sha256, tmp_path / "a")  # the other process, just before
        (tmp_path / "a" / "first").touch()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    unpack(tmp_path / "a.zip", sha256, tmp_path / "a")
    assert content(tmp_path / "a") == {**MEMBERS, "first": b""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.zip"]
