"""Questions to the metadata. What is not a question to a text is asked as of SQLite: of the same mapped classes.

Texts are found by the words of :mod:`covsearch.dataset.words`, and by nothing of the server's own: neither its parsers
nor its locale have a part in it. ``words`` has a performance's words in order, each between blanks, so that a term is a
piece of it. ``keys`` is an array of the words and of their beginnings, with an index; of Chinese and Japanese the words
are pairs of characters. Hits are ordered by BM25 as FTS5 computes it, so that both stores give the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import BigInteger, Connection, Row, any_, literal, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from covsearch.dataset.ids import natural_key
from covsearch.dataset.words import Question, Term
from covsearch.db.catalogue import Sessions, SqlCatalogue, columns_and_versions
from covsearch.db.models import TEXT_COLUMNS, PerformanceRow

_BEGINNING = 8  # characters of the longest beginning that is a key
_LONGEST = 500  # characters of the longest key: the server's index refuses one of 2.7 kB
_K1, _B = 1.2, 0.75  # of BM25, as FTS5 has them


def words_column(texts: Mapping[str, str]) -> str:
    """``words`` of a performance, of its texts in normal form (:func:`covsearch.db.write.text_row`)."""
    return "\n".join(_spaced(texts[column].split()) for column in TEXT_COLUMNS)


def keys_column(texts: Mapping[str, str]) -> list[str]:
    """``keys``: every word, and its beginnings with a ``*``; of a longer word its first 500 characters."""
    words = {word for column in TEXT_COLUMNS for word in texts[column].split()}
    return sorted(
        {word[:_LONGEST] for word in words}
        | {f"{word[:n]}*" for word in words for n in range(1, min(len(word), _BEGINNING) + 1)}
    )


def tokens_column(texts: Mapping[str, str]) -> int:
    """How many words there are."""
    return sum(len(texts[column].split()) for column in TEXT_COLUMNS)


class Seen(Sessions, Protocol):
    """A generation that views show."""

    def connection(self) -> AbstractContextManager[Connection]:
        """A connection with a transaction in which they do."""


class PostgresCatalogue(SqlCatalogue):
    """The metadata of the generation that `pin` holds, or that a transaction sees.

    Parameters
    ----------
    pin : Pin, or another Seen
    """

    def __init__(self, pin: Seen) -> None:
        super().__init__(pin)
        self._pin = pin

    def _ids(self) -> list[tuple[int, str, str]]:
        """In natural order of names, which the server does not know."""
        naming = self._naming[0]
        with self._pin.connection() as connection:
            found = connection.execute(text("SELECT id, collection, pid FROM performances")).all()
        return sorted(map(tuple, found), key=lambda row: natural_key(naming.name(row[1], row[2])))

    def rows(self) -> tuple[tuple[int, str], ...]:
        """Row of its vector and name of every performance, by row."""
        return tuple((row, self._naming[0].name(c, pid)) for row, (_, c, pid) in enumerate(self._ids()))

    @cached_property
    def _sizes(self) -> tuple[int, int]:
        """Performances, and words of all of them."""
        with self._pin.connection() as connection:
            found = connection.execute(text("SELECT count(*), coalesce(sum(tokens), 0) FROM performance_text")).one()
        return int(found[0]), int(found[1])

    def _hits(self, session: Session, asked: Question, limit: int) -> Sequence[Row[Any]]:
        ranks = self._ranks(session, asked, limit)
        some = literal(list(ranks), ARRAY(BigInteger))
        query = columns_and_versions().where(PerformanceRow.id == any_(some))
        rows = session.execute(query).all()
        naming = self._naming[0]
        key = {row[0]: (ranks[row[0]], natural_key(naming.name(row[1], row[2]))) for row in rows}
        return sorted(rows, key=lambda row: key[row[0]])[:limit]

    def _ranks(self, session: Session, asked: Question, limit: int) -> dict[int, float]:
        """Rank of the `limit` best hits and of those that are as good as the last of them, the least the best."""
        terms = [term for ways in asked for way in ways for term in way]
        values: dict[str, Any] = {"limit": limit}
        for place, term in enumerate(terms):
            values |= {f"words{place}": _piece(term), f"keys{place}": _keys(term)}
        numbers = iter(range(len(terms)))
        where = " AND ".join(_any(ways, numbers) for ways in asked)
        weights = self._weights(session, values, len(terms))
        count, total = self._sizes
        values |= {f"weight{place}": weight for place, weight in enumerate(weights)} | {"mean": total / count}
        rank = " + ".join(_scored(place) for place in range(len(terms)))
        query = f"SELECT id, -({rank}) AS rank FROM performance_text WHERE {where} ORDER BY rank"
        return dict(map(tuple, session.execute(text(f"{query} FETCH FIRST :limit ROWS WITH TIES"), values)))

    def _weights(self, session: Session, values: Mapping[str, Any], terms: int) -> Iterator[float]:
        """Inverse document frequency of each term."""
        count = self._sizes[0]
        for place in range(terms):
            query = text(f"SELECT count(*) FROM performance_text WHERE {_has(place)}")
            own = {name: values[name] for name in (f"words{place}", f"keys{place}")}
            hits = session.scalar(query, own) or 0
            weight = math.log((count - hits + 0.5) / (hits + 0.5))
            yield weight if weight > 0 else 1e-6


def _spaced(words: Iterable[str]) -> str:
    return "".join(f" {word} " for word in words)


def _piece(term: Term) -> str:
    """What is in ``words`` wherever the term is."""
    piece = _spaced(term.words)
    return piece.removesuffix(" ") if term.cut else piece


def _keys(term: Term) -> list[str]:
    """What is in ``keys`` wherever the term is."""
    keys = [word[:_LONGEST] for word in term.words]
    return [*keys[:-1], f"{keys[-1][:_BEGINNING]}*"] if term.cut else keys


def _any(ways: Sequence[Sequence[Term]], numbers: Iterator[int]) -> str:
    return f"({' OR '.join(_all(way, numbers) for way in ways)})"


def _all(way: Sequence[Term], numbers: Iterator[int]) -> str:
    return f"({' AND '.join(_has(next(numbers)) for _ in way)})"


def _has(place: int) -> str:
    return f"(keys @> CAST(:keys{place} AS text[]) AND strpos(words, :words{place}) > 0)"


def _scored(place: int) -> str:
    """A term's part of BM25: its weight times how often it is there, seen beside the number of words."""
    often = f"CAST((length(words) - length(replace(words, :words{place}, ''))) / length(:words{place}) AS float8)"
    long = f"({1 - _B} + {_B} * tokens / CAST(:mean AS float8))"
    return f"CAST(:weight{place} AS float8) * ({often} * {_K1 + 1} / ({often} + {_K1} * {long}))"
