"""The schema as SQL, for people and other programs: ``python -m covsearch.db.schema > db/schema.sql``."""

from __future__ import annotations

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from covsearch.db.models import CREATE_TEXT_INDEX, SCHEMA, Base


def schema_sql() -> str:
    """Statements that make an empty database like those that builds write."""
    statements: list[CreateTable | CreateIndex] = []
    for table in Base.metadata.sorted_tables:
        statements.append(CreateTable(table))
        statements.extend(CreateIndex(index) for index in table.indexes)
    compiled = [str(s.compile(dialect=sqlite.dialect())) for s in statements]
    texts = [*compiled, CREATE_TEXT_INDEX, f"PRAGMA user_version = {SCHEMA}"]
    return "\n\n".join(f"{_tidy(text)};" for text in texts) + "\n"


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip().replace("\t", "    ") for line in text.strip().splitlines())


if __name__ == "__main__":
    print("-- Made by `python -m covsearch.db.schema > db/schema.sql`: change covsearch/db/models.py instead.\n")
    print(schema_sql(), end="")
