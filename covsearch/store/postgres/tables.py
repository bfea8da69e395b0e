"""The tables. What the mapped classes of :mod:`covsearch.db.models` name are views of the generation that is pinned.

A row of ``performance_versions`` or ``work_versions`` is of the generations from `born` up to, and without, `died`. A
generation that differs in ten performances from the one before costs ten rows, and both can be read. What is large
lies in ``recordings``, which never change: they are found by the digest of their content.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from covsearch.db.models import SCHEMA as MODELS
from covsearch.db.models import Base, FeatureFileRow, MusicBrainzRow, PerformanceRow, SourceRow, WorkRow
from covsearch.errors import ArtefactError, UsageError
from covsearch.index.parts import PARTS
from covsearch.store.postgres.link import SCHEMA

VERSION = f"{MODELS}.1"  # the number behind the point is raised with every change below
ALIVE = 2**63 - 1  # `died` of what no generation has ended
PINNED = "covsearch.generation"  # the setting of a session that says which generation it reads
_TEXT = Text(collation="C")
_VISIBLE = f"v.born <= current_setting('{PINNED}')::bigint AND v.died > current_setting('{PINNED}')::bigint"
_META = MetaData()


def _type(column: ColumnElement[Any]) -> TypeEngine[Any]:
    """As SQLite stores it: texts by their bytes, integers of 64 bits."""
    kinds: dict[type, TypeEngine[Any]] = {bool: Boolean(), int: BigInteger(), float: Float(53)}
    return kinds.get(column.type.python_type, _TEXT)


def _columns(model: type[Base]) -> list[Column[Any]]:
    """Those of a mapped class beside its `id`, without its keys."""
    return [Column(c.name, _type(c), nullable=c.nullable) for c in model.__table__.columns if c.name != "id"]


def _versioned(name: str, model: type[Base], *more: Any) -> Table:
    lives = [Column("born", BigInteger, nullable=False), Column("died", BigInteger, nullable=False)]
    return Table(name, _META, Column("id", BigInteger, Identity(), primary_key=True), *lives, *_columns(model), *more)


def _of_performance(model: type[Base]) -> Table:
    """A table of a mapped class whose rows are of a version of a performance, and go with it."""
    name, first = model.__tablename__, Column("performance_id", BigInteger, nullable=False, index=True)
    first.append_foreign_key(ForeignKey("performance_versions.id", ondelete="CASCADE"))
    return Table(name, _META, first, *(c for c in _columns(model) if c.name != "performance_id"))


RECORDINGS = Table(
    "recordings",
    _META,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True, comment="DIGEST of the other columns"),
    Column("stage", BigInteger, index=True, comment="of the writer that is staging it; NULL where it was published"),
    Column("vector", LargeBinary, nullable=False, comment="float32, little-endian"),
    *(Column(name, LargeBinary, comment=kind.home) for name, kind in PARTS.items()),
)
SOURCES = Table("sources", _META, Column("id", BigInteger, primary_key=True), *_columns(SourceRow))
WORKS = _versioned("work_versions", WorkRow)
PERFORMANCES = _versioned(
    "performance_versions",
    PerformanceRow,
    Column("recording", BigInteger, ForeignKey("recordings.id"), nullable=False, index=True),
    Column("own", LargeBinary, nullable=False, comment="digest of all that is of it alone"),
    Column("whole", LargeBinary, nullable=False, comment="digest of that and `words`"),
    Column("words", _TEXT, nullable=False, comment="normal form of titles and artists, see words.py"),
    Column("keys", ARRAY(_TEXT), nullable=False, comment="every word, and its beginnings"),
    Column("tokens", Integer, nullable=False, comment="how many words there are"),
)
Index("performance_keys", PERFORMANCES.c["keys"], postgresql_using="gin")
Index("performance_ids", PERFORMANCES.c.pid, PERFORMANCES.c.collection)
Index("performance_works", PERFORMANCES.c.wid)
Index("performances_died", PERFORMANCES.c.died)
Index("work_ids", WORKS.c.wid, WORKS.c.collection)
Index("works_died", WORKS.c.died)
MATCHES, FILES = _of_performance(MusicBrainzRow), _of_performance(FeatureFileRow)
CONTENTS = Table(
    "contents",
    _META,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256"),
    Column("content", LargeBinary, nullable=False),
)
GENERATIONS = Table(
    "generations",
    _META,
    Column("id", BigInteger, primary_key=True),
    Column("manifest", _TEXT, nullable=False, comment="JSON, as the local store has it"),
    Column("sha256", _TEXT, nullable=False, comment="of the manifest"),
)
GENERATION_FILES = Table(
    "generation_files",
    _META,
    Column("generation", BigInteger, ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True),
    Column("name", _TEXT, primary_key=True, comment="`head.safetensors`, or of a file of the model"),
    Column("digest", LargeBinary, ForeignKey("contents.digest"), nullable=False),
)
CURRENT = Table(
    "current",
    _META,
    Column("one", Boolean, primary_key=True, comment="true: there is one row"),
    Column("generation", BigInteger, ForeignKey("generations.id"), comment="what readers read; NULL before the first"),
    Column("version", _TEXT, nullable=False, comment="of these tables"),
    Column("store", _TEXT, nullable=False, comment="random, another one in every database"),
)
CORRECTIONS = Table(
    "corrections",
    _META,
    Column("one", Boolean, primary_key=True, comment="true: there is one row"),
    Column("document", _TEXT, nullable=False, comment="covsearch.corrections.log; of no generation"),
)
DIGEST = "sha256(sha256(vector) || " + " || ".join(f"coalesce(sha256({name}), '\\x00')" for name in PARTS) + ")"
"""Of a recording, as the server computes it; :func:`covsearch.store.postgres.recordings.digest_of` does the same."""


def _view(name: str, columns: list[str], of: Table) -> str:
    return f"CREATE VIEW {name} AS SELECT {', '.join(f'v.{c}' for c in columns)} FROM {of.name} v WHERE {_VISIBLE}"


def _statements() -> list[str]:
    """What SQLAlchemy does not know: views, and how bytes are kept: apart from their row, not compressed."""
    apart = (f"ALTER TABLE recordings ALTER COLUMN {name} SET STORAGE EXTERNAL" for name in PARTS)
    performances = [column.name for column in PerformanceRow.__table__.columns]
    return [
        *apart,
        "ALTER TABLE contents ALTER COLUMN content SET STORAGE EXTERNAL",
        "CREATE SEQUENCE stages",
        _view(WorkRow.__tablename__, [column.name for column in WorkRow.__table__.columns], WORKS),
        _view(PerformanceRow.__tablename__, performances, PERFORMANCES),
        _view("performance_text", ["id", "recording", "own", "whole", "words", "keys", "tokens"], PERFORMANCES),
    ]


def make_tables(connection: Connection) -> None:
    """Make schema and tables where they are not there; inside the caller's transaction, one caller at a time.

    Raises
    ------
    UsageError
        When the database cannot hold all characters.
    ArtefactError
        When its tables are another covsearch's.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('covsearch tables'))"))
    if connection.scalar(text(f"SELECT to_regclass('{SCHEMA}.current')")) is not None:
        check_version(connection.scalar(text("SELECT version FROM current")))
        return
    if (came := connection.scalar(text("SHOW server_encoding"))) != "UTF8":
        raise UsageError(
            f"expected a database in UTF8, this one is in {came}: make one with `createdb --encoding UTF8`"
        )
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    _META.create_all(connection, checkfirst=False)
    for statement in _statements():
        connection.exec_driver_sql(statement)
    made = "INSERT INTO current VALUES (true, NULL, :version, md5(random()::text || clock_timestamp()::text))"
    connection.execute(text(made), {"version": VERSION})
    connection.execute(text("INSERT INTO corrections VALUES (true, '')"))


def check_version(came: str) -> None:
    """Refuse tables of another covsearch, with an ArtefactError."""
    if came != VERSION:
        old = f"{SCHEMA}_old"
        mend = (
            f"put them aside (`ALTER SCHEMA {SCHEMA} RENAME TO {old}`), run `covsearch build-index`, and take over "
            f"what was corrected: `UPDATE {SCHEMA}.corrections SET document = (SELECT document FROM {old}.corrections)`"
        )
        raise ArtefactError(f"the database has tables {came}, this covsearch reads {VERSION}: {mend}")
