"""A change that was made of one generation, applied to a newer one.

Performances are compared by what is of each alone. What a writer changed, added or removed, it has; what others changed
meanwhile stays. Where two changed the same performance, and not alike, the later one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from covsearch.dataset.ids import in_words, natural_key
from covsearch.dataset.names import full_name, names_of
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.errors import CovsearchError
from covsearch.index.manifest import parse_manifest
from covsearch.store.postgres.catalogue import PostgresCatalogue
from covsearch.store.postgres.link import raw
from covsearch.store.postgres.pin import Pin
from covsearch.store.postgres.rows import Key, Row


@dataclass(frozen=True)
class Merged:
    """The performances of a generation, in natural order of their names.

    Attributes
    ----------
    performances : sequence of Performance
    origins : mapping
        By name.
    recordings : sequence of bytes
        Digests of vectors and parts.
    """

    performances: Sequence[Performance]
    origins: Mapping[str, Origin]
    recordings: Sequence[bytes]


_One = tuple[Performance, Origin | None, bytes]


class Shown:
    """The generation that the views of a connection show, inside of its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The connection itself."""
        yield self._connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that leaves the transaction as it is."""
        with Session(self._connection, join_transaction_mode="create_savepoint") as session:
            yield session


def rebase(connection: Connection, base: Pin, newest: int, mine: Merged, own_rows: Sequence[Row]) -> Merged:
    """What `mine` changed of `base`, applied to the newest generation, which the views show.

    Parameters
    ----------
    connection : Connection
        In the transaction that publishes, so nobody replaces the newest generation.
    base : Pin
    newest : int
    mine : Merged
    own_rows : sequence of Row
        Its rows.

    Raises
    ------
    CovsearchError
        When others changed one of the same performances, or built the index anew.
    """
    theirs, query = Shown(connection), text("SELECT manifest FROM generations WHERE id = :id")
    manifest = parse_manifest(str(connection.scalar(query, {"id": newest})))
    if (manifest.model, manifest.parts) != (base.manifest.model, base.manifest.parts):
        raise CovsearchError("the index was built again meanwhile; nothing was published: run the command again")
    before, now = _owns(base), _owns(theirs)
    rows = {row.key: row for row in own_rows}
    changed = {key for key, row in rows.items() if before.get(key) != row.own}
    gone = before.keys() - rows.keys()
    for key in sorted(changed | gone):
        own = rows[key].own if key in rows else None
        if now.get(key) not in (before.get(key), own):
            raise CovsearchError(
                f"{in_words(full_name(*key))} was changed by somebody else meanwhile; nothing was published: "
                "run the command again"
            )
    merged = {key: one for key, one in _everything(theirs).items() if key not in gone}
    merged |= {key: one for key, one in _by_key(mine).items() if key in changed}
    if not merged:
        raise CovsearchError("others removed all the rest meanwhile, and an index needs at least one performance")
    return _ordered(list(merged.values()))


def _owns(pin: Pin | Shown) -> dict[Key, bytes]:
    """The digest of what is of each performance alone."""
    query = b"SELECT collection, pid, own FROM performances JOIN performance_text USING (id)"
    with pin.connection() as connection:
        return {(c, pid): bytes(own) for c, pid, own in raw(connection).execute(query, binary=True)}


def _everything(pin: Shown) -> dict[Key, _One]:
    """All performances of a generation."""
    catalogue = PostgresCatalogue(pin)
    names = catalogue.names()
    stored, origins = catalogue.stored(names), catalogue.origins(names)
    query = (
        b"SELECT collection, pid, r.digest FROM performances JOIN performance_text t USING (id) "
        b"JOIN recordings r ON r.id = t.recording"
    )
    with pin.connection() as connection:
        digests = {(c, pid): bytes(digest) for c, pid, digest in raw(connection).execute(query, binary=True)}
    keys = {name: (p.collection, p.pid) for name, p in stored.items()}
    return {key: (stored[name], origins.get(name), digests[key]) for name, key in keys.items()}


def _by_key(mine: Merged) -> dict[Key, _One]:
    names = names_of(mine.performances)
    found = zip(names, mine.performances, mine.recordings, strict=True)
    return {(p.collection, p.pid): (p, mine.origins.get(name), digest) for name, p, digest in found}


def _ordered(every: Sequence[_One]) -> Merged:
    """In natural order of what they are called together."""
    names = names_of([one[0] for one in every])
    order = sorted(range(len(every)), key=lambda place: natural_key(names[place]))
    origins = {names[place]: origin for place in order if (origin := every[place][1]) is not None}
    return Merged([every[place][0] for place in order], origins, [every[place][2] for place in order])
