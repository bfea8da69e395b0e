from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from published import make_performances

from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import Performance
from covsearch.db.catalogue import SqliteCatalogue
from covsearch.db.write import write_catalogue
from covsearch.errors import ArtefactError


def test_every_field_of_every_performance_comes_back(tmp_path: Path) -> None:
    performances = make_performances(np.random.default_rng(0), 60)
    write_catalogue(tmp_path / "db", list(performances.values()))
    assert SqliteCatalogue(tmp_path / "db").get(list(performances)) == performances


def test_what_performances_were_indexed_from_comes_back(tmp_path: Path) -> None:
    """Of three sources, two of which differ in the frame rate alone; and of one performance it is not known."""
    performances = list(make_performances(np.random.default_rng(0), 60).values())
    sources = [("/a", "one", 10.0), ("/a", "one", 20.0), (None, "sample", 10.0)]
    origins = {}
    for row, p in enumerate(performances[1:]):
        names = ("hpcp", "crema")[: 1 + row % 2]
        files = {name: OriginFile(f"W/{p.pid}_{name}.h5", f"{row:064x}") for name in names}
        origins[p.pid] = Origin(*sources[row % 3], files)
    write_catalogue(tmp_path / "db", performances, origins)
    assert SqliteCatalogue(tmp_path / "db").origins([p.pid for p in performances]) == origins
    connection = sqlite3.connect(tmp_path / "db")
    assert connection.execute("SELECT folder, subset, frame_rate FROM sources ORDER BY id").fetchall() == sources
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_work_is_called_as_its_first_performance_that_says_it(tmp_path: Path) -> None:
    said = [("", ""), ("Song", ""), ("Another", "Writer")]
    performances = [Performance(f"P_{i}", "W_1", work_title=t, work_artist=a) for i, (t, a) in enumerate(said)]
    write_catalogue(tmp_path / "db", performances)
    stored = SqliteCatalogue(tmp_path / "db").get(["P_0", "P_1", "P_2"]).values()
    assert {(p.work_title, p.work_artist) for p in stored} == {("Song", "Writer")}


def test_an_empty_collection_makes_an_empty_database(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "db", [])
    assert len(SqliteCatalogue(tmp_path / "db")) == 0


def test_the_file_needs_no_journal_and_leaves_none(tmp_path: Path) -> None:
    """Byte 18 and 19 of the header say 1 for a rollback journal, 2 for WAL, which a read-only folder could not open."""
    write_catalogue(tmp_path / "db", list(make_performances(np.random.default_rng(0), 3).values()))
    assert (tmp_path / "db").read_bytes()[18:20] == b"\x01\x01"
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


def test_fifteen_thousand_performances_are_all_there(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "db", list(make_performances(np.random.default_rng(0), 15_000).values()))
    assert len(SqliteCatalogue(tmp_path / "db")) == 15_000


def test_paths_with_characters_that_mean_something_in_a_uri(tmp_path: Path) -> None:
    folder = tmp_path / "100 % of?it#here&mode=rwc"
    folder.mkdir()
    performance = Performance("P_1", "W_1", "Title")
    write_catalogue(folder / "db", [performance])
    assert SqliteCatalogue(folder / "db").get(["P_1"]) == {"P_1": performance}
    assert [path.name for path in folder.iterdir()] == ["db"]


@pytest.mark.parametrize("change", [{"title": "lone \ud800 surrogate"}, {"year": 2**70}])
def test_what_sqlite_cannot_hold_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    performance = replace(Performance("P_1", "W_1"), **change)  # type: ignore[arg-type]
    with pytest.raises(ArtefactError, match=r"metadata cannot be stored: .*; correct it in the dataset's JSON"):
        write_catalogue(tmp_path / "db", [performance])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing/db"):
        write_catalogue(tmp_path / "missing" / "db", [])


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "db", [Performance("P_1", "W_1")])
    with pytest.raises(FileExistsError, match="db"):
        write_catalogue(tmp_path / "db", [Performance("P_2", "W_1")])
    connection = sqlite3.connect(tmp_path / "db")
    assert connection.execute("SELECT pid FROM performances").fetchall() == [("P_1",)]
    connection.close()
