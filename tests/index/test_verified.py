from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from published import publish

from covsearch.errors import ArtefactError
from covsearch.index import verified
from covsearch.index.generation import open_generation, stored_paths
from covsearch.index.manifest import StoredFile, digest
from covsearch.index.parts import OURS
from covsearch.index.publish import remove_orphans
from covsearch.index.verified import MARGIN_NS, STAMP
from covsearch.workspace import Workspace

STORED = stored_paths("gen-0001", OURS)
TICK_NS = 50_000_000  # more than the steps in which this file system's times advance


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A generation that was opened once, and is remembered."""
    monkeypatch.setattr(verified, "MARGIN_NS", TICK_NS)
    workspace = Workspace(tmp_path)
    publish(workspace, windows=True)
    time.sleep(2 * TICK_NS / 1e9)
    open_generation(workspace)
    return workspace


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose content was compared with a checksum."""
    names: list[str] = []

    def spy(path: Path) -> StoredFile:
        names.append(path.name)
        return digest(path)

    monkeypatch.setattr(verified, "digest", spy)
    return names


def test_the_first_open_reads_everything_and_the_next_one_nothing(workspace: Workspace, read: list[str]) -> None:
    stamp = workspace.index / STAMP
    assert set(json.loads(stamp.read_text())["files"]) == set(STORED)
    open_generation(workspace)
    assert read == []
    stamp.unlink()
    open_generation(workspace)
    assert sorted(read) == sorted(Path(path).name for path in STORED)
    assert stamp.is_file()


@pytest.mark.parametrize("path", STORED)
def test_a_flipped_bit_is_found_though_size_and_mtime_are_as_they_were(workspace: Workspace, path: str) -> None:
    file = workspace.home / path
    before, data = file.stat(), bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    for _ in range(2):  # what was refused once is not remembered
        with pytest.raises(ArtefactError, match=rf"{path}: was changed since it was built: .*; run `covsearch build"):
            open_generation(workspace)


@pytest.mark.parametrize("path", STORED)
def test_another_generations_file_is_refused(tmp_path: Path, path: str) -> None:
    workspace, other = Workspace(tmp_path / "home"), Workspace(tmp_path / "other")
    publish(workspace, windows=True)
    publish(other, seed=1, count=41, windows=True)
    for name in ("model.safetensors", "config.toml"):
        changed = other.index / "gen-0001" / "model" / name
        changed.write_bytes(changed.read_bytes().swapcase())
    (other.home / path).replace(workspace.home / path)
    with pytest.raises(ArtefactError, match=rf"{path}: (was changed|expected)"):
        open_generation(workspace)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[" * 50_000, b"\xff\xfe", b"null", b"[1]", b'{"manifest": 3}', b"1" * 10_000, b"x" * 2**17]
)
def test_a_damaged_stamp_costs_one_more_comparison_and_no_failure(
    workspace: Workspace, read: list[str], text: bytes
) -> None:
    stamp = workspace.index / STAMP
    sound = stamp.read_bytes()
    stamp.write_bytes(text)
    assert open_generation(workspace).name == "gen-0001"
    assert len(read) == len(STORED)
    assert stamp.read_bytes() == sound


def test_any_changed_number_in_the_stamp_is_a_comparison(workspace: Workspace, read: list[str]) -> None:
    stamp = workspace.index / STAMP
    sound = json.loads(stamp.read_text())
    for place in range(4):
        changed = json.loads(stamp.read_text())
        changed["files"][STORED[0]][place] += 1
        stamp.write_text(json.dumps(changed))
        read.clear()
        open_generation(workspace)
        assert len(read) == len(STORED)
        assert json.loads(stamp.read_text()) == sound


def test_a_folder_or_a_pipe_in_place_of_the_stamp_is_passed_by(workspace: Workspace, read: list[str]) -> None:
    stamp = workspace.index / STAMP
    stamp.unlink()
    stamp.mkdir()
    open_generation(workspace)
    stamp.rmdir()
    os.mkfifo(stamp)  # reading it would wait for ever
    open_generation(workspace)
    assert len(read) == 2 * len(STORED)
    assert not list(workspace.index.glob(".tmp*"))


def test_a_folder_that_cannot_be_written_is_compared_every_time(
    workspace: Workspace, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.index / STAMP).unlink()

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_text", read_only)
            patch.setattr(Path, "unlink", read_only)
            assert open_generation(workspace).name == "gen-0001"
    assert len(read) == 2 * len(STORED)
    assert not (workspace.index / STAMP).exists()


def test_files_that_were_just_written_are_not_remembered_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MARGIN_NS == 2e9
    monkeypatch.setattr(verified, "MARGIN_NS", 3600 * 10**9)  # publishing may take over two seconds
    workspace = Workspace(tmp_path)
    publish(workspace)
    open_generation(workspace)
    assert not (workspace.index / STAMP).exists()


def test_a_file_written_while_the_others_are_read_is_not_remembered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.index / STAMP).unlink()
    ids = workspace.index / "gen-0001" / "ids.json"

    def overtaken(path: Path) -> StoredFile:
        came = digest(path)
        if path == ids:
            ids.write_bytes(ids.read_bytes())
        return came

    with monkeypatch.context() as patch:
        patch.setattr(verified, "digest", overtaken)
        open_generation(workspace)
    assert not (workspace.index / STAMP).exists()


def test_a_newer_generation_is_compared_for_itself(workspace: Workspace, read: list[str]) -> None:
    publish(workspace, seed=1)
    open_generation(workspace)
    assert len(read) == len(stored_paths("gen-0002"))


def test_a_stamp_that_a_killed_reader_left_is_removed_by_the_next_build(workspace: Workspace) -> None:
    half = workspace.index / f"{verified.DRAFT}-123"
    half.write_text("{")
    remove_orphans(workspace)
    assert not half.exists()
    assert (workspace.index / STAMP).is_file()
