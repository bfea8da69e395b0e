"""Tags become what an index can keep, whatever a file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.collections.tags import MOST, Tags, read_tags
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from tests.collections.music import id3
from tests.hostile.audio import data_of


def tags(folder: Path, **frames: str) -> Tags:
    path = folder / "x.mp3"
    path.write_bytes(id3(**frames) + data_of("MP3", "MPEG_LAYER_III"))
    return read_tags(path)


def test_every_tag_that_is_kept(tmp_path: Path) -> None:
    ids = {"MusicBrainz Work Id": "w-1", "MusicBrainz Track Id": "r-1"}
    found = tags(tmp_path, TIT2="Title", TPE1="Artist", TALB="Album", TDRC="1969-05-01", **ids)
    assert found == Tags("Title", "Artist", 1969, found.length_ms, "w-1", "r-1", "Album")
    match = MusicBrainzMatch("r-1", found.length_ms)
    made = Performance("a/b.mp3", "w-1", "Title", "Artist", year=1969, matches=(match,), album="Album")
    assert found.performance("a/b.mp3") == made


def test_the_recording_as_id3_says_it(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    owner = b"http://musicbrainz.org\0rec-1"
    frame = b"UFID" + bytes([0, 0, 0, len(owner)]) + b"\0\0" + owner
    path.write_bytes(b"ID3\x04\0\0" + bytes([0, 0, 0, len(frame)]) + frame + data_of("MP3", "MPEG_LAYER_III"))
    assert read_tags(path).recording == "rec-1"


def test_a_file_without_a_title_is_called_by_its_name() -> None:
    assert Tags().performance("Abbey Road/01 Come Together.flac").title == "01 Come Together"
    assert Tags().performance("x.mp3").wid is None


@pytest.mark.parametrize(
    ("said", "year"),
    [("1969", 1969), ("1969-05-01", 1969), ("May 1969", 1969), ("69", None), ("19690501", None), ("", None)],
)
def test_years(tmp_path: Path, said: str, year: int | None) -> None:
    assert tags(tmp_path, TDRC=said).year == year


def test_text_is_one_printable_line_of_bounded_length(tmp_path: Path) -> None:
    found = tags(tmp_path, TIT2="\x1b[2Ja\n\tb  c" + "x" * 9 * MOST, TPE1="  Die Sänger ")
    assert found.title.startswith("[2Ja b cxxx")
    assert (len(found.title), found.title.isprintable(), found.artist) == (MOST, True, "Die Sänger")


@pytest.mark.parametrize(("said", "work"), [("w1; w2", "w1"), ("w1/w2", "w1"), ("w" * 300, ""), ("", "")])
def test_one_work_that_can_be_an_id(tmp_path: Path, said: str, work: str) -> None:
    assert tags(tmp_path, **{"MusicBrainz Work Id": said}).work == work


def test_no_tags_are_no_failure(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(b"\xff" * 100)
    assert read_tags(tmp_path / "x.mp3") == Tags()
    assert read_tags(tmp_path / "none.mp3") == Tags()
