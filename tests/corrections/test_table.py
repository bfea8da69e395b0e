"""Corrections from an edited CSV of groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.corrections.table import GroupTable, edited_rows, table_of
from covsearch.errors import ArtefactError, NotFoundError


def read_table(path: Path) -> GroupTable:
    return table_of(edited_rows(path), path)


def table(path: Path, *rows: tuple[str, str, str], head: str = "group,pid,found") -> Path:
    made = path / "groups.csv"
    made.write_text("\n".join([head, *map(",".join, rows), ""]), encoding="utf-8")
    return made


def test_a_group_is_accepted_and_what_was_moved_is_split(tmp_path: Path) -> None:
    said = read_table(
        table(
            tmp_path,
            ("P_1", "P_1", "P_1"),
            ("P_1", "P_2", "P_1"),
            ("mine", "P_3", "P_1"),
            ("", "P_4", "P_1"),
            ("", "P_5", "P_1"),
            ("P_7", "P_7", "P_7"),
            ("P_7", "P_8", "P_7"),
            ("mine", "P_9", ""),
        )
    )
    assert said.together == (("P_1", "P_2"), ("P_3", "P_9"), ("P_7", "P_8"))
    assert said.apart == ((("P_1", "P_2"), ("P_3",), ("P_4",), ("P_5",)),)
    assert said.ids == ("P_1", "P_2", "P_3", "P_4", "P_5", "P_7", "P_8", "P_9")


def test_rows_that_are_left_out_say_nothing(tmp_path: Path) -> None:
    said = read_table(table(tmp_path, ("", "P_1", "P_1"), ("P_1", "P_2", "P_1")))
    assert (said.together, said.apart) == ((), ((("P_1",), ("P_2",)),))


def test_without_the_column_found_nothing_is_split(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "\ufeffpid,group\nsong, my.mp3,1\n".replace("song, my", '"song, my').replace("mp3,", 'mp3",') + "b,1 \n\nc,2\n"
    )
    said = read_table(path)
    assert (said.together, said.apart, said.ids) == ((("song, my.mp3", "b"),), (), ("song, my.mp3", "b", "c"))


@pytest.mark.parametrize("size", [1, 2, 87])
def test_tables_of_any_size(tmp_path: Path, size: int) -> None:
    path = table(tmp_path, *(("g", f"P_{n}", "g") for n in range(size)))
    if size == 1:
        with pytest.raises(ArtefactError, match="says nothing"):
            read_table(path)
    else:
        assert read_table(path).together == (tuple(f"P_{n}" for n in range(size)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the columns group, pid"),
        ("group,id\n1,a\n", "line 1: unknown column 'id'"),
        ("group\n1\n", "line 1: .*group and pid are needed"),
        ("group,pid,pid\n1,a,b\n", "each once"),
        ("group,pid\n1,a\n2,a\n", "line 3: a comes twice"),
        ("group,pid\n1,a,3\n", "line 2: expected 2 cells, found 3"),
        ("group,pid\n1,\n", "line 2: '' is no performance id"),
        ("group,pid\n1,a\n2,b\n", "says nothing"),
        ('group,pid\n1,"a\n', "is not CSV"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArtefactError, match=message):
        read_table(path)


def test_what_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"group,pid\n1,\xff\n")
    with pytest.raises(ArtefactError, match="line 2 is not UTF-8"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(NotFoundError, match="covsearch groups --csv"):
        read_table(tmp_path / "b.csv")
    with pytest.raises(ArtefactError, match="is a folder"):
        read_table(tmp_path)
