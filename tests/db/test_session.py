from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from covsearch.dataset.performance import Performance
from covsearch.db.catalogue import SqliteCatalogue
from covsearch.db.session import ReadOnlyDatabase
from covsearch.db.write import write_catalogue
from covsearch.errors import ArtefactError


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_catalogue(tmp_path / "db", [Performance(f"P_{i}", "W_1", "Title " * 50) for i in range(500)])
    return tmp_path / "db"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM performances",
        "UPDATE performances SET title = ''",
        "INSERT INTO performance_text(rowid, title) VALUES (1000, 'x')",
        "PRAGMA user_version = 7",
        "CREATE TABLE more (a)",
        "DROP TABLE works",
    ],
)
def test_a_query_connection_cannot_write(database: Path, statement: str) -> None:
    before = database.read_bytes()
    with pytest.raises(ArtefactError, match="readonly") as caught, ReadOnlyDatabase(database).session() as session:
        session.execute(text(statement))
    assert isinstance(caught.value.__cause__, OperationalError)
    assert database.read_bytes() == before


@pytest.mark.parametrize("statement", ["VACUUM", "VACUUM INTO '{}'", "ATTACH '{}' AS other"])
def test_a_query_connection_can_neither_compact_nor_write_another_file(database: Path, statement: str) -> None:
    before = database.read_bytes()
    with (
        pytest.raises(ArtefactError, match="too many attached databases - max 0"),
        ReadOnlyDatabase(database).session() as session,
    ):
        session.connection().exec_driver_sql(statement.format(database.parent / "other"))
    assert [path.name for path in database.parent.iterdir()] == ["db"]
    assert database.read_bytes() == before


def test_reading_needs_no_journal_beside_the_file(database: Path) -> None:
    assert len(SqliteCatalogue(database)) == 500
    assert [path.name for path in database.parent.iterdir()] == ["db"]


def test_an_open_catalogue_outlives_the_files_name(database: Path) -> None:
    catalogue = SqliteCatalogue(database)
    database.unlink()
    assert catalogue.get(["P_7"])["P_7"].wid == "W_1"


def test_another_schema_is_refused(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(
        ArtefactError, match=r"has schema 9, this covsearch reads schema 6: run `covsearch build-index`"
    ):
        ReadOnlyDatabase(database)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"SQLite format 4" * 500)
    with pytest.raises(ArtefactError, match="SQLite cannot read it: file is not a database; run `covsearch"):
        ReadOnlyDatabase(tmp_path / "db")


def test_damage_that_checksums_cannot_tell_of_is_found(database: Path) -> None:
    ReadOnlyDatabase(database).check()
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE performances SET wid = 'W_9' WHERE id = 7")
    connection.close()
    with pytest.raises(ArtefactError, match=r"db: row 7 of performances belongs to no row of works; run `covsearch"):
        ReadOnlyDatabase(database).check()
    data = database.read_bytes()
    title = data.rindex(b"Title Title")
    database.write_bytes(data[: title - 400] + b"\0" * 400 + data[title:])
    with pytest.raises(ArtefactError):
        ReadOnlyDatabase(database).check()


def test_a_missing_file_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="SQLite cannot read it: unable to open database file"):
        ReadOnlyDatabase(tmp_path / "db")
    assert not (tmp_path / "db").exists()


def test_a_file_that_turns_out_to_be_corrupt_is_refused_when_it_is_read(database: Path) -> None:
    data = bytearray(database.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    database.write_bytes(data)
    catalogue = SqliteCatalogue(database)
    with pytest.raises(ArtefactError, match=r"SQLite cannot read it: .*malformed"):
        catalogue.get(["P_7"])
