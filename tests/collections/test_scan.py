"""What below a folder is taken for audio."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from covsearch.collections.scan import has_audio, none_read, scan_audio


def put(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_audio_is_found_by_name_and_called_by_its_path(tmp_path: Path) -> None:
    for name in ("b.MP3", "a/deep/c.flac", "a/cover.jpg", ".hidden/d.mp3", ".e.mp3", "notes.txt", "ü: ?.ogg"):
        put(tmp_path / name, b"data")
    found, skipped = scan_audio(tmp_path)
    assert [(file.id, file.size) for file in found] == [("a/deep/c.flac", 4), ("b.MP3", 4), ("ü: ?.ogg", 4)]
    assert skipped == []


def test_only_some_of_a_folder(tmp_path: Path) -> None:
    for name in ("a/1.mp3", "b/2.mp3", "3.mp3"):
        put(tmp_path / name)
    found, _ = scan_audio(tmp_path, [tmp_path / "b", tmp_path / "3.mp3"])
    assert [file.id for file in found] == ["3.mp3", "b/2.mp3"]


def test_links_are_followed_to_files_inside_alone(tmp_path: Path) -> None:
    root = tmp_path / "music"
    inside = put(root / "a.mp3")
    outside = put(tmp_path / "secret.mp3")
    (root / "in.mp3").symlink_to(inside)
    (root / "out.mp3").symlink_to(outside)
    (root / "round").symlink_to(root)
    (root / "gone.mp3").symlink_to(root / "nothing")
    found, skipped = scan_audio(root)
    assert [file.id for file in found] == ["a.mp3", "in.mp3"]
    assert [(one.path, one.reason) for one in skipped] == [
        ("gone.mp3", "cannot be read: No such file or directory"),
        ("out.mp3", "is a symbolic link out of the folder: not followed"),
        ("round", "is a symbolic link to a folder: not followed; name that folder itself"),
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"\xff\xfe.mp3", "its name has control characters or is not UTF-8: rename it"),
        (b"a\nb.mp3", "its name has control characters or is not UTF-8: rename it"),
        (b"/".join([b"d" * 100] * 3) + b".mp3", "its path has 306 characters; an id has at most 255"),
    ],
)
def test_a_name_that_can_be_no_id_is_skipped_with_its_reason(tmp_path: Path, name: bytes, reason: str) -> None:
    put(tmp_path / os.fsdecode(name))
    found, skipped = scan_audio(tmp_path)
    assert found == []
    assert [one.reason[: len(reason)] for one in skipped] == [reason]
    assert skipped[0].path.isprintable()


def test_what_is_no_file_is_skipped_and_a_folder_called_so_is_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    put(tmp_path / "empty.mp3", b"")
    put(tmp_path / "folder.mp3" / "song.mp3")
    found, skipped = scan_audio(tmp_path)
    assert [file.id for file in found] == ["folder.mp3/song.mp3"]
    reasons = [("empty.mp3", "is empty"), ("pipe.mp3", "is not a regular file")]
    assert [(one.path, one.reason) for one in skipped] == reasons
    assert has_audio(tmp_path)
    assert not has_audio(put(tmp_path / "texts" / "a.txt").parent)


def test_a_folder_of_which_nothing_is_read_names_the_first_few_files(tmp_path: Path) -> None:
    for number in range(7):
        put(tmp_path / f"{number}.mp3", b"")
    _, skipped = scan_audio(tmp_path)
    said = f"{tmp_path}: there is no audio file that can be read"
    assert none_read(tmp_path, skipped[:1]) == f"{said}; first 0.mp3: is empty"
    assert none_read(tmp_path, skipped[:2]) == f"{said}:\n  0.mp3: is empty\n  1.mp3: is empty"
    assert none_read(tmp_path, skipped).splitlines()[5:] == ["  4.mp3: is empty", "  and 2 more"]
