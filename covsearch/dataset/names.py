"""What performances and works are called where several collections are together: by their id alone while that is clear.

A collection has a name without a colon, so that ``name:id`` says which performance it is, whatever the ids are. The id
alone does while no other collection has it, and while it does not read like another's ``name:id``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from covsearch.dataset.ids import is_id
from covsearch.dataset.performance import Performance

COLON = ":"


def full_name(collection: str, id_: str) -> str:
    """``sample:P_5``."""
    return f"{collection}{COLON}{id_}"


def is_collection(text: object) -> bool:
    """Whether `text` can be the name of a collection: an id without a colon."""
    return is_id(text) and COLON not in str(text)


def is_name(text: object) -> bool:
    """Whether `text` can be what a performance is called, its id or its full name."""
    collection, colon, id_ = str(text).partition(COLON)
    return is_id(text) or (bool(colon) and is_id(collection) and is_id(id_))


@dataclass(frozen=True)
class Naming:
    """How performances, or works, of one index are called.

    Attributes
    ----------
    unclear : frozenset of str
        Ids that alone do not say what is meant.
    """

    unclear: frozenset[str] = frozenset()

    def name(self, collection: str, id_: str) -> str:
        """The id alone, or the full name where that is needed."""
        return full_name(collection, id_) if id_ in self.unclear else id_


def naming_of(everything: Iterable[tuple[str, str]]) -> Naming:
    """How to call each of `everything`, all collections and ids of one index, so that no two are called alike."""
    pairs = set(everything)
    times = Counter(id_ for _, id_ in pairs)
    full = {full_name(*pair) for pair in pairs}
    return Naming(frozenset(id_ for id_, n in times.items() if n > 1 or id_ in full))


def names_of(performances: Sequence[Performance]) -> list[str]:
    """What each of `performances`, all of one index, is called there."""
    naming = naming_of((p.collection, p.pid) for p in performances)
    return [naming.name(p.collection, p.pid) for p in performances]
