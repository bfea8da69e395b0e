"""`--metadata`: a CSV of works and titles goes before what a collection says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from collection import melody, write_collection, write_feature
from untrained import write_model

import covsearch
from covsearch.cli import cli
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.errors import ArtefactError, CovsearchError

TEXT = "id,work,title,artist,year\nP_1,mine,Mein Lied ♭,Anna,1931\nP_4,,Unknown,,\nX,mine,,,\n'y,,,,\n"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """W_1 is P_1 to P_3, W_2 is P_4 to P_6."""
    return write_collection(tmp_path / "toy", works=2, frames=1400, frame_rate=DATACOS_RATE)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "tracks.csv"
    path.write_text(TEXT, encoding="utf-8-sig")
    return path


def run(tmp_path: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--home", str(tmp_path / "home"), *map(str, arguments)], catch_exceptions=False)


def test_a_build_takes_works_and_titles_from_the_csv(toy: Path, model: Path, csv: Path, tmp_path: Path) -> None:
    index = covsearch.build(toy, home=tmp_path / "home", model=model, metadata=csv)
    first, second, fourth = index["P_1"], index["P_2"], index["P_4"]
    assert (first.wid, first.title, first.artist, first.year) == ("mine", "Mein Lied ♭", "Anna", 1931)
    assert (first.work_title, first.work_artist, first.instrumental) == ("", "", False)
    assert (second.wid, second.title, second.work_title) == ("W_1", "Song 1, version 2", "Song 1")
    assert (fourth.wid, fourth.title, fourth.artist, fourth.year) == (None, "Unknown", "", None)
    assert [hit.performance.pid for hit in index.find("mein lied")] == ["P_1"]
    assert (index.stats().manifest.works, index.stats().cover_pairs) == (3, 2)
    assert index.verify().current.problems == ()


def test_the_build_says_which_ids_are_not_there_and_strict_refuses(
    toy: Path, model: Path, csv: Path, tmp_path: Path
) -> None:
    build = ["build-index", "--dataset", toy, "--model", model, "--metadata", csv]
    lines = run(tmp_path, *build).stdout.splitlines()
    assert lines[0].startswith("Indexed 6 performances of 3 works in ")
    assert lines[2:] == ['--metadata: 2 of its ids are not there: X, "\'y"']
    assert json.loads(run(tmp_path, *build, "--json").stdout)["unused_metadata"] == ["X", "'y"]
    with pytest.raises(ArtefactError, match=r"tracks\.csv: 2 of its ids are not in the collection, first X; "):
        run(tmp_path, *build, "--strict")
    csv.write_text("id,title\nP_1,A\n", encoding="utf-8")
    assert run(tmp_path, *build, "--strict").stdout.splitlines()[2:] == []


def test_adding_takes_the_csv_too_and_knows_it_again(toy: Path, model: Path, tmp_path: Path) -> None:
    covsearch.build(toy, home=tmp_path / "home", model=model)
    for n, wid in ((7, "W_1"), (8, "W_3")):
        write_feature(tmp_path / "more", "toy", "hpcp", wid, f"P_{n}", melody(n, 1400), DATACOS_RATE)
    csv = tmp_path / "more.csv"
    csv.write_text("id,work,title\nP_7,W_2,Seven\nP_1,W_9,no\n", encoding="utf-8")
    lines = run(tmp_path, "add", tmp_path / "more", "--metadata", csv).stdout.splitlines()
    assert lines[2:] == ["gen-0002 holds 8 performances of 3 works.", "--metadata: 1 of its ids is not there: P_1"]
    index = covsearch.open(tmp_path / "home")
    assert [(index[pid].wid, index[pid].title) for pid in ("P_1", "P_7", "P_8")] == [
        ("W_1", "Song 1, version 1"),
        ("W_2", "Seven"),
        ("W_3", ""),
    ]
    assert index["P_7"].work_title == "Song 2"
    again = index.add(tmp_path / "more", metadata=csv)
    assert (again.added, again.already_there, again.unused_metadata) == ((), ("P_7", "P_8"), ("P_1",))
    with pytest.raises(CovsearchError, match="P_7 is in the index as a performance of W_2, not of W_1"):
        index.add(tmp_path / "more")
    csv.write_text("id,work,title\nP_7,W_2,Sieben\n", encoding="utf-8")
    with pytest.raises(CovsearchError, match="P_7 is in the index with another title: 'Seven' there, 'Sieben' here"):
        index.add(tmp_path / "more", metadata=csv)
    csv.write_text("id\nP_9\n", encoding="utf-8")
    with pytest.raises(ArtefactError, match="1 of its ids is not in the collection, first P_9"):
        index.add(toy, metadata=csv, strict=True)


def test_a_bad_csv_stops_a_build_before_anything_is_read(toy: Path, model: Path, csv: Path, tmp_path: Path) -> None:
    csv.write_text("id,work\nP_1,W\nP_1,W\n", encoding="utf-8")
    with pytest.raises(ArtefactError, match="line 3: the id P_1 is in line 2 too"):
        run(tmp_path, "build-index", "--dataset", toy, "--model", model, "--metadata", csv)
    assert not list((tmp_path / "home" / "index").glob("gen-*"))
