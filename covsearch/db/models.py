"""The tables. A performance's ``id`` is its row among the generation's vectors."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, MetaData, String, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA = 6  # PRAGMA user_version; raised with every change below


class Base(DeclarativeBase):
    """Root of the mapped classes."""


class WorkRow(Base):
    """A composition; its performances form a clique."""

    __tablename__ = "works"

    collection: Mapped[str] = mapped_column(primary_key=True, comment="name of the collection that it is of")
    wid: Mapped[str] = mapped_column(primary_key=True, comment="`W_14`, in that collection")
    title: Mapped[str] = mapped_column(comment="empty where unknown")
    artist: Mapped[str] = mapped_column(comment="artist the work is known by; empty where unknown")


class SourceRow(Base):
    """A folder that performances were indexed from, and how its files were read."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True, comment="from 0, in the order of their first performances")
    folder: Mapped[str | None] = mapped_column(comment="absolute path; NULL for the bundled sample")
    subset: Mapped[str] = mapped_column(comment="subset of the dataset")
    frame_rate: Mapped[float] = mapped_column(comment="frames a second of its files")


class PerformanceRow(Base):
    """One recording."""

    __tablename__ = "performances"
    __table_args__ = (
        UniqueConstraint("pid", "collection"),  # the id first: that is what is looked up
        ForeignKeyConstraint(["collection", "wid"], [WorkRow.collection, WorkRow.wid]),
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="row of its vector, from 0, in natural order of PIDs")
    collection: Mapped[str] = mapped_column(comment="name of the collection that it is of")
    pid: Mapped[str] = mapped_column(comment="`P_22`, in that collection")
    wid: Mapped[str | None] = mapped_column(
        index=True, comment="its work, of the same collection; NULL where that is not known"
    )
    title: Mapped[str] = mapped_column(comment="empty where unknown")
    artist: Mapped[str] = mapped_column(comment="performing artist; empty where unknown")
    album: Mapped[str] = mapped_column(comment="empty where unknown")
    year: Mapped[int | None] = mapped_column(comment="release year; NULL where unknown or unreleased")
    instrumental: Mapped[bool | None] = mapped_column(comment="1, 0, or NULL where unknown")
    artist_mbid: Mapped[str | None] = mapped_column(comment="MusicBrainz identifier of the artist")
    source_id: Mapped[int | None] = mapped_column(
        ForeignKey(SourceRow.id), comment="what it was indexed from; NULL where that is not known"
    )

    work: Mapped[WorkRow | None] = relationship()
    matches: Mapped[list[MusicBrainzRow]] = relationship(order_by="MusicBrainzRow.position")


class MusicBrainzRow(Base):
    """A MusicBrainz recording that Da-TACOS matched to a performance."""

    __tablename__ = "musicbrainz_matches"

    performance_id: Mapped[int] = mapped_column(ForeignKey(PerformanceRow.id), primary_key=True, comment="performance")
    position: Mapped[int] = mapped_column(primary_key=True, comment="order in the dataset's JSON, from 0")
    mbid: Mapped[str] = mapped_column(comment="MusicBrainz identifier of the recording")
    length_ms: Mapped[int | None] = mapped_column(comment="length in milliseconds; NULL where unknown")


class FeatureFileRow(Base):
    """A file that a performance was indexed from, as it was then."""

    __tablename__ = "feature_files"

    performance_id: Mapped[int] = mapped_column(ForeignKey(PerformanceRow.id), primary_key=True, comment="performance")
    feature: Mapped[str] = mapped_column(primary_key=True, comment="`hpcp`, `crema` or `cens`")
    path: Mapped[str] = mapped_column(comment="from the source's folder")
    sha256: Mapped[str] = mapped_column(comment="of the file's content, hexadecimal")


# covsearch.dataset.words splits and folds texts, so the tokenizer has only to split at blanks: "ascii" takes every
# character beyond ASCII for a part of a word
TEXT_COLUMNS = ("title", "artist", "work_title", "work_artist", "album")
CREATE_TEXT_INDEX = f"""CREATE VIRTUAL TABLE performance_text USING fts5(
\t{", ".join(TEXT_COLUMNS)}, content='', tokenize='ascii'
)"""

# FTS5's hidden columns: one named as the table, for MATCH, and rank, bm25's; in a MetaData of its own, because
# SQLAlchemy would create it as an ordinary table
TEXT = Table(
    "performance_text",
    MetaData(),
    Column("rowid"),
    Column("performance_text", String),
    Column("rank"),
    *(Column(name, String) for name in TEXT_COLUMNS),
)
