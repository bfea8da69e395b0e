"""A CSV of works: what is read, matched with rows, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.dataset.works_csv import read_works
from covsearch.errors import ArtefactError, NotFoundError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "works.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_lines_are_the_rows_without_ids(tmp_path: Path) -> None:
    file = read_works(written(tmp_path, "\ufeffwork,title\n W_1 ,A song\nW_1,\n\nW_2,x\n"))
    assert file.of(None, 3, "d.npy") == (file.said, None)
    assert file.of(["c", "a", "b"], 3, "d.npy") == (file.said, None)  # the CSV has no ids
    assert (file.said.ids, file.said.works, file.said.sources) == (None, ("W_1", "W_1", "W_2"), None)


def test_ids_match_rows_in_any_order_and_the_csv_may_have_more(tmp_path: Path) -> None:
    file = read_works(written(tmp_path, "source,id,work\nSHS,a,W_1\n,b,W_2\nSHS,c,W_1\n"))
    works, rows = file.of(["c", "a"], 2, "d.npz")
    assert (works.ids, works.works, works.sources) == (("a", "c"), ("W_1", "W_1"), ("SHS", "SHS"))
    assert rows == [1, 0]
    assert file.said.sources == ("SHS", "(none)", "SHS")
    assert file.of(None, 3, "d.npy")[0].ids == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: there is no column work; expected work, and any of id, source, title"),
        ("id\na\n", "line 1: there is no column work"),
        ("id,work,wrok\na,W,W\n", "line 1: the column 'wrok' is unknown or comes twice"),
        ("work,work\nW,W\n", "the column 'work' is unknown or comes twice"),
        ("id,work\na\n", r"line 2: expected 2 cells \(id, work\), found 1"),
        ("id,work\na,\n", "line 2 has no work; give a performance without a version a work of its own"),
        ("id,work\n,W\n", "line 2, column id: '' is no id"),
        ("id,work\na,W\na,V\n", "line 3: the id a is in line 2 too"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        read_works(written(tmp_path, text))


@pytest.mark.parametrize(
    ("ids", "count", "message"),
    [
        (None, 3, r"works.csv has 2 lines and d.npz 3 rows: expected a line for each row"),
        (["a", "z", "y"], 3, r"works.csv has no line for 2 ids of d.npz, first z: add them"),
        (["a", "b", "a"], 3, "d.npz has the id a in row 0 and row 2: expected one row a performance"),
    ],
)
def test_rows_that_do_not_fit_are_said(tmp_path: Path, ids: list[str] | None, count: int, message: str) -> None:
    file = read_works(written(tmp_path, "id,work\na,W_1\nb,W_1\n"))
    with pytest.raises(ArtefactError, match=message):
        file.of(ids, count, "d.npz")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not there; expected a CSV with the columns id, work, source"):
        read_works(tmp_path / "none.csv")
