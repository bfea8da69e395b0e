from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
from published import make_performances

from covsearch.db.schema import schema_sql
from covsearch.db.write import write_catalogue

SCHEMA = Path(__file__).resolve().parents[2] / "db" / "schema.sql"


def objects(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Everything the database defines, white space aside."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in rows}


def test_the_file_beside_the_databases_is_what_the_models_say() -> None:
    printed = subprocess.run([sys.executable, "-m", "covsearch.db.schema"], capture_output=True, text=True, check=True)
    assert SCHEMA.read_text(encoding="utf-8") == printed.stdout, "run `python -m covsearch.db.schema > db/schema.sql`"


def test_a_built_database_has_the_schema_that_the_file_says(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "built.sqlite3", list(make_performances(np.random.default_rng(0), 3).values()))
    built, read = sqlite3.connect(tmp_path / "built.sqlite3"), sqlite3.connect(":memory:")
    read.executescript(SCHEMA.read_text(encoding="utf-8"))
    assert objects(built) == objects(read)
    version = "PRAGMA user_version"
    assert built.execute(version).fetchone() == read.execute(version).fetchone() == (6,)
    built.close()
    read.close()


def test_the_statements_say_what_is_unique_and_what_refers_to_what() -> None:
    text = schema_sql()
    for part in (
        "UNIQUE (pid, collection)",
        "FOREIGN KEY(collection, wid) REFERENCES works (collection, wid)",
        "tokenize='ascii'",
    ):
        assert part in text
