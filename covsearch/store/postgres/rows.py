"""What is published as rows: of every performance what is of it alone, and the words that it is found by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from covsearch.dataset.names import names_of
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.db.write import file_rows, match_rows, named_works, performance_row, source_of, text_row
from covsearch.store.postgres.catalogue import keys_column, tokens_column, words_column

Key = tuple[str, str]
"""Collection and id."""


@dataclass(frozen=True)
class Row:
    """One performance, ready to be stored.

    Attributes
    ----------
    key : Key
    columns : mapping
        Those of the mapped class, without `id` and `source_id`.
    matches, files : sequence of mapping
        Rows of the tables that belong to it, without its id.
    source : tuple or None
        Folder, subset and frame rate that it was read from.
    recording : bytes
        Digest of its vector and parts.
    words, keys, tokens
        As :mod:`covsearch.store.postgres.catalogue` has them.
    """

    key: Key
    columns: Mapping[str, Any]
    matches: Sequence[Mapping[str, Any]]
    files: Sequence[Mapping[str, Any]]
    source: tuple[str | None, str, float] | None
    recording: bytes
    words: str
    keys: Sequence[str]
    tokens: int
    own: bytes
    whole: bytes


def rows_of(
    performances: Sequence[Performance], origins: Mapping[str, Origin], recordings: Sequence[bytes]
) -> list[Row]:
    """The rows of `performances`, in natural order; `recordings` are the digests of their vectors and parts."""
    works = named_works(performances)
    names = names_of(performances)
    rows = []
    for performance, name, digest in zip(performances, names, recordings, strict=True):
        work = works.get((performance.collection, performance.wid or ""), ("", ""))
        rows.append(_row(performance, origins.get(name), digest, work))
    return rows


def _row(p: Performance, origin: Origin | None, recording: bytes, work: tuple[str, str]) -> Row:
    columns = {k: v for k, v in performance_row(0, p, None).items() if k not in ("id", "source_id")}
    matches = [_bare(row) for row in match_rows([p])]
    files = [_bare(row) for row in file_rows(["it"], {"it": origin})] if origin else []
    source = source_of(origin) if origin else None
    texts = text_row(0, p, work)
    words = words_column(texts)
    said = json.dumps([columns, matches, sorted(files, key=str), source, recording.hex()], sort_keys=True)
    own = hashlib.sha256(said.encode("utf-8")).digest()
    whole = hashlib.sha256(own + words.encode("utf-8")).digest()
    found = keys_column(texts)
    tokens = tokens_column(texts)
    return Row((p.collection, p.pid), columns, matches, files, source, recording, words, found, tokens, own, whole)


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "performance_id"}


def digest_of_rows(whole: Sequence[bytes]) -> str:
    """SHA-256 of the sorted digests of all rows of a generation; the server computes the same."""
    return hashlib.sha256(b"".join(sorted(whole))).hexdigest()
