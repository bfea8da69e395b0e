-- Made by `python -m covsearch.db.schema > db/schema.sql`: change covsearch/db/models.py instead.

CREATE TABLE works (
    wid VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    artist VARCHAR NOT NULL,
    PRIMARY KEY (wid)
);

CREATE TABLE performances (
    id INTEGER NOT NULL,
    pid VARCHAR NOT NULL,
    wid VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    artist VARCHAR NOT NULL,
    year INTEGER,
    instrumental BOOLEAN,
    artist_mbid VARCHAR,
    PRIMARY KEY (id),
    UNIQUE (pid),
    FOREIGN KEY(wid) REFERENCES works (wid)
);

CREATE INDEX ix_performances_wid ON performances (wid);

CREATE TABLE musicbrainz_matches (
    performance_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    mbid VARCHAR NOT NULL,
    length_ms INTEGER,
    PRIMARY KEY (performance_id, position),
    FOREIGN KEY(performance_id) REFERENCES performances (id)
);

CREATE VIRTUAL TABLE performance_text USING fts5(
    title, artist, work_title, work_artist, content='', tokenize='unicode61 remove_diacritics 2'
);

PRAGMA user_version = 1;
