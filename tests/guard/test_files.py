"""Opening strangers' files: regular, bounded, inside their folder, and as they were when they were opened."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from covsearch.errors import ArtefactError
from covsearch.guard import files
from covsearch.guard.files import RefusedError, Snapshot, open_regular, read_bytes, read_text, text_artefact


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset with one file in a folder, beside a file that is none of its business."""
    made = (tmp_path / "dataset").resolve()
    (made / "W_1").mkdir(parents=True)
    (made / "W_1" / "a").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    return made


def test_a_file_below_its_root_is_read(root: Path) -> None:
    assert read_bytes(root / "W_1" / "a", 6, root) == b"inside"
    assert read_text(root / "W_1" / ".." / "W_1" / "a", 6, root) == "inside"


@pytest.mark.parametrize("limit", [0, 5])
def test_the_limit_is_in_bytes(root: Path, limit: int) -> None:
    with pytest.raises(RefusedError, match=f"has 6 bytes; at most {limit} are read"):
        read_bytes(root / "W_1" / "a", limit)


def test_links_inside_are_followed_and_links_out_are_not(root: Path) -> None:
    (root / "b").symlink_to("W_1/a")
    (root / "W_2").symlink_to("W_1")
    (root / "out").symlink_to(root.parent / "secret")
    (root / "up").symlink_to("..")
    assert read_bytes(root / "b", 6, root) == read_bytes(root / "W_2" / "a", 6, root) == b"inside"
    for path in (root / "out", root / "up" / "secret", root / ".." / "secret"):
        assert read_bytes(path, 7) == b"outside"  # named by the user, who may
        with pytest.raises(RefusedError, match="is a symbolic link out of the dataset: not followed"):
            read_bytes(path, 7, root)


def test_a_root_that_is_a_link_is_fine_once_resolved(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert read_bytes(root.parent / "link" / "W_1" / "a", 6, (root.parent / "link").resolve()) == b"inside"


@pytest.mark.parametrize("exchanged", ["a", "W_1"])
def test_what_becomes_a_link_after_it_was_resolved_is_not_followed(
    root: Path, exchanged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack on a check that comes before the opening: here the exchange happens exactly between the two."""
    (root.parent / "else").mkdir()
    (root.parent / "else" / "a").write_bytes(b"outside")
    resolve = os.path.realpath

    def exchange(path: Path) -> str:
        resolved = resolve(path)
        victim = root / "W_1" / "a" if exchanged == "a" else root / "W_1"
        victim.rename(root / "gone")
        victim.symlink_to(root.parent / "secret" if exchanged == "a" else root.parent / "else")
        return resolved

    monkeypatch.setattr(files.os.path, "realpath", exchange)
    with pytest.raises(RefusedError, match=r"cannot be opened: (Too many levels of symbolic links|Not a directory)"):
        open_regular(root / "W_1" / "a", root)


def test_what_is_no_regular_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)  # a socket's path may have 107 characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        refusals = {
            "fifo": "is not a regular file",
            "socket": "cannot be opened: No such device or address",
            "W_1": "is a folder, not a file",
            ".": "is a folder, not a file",
            "nothing": "does not exist",
            "W_1/a/b": "cannot be opened: Not a directory",
        }
        for name, message in refusals.items():
            for within in (None, root):
                with pytest.raises(RefusedError, match=message):
                    open_regular(root / name, within)
    with pytest.raises(RefusedError, match="is not a regular file"):
        open_regular(Path("/dev/zero"))


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else pytest.skip("needs /proc")  # noqa: PTH208
    os.mkfifo(root / "fifo")
    (root / "out").symlink_to(root.parent / "secret")
    for name in ("fifo", "W_1", "W_1/none", "out", "W_1/a"):
        for limit in (0, 6):
            with contextlib.suppress(RefusedError):
                read_bytes(root / name, limit, root)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_bytes_that_are_added_while_reading_are_not_there_and_noticed(root: Path) -> None:
    with Snapshot(root / "W_1" / "a", 100) as snapshot:
        with (root / "W_1" / "a").open("ab") as file:
            file.write(b" and more")
        assert snapshot.read() == b"inside"
        assert (snapshot.size, snapshot.tell(), snapshot.read()) == (6, 6, b"")
        with pytest.raises(RefusedError, match="was changed while it was read"):
            snapshot.check_unchanged()


def test_a_file_that_is_cut_while_reading_is_refused(root: Path) -> None:
    with Snapshot(root / "W_1" / "a", 100) as snapshot:
        os.truncate(root / "W_1" / "a", 3)
        with pytest.raises(RefusedError, match="has become shorter"):
            snapshot.read()


def test_it_reads_and_seeks_as_files_do(root: Path) -> None:
    with Snapshot(root / "W_1" / "a", 100) as snapshot, (root / "W_1" / "a").open("rb") as file:
        for offset, whence in ((2, os.SEEK_SET), (1, os.SEEK_CUR), (-2, os.SEEK_END), (3, os.SEEK_END), (0, 0)):
            assert snapshot.seek(offset, whence) == file.seek(offset, whence)
            assert snapshot.read(2) == file.read(2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        (b'"\xff"', "is not UTF-8"),
        (b'"\xed\xa0\x80"', "is not UTF-8"),  # half of a surrogate pair
        (b"\xc0\x80", "is not UTF-8"),  # an overlong NUL
    ],
)
def test_text_is_utf8_without_a_mark(root: Path, data: bytes, message: str) -> None:
    (root / "t").write_bytes(data)
    with pytest.raises(RefusedError, match=message):
        read_text(root / "t", 100)
    with pytest.raises(ArtefactError, match=f"/t: .*{message}"):
        text_artefact(root / "t", 100)
