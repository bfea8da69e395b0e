from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.dataset import tracks_csv
from covsearch.dataset.performance import Performance
from covsearch.dataset.tracks_csv import Tracks, read_tracks
from covsearch.errors import ArtefactError, NotFoundError

BOM = b"\xef\xbb\xbf"


def read(tmp_path: Path, content: str | bytes) -> Tracks:
    path = tmp_path / "tracks.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_tracks(path)


def test_every_column_is_read_in_any_order(tmp_path: Path) -> None:
    tracks = read(tmp_path, 'title,year,id,artist,work\n"Ja, ""du"" ♭",1969,x 1,Beth,w\n,,y,,\n')
    assert tracks.rows == {"x 1": Performance("x 1", "w", 'Ja, "du" ♭', "Beth", year=1969), "y": Performance("y", None)}
    assert list(tracks.rows) == ["x 1", "y"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", BOM])
def test_line_ends_blank_lines_blanks_and_a_byte_order_mark_do_not_matter(
    tmp_path: Path, mark: bytes, end: str
) -> None:
    text = end.join(["id, work", "", " a ,W", "b,", ""])
    assert read(tmp_path, mark + text.encode()).rows == {"a": Performance("a", "W"), "b": Performance("b", None)}


@pytest.mark.parametrize(("cell", "year"), [("1969", 1969), ("1969.0", 1969), ("", None), ("0", 0)])
def test_years(tmp_path: Path, cell: str, year: int | None) -> None:
    assert read(tmp_path, f"id,year\na,{cell}\n").rows["a"].year == year


def test_what_it_names_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    there = {
        "a": Performance("a", "W_1", "A", "Anna", "Song", "Writer", 1950, artist_mbid="m"),
        "b": Performance("b", "W_1", "B", "Bea", "Song", "Writer"),
    }
    told = read(tmp_path, "id,work,year\na,new,1960\nz,W_1,\n").applied(there)
    assert told == {"a": Performance("a", "new", "A", "Anna", year=1960, artist_mbid="m"), "b": there["b"]}
    assert read(tmp_path, "id,title\na,\n").applied(there)["a"] == Performance(
        "a", "W_1", "", "Anna", "Song", "Writer", 1950, artist_mbid="m"
    )


def test_albums(tmp_path: Path) -> None:
    there = {"a": Performance("a", None, "A", album="Old"), "b": Performance("b", None, album="Old")}
    told = read(tmp_path, "album,id\nAbbey &amp; Road,a\n,b\n").applied(there)
    assert told == {"a": Performance("a", None, "A", album="Abbey & Road"), "b": Performance("b", None)}
    assert read(tmp_path, "id,title\na,A\n").applied(there)["a"].album == "Old"


def test_ids_that_are_not_there_are_told(tmp_path: Path) -> None:
    tracks = read(tmp_path, "id\nz 1\na\ny\n")
    assert tracks.not_in(["a", "b"]) == ("z 1", "y")
    tracks.check_all_in(["y", "a", "z 1", "b"])
    with pytest.raises(ArtefactError, match=r"tracks\.csv: 2 of its ids are not in the collection, first 'z 1'; "):
        tracks.check_all_in("ab")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a header line with id and any of work, title, artist, year"),
        (b"\n\n", "is empty"),
        (b"\xff\xfei\x00d\x00", "is UTF-16; save it as UTF-8"),
        (b"id\nok\n\xe4\n", "line 3 is not UTF-8"),
        ("id;work\na;b\n", "line 1: unknown column 'id;work'; expected id and any of .*, separated by commas"),
        ("id,titel\n", "line 1: unknown column 'titel'"),
        ("id,ID\n", "line 1: unknown column 'ID'"),
        ("work\nw\n", "line 1: there is no column id"),
        ("id,work,id\n", "line 1: the column id comes twice"),
        ("id,work\na,w\n\nb\n", r"line 4: expected 2 cells \(id, work\), found 1"),
        ("id,work\na,w,x\n", "line 2: expected 2 cells .*, found 3"),
        ('id,work\n"a\nb",w\n', "line 2, column id: .* is no id"),
        ("id,work\n,w\n", "line 2, column id: '' is no id: expected 1 to 255 characters"),
        ("id,work\na,\x1b[2J\n", "line 2, column work: .* is no id"),
        (f"id\n{'x' * 256}\n", "line 2, column id: .* is no id"),
        ("id\na\x00b\n", "line 2, column id: .* is no id"),
        (f"id,artist\na,{'x' * 10_001}\n", "line 2, column artist has 10,001 characters; at most 10,000 are read"),
        ("id,year\na,Unreleased\n", "line 2, column year: expected a year like 1969 or nothing, not 'Unreleased'"),
        ("id,year\na,19699\n", "line 2, column year"),
        ("id,year\na,-5\n", "line 2, column year"),
        ("id,year\na,١٩٦٩\n", "line 2, column year"),
        ("id\nb c\na\nb c\n", "line 4: the id 'b c' is in line 2 too"),
        ('id\na\n"b\n', "line 3 is not CSV: unexpected end of data"),
        ('id\n"a"b\n', "line 2 is not CSV"),
        (f"id\n{'x' * 200_000}\n", "line 2 is not CSV: field larger than field limit"),
    ],
)
def test_what_is_no_such_csv_is_refused_with_its_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ArtefactError, match=rf"tracks\.csv: {message}"):
        read(tmp_path, content)


def test_control_characters_are_replaced_and_entities_decoded(tmp_path: Path) -> None:
    rows = read(tmp_path, 'id,title,artist\na,"x\n\ny",\x1b[2Jz\nb,Rock &amp; Roll,AT&T\n').rows
    assert [(p.title, p.artist) for p in rows.values()] == [("x  y", "\ufffd[2Jz"), ("Rock & Roll", "AT&T")]


def test_size_and_rows_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks_csv, "MAX_ROWS", 2)
    assert len(read(tmp_path, "id\na\nb\n").rows) == 2
    with pytest.raises(ArtefactError, match="line 4: at most 2 tracks are read"):
        read(tmp_path, "id\na\nb\nc\n")
    monkeypatch.setattr(tracks_csv, "MAX_BYTES", 5)
    with pytest.raises(ArtefactError, match="has 7 bytes; at most 5 are read"):
        read(tmp_path, "id\na\nb\n")


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not there; expected a CSV with the columns id, work"):
        read_tracks(tmp_path / "none.csv")
    with pytest.raises(ArtefactError, match="is a folder"):
        read_tracks(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ArtefactError, match="is not a regular file"):
        read_tracks(tmp_path / "fifo")


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f"id,title\n{text}".encode()))
def test_anything_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_bytes(data)
    try:
        tracks = read_tracks(path)
    except ArtefactError:
        return
    assert all(performance.pid == pid for pid, performance in tracks.rows.items())
