-- Made by `python -m covsearch.db.schema > db/schema.sql`: change covsearch/db/models.py instead.

CREATE TABLE sources (
    id INTEGER NOT NULL,
    folder VARCHAR,
    subset VARCHAR NOT NULL,
    frame_rate DOUBLE NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE works (
    collection VARCHAR NOT NULL,
    wid VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    artist VARCHAR NOT NULL,
    PRIMARY KEY (collection, wid)
);

CREATE TABLE performances (
    id INTEGER NOT NULL,
    collection VARCHAR NOT NULL,
    pid VARCHAR NOT NULL,
    wid VARCHAR,
    title VARCHAR NOT NULL,
    artist VARCHAR NOT NULL,
    album VARCHAR NOT NULL,
    year INTEGER,
    instrumental BOOLEAN,
    artist_mbid VARCHAR,
    source_id INTEGER,
    PRIMARY KEY (id),
    UNIQUE (pid, collection),
    FOREIGN KEY(collection, wid) REFERENCES works (collection, wid),
    FOREIGN KEY(source_id) REFERENCES sources (id)
);

CREATE INDEX ix_performances_wid ON performances (wid);

CREATE TABLE feature_files (
    performance_id INTEGER NOT NULL,
    feature VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    PRIMARY KEY (performance_id, feature),
    FOREIGN KEY(performance_id) REFERENCES performances (id)
);

CREATE TABLE musicbrainz_matches (
    performance_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    mbid VARCHAR NOT NULL,
    length_ms INTEGER,
    PRIMARY KEY (performance_id, position),
    FOREIGN KEY(performance_id) REFERENCES performances (id)
);

CREATE VIRTUAL TABLE performance_text USING fts5(
    title, artist, work_title, work_artist, album, content='', tokenize='ascii'
);

PRAGMA user_version = 6;
