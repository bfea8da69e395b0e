"""One correction: performances that are together, and performances that are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from covsearch.dataset.ids import in_words, is_id
from covsearch.dataset.names import COLON, is_collection
from covsearch.errors import UsageError

ACCEPT, SPLIT, MERGE, TABLE = KINDS = ("accept", "split", "merge", "table")
MAX_APART = 1_000_000
"""Pairs that one correction may hold apart."""
_SHOWN = 6  # ids that a sentence names
_KEYS = {"correction", "kind", "when", "together", "apart"}

Ids = tuple[str, ...]


@dataclass(frozen=True)
class Correction:
    """What was said at once, and is taken back at once.

    Attributes
    ----------
    number : int
        From 1, in the order in which they were said.
    kind : str
        How it was said: ``accept``, ``split``, ``merge`` or ``table``.
    when : str
        UTC, ISO 8601.
    together : tuple of tuple of str
        Ids of performances that are versions of one work; at least two in each.
    apart : tuple of tuple of tuple of str
        Of each, at least two sides: no performance of one side is a version of one of another side.
    """

    number: int
    kind: str
    when: str
    together: tuple[Ids, ...] = ()
    apart: tuple[tuple[Ids, ...], ...] = ()

    @property
    def ids(self) -> set[str]:
        """All that it names."""
        return {id_ for ids in self.together for id_ in ids} | {
            id_ for sides in self.apart for side in sides for id_ in side
        }

    @property
    def sentence(self) -> str:
        """What it says, in words."""
        return "; ".join((*map(_together, self.together), *map(_apart, self.apart)))

    def called(self, name: Callable[[str], str]) -> Correction:
        """The same with other ids: `name` of each."""
        together = tuple(tuple(map(name, ids)) for ids in self.together)
        apart = tuple(tuple(tuple(map(name, side)) for side in sides) for sides in self.apart)
        return replace(self, together=together, apart=apart)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        return {
            "correction": self.number,
            "kind": self.kind,
            "when": self.when,
            "together": [list(ids) for ids in self.together],
            "apart": [[list(side) for side in sides] for sides in self.apart],
        }


def correction_of(values: dict[str, Any]) -> Correction:
    """The correction that :meth:`Correction.to_dict` gave, of full names, checked.

    Raises
    ------
    ValueError
        When it cannot be one.
    """
    if set(values) != _KEYS:
        raise ValueError(f"expected {', '.join(sorted(_KEYS))}, got {', '.join(sorted(values))[:200]}")
    number, kind, when = values["correction"], values["kind"], values["when"]
    if type(number) is not int or kind not in KINDS or not isinstance(when, str) or len(when) > 40:
        raise ValueError("expected a number, a kind and a time")
    together = tuple(_ids(ids) for ids in _list(values["together"]))
    apart = tuple(tuple(_ids(side) for side in _list(sides)) for sides in _list(values["apart"]))
    made = Correction(number, kind, when, together, apart)
    try:
        check(made)
    except UsageError as e:
        raise ValueError(str(e)) from e
    return made


def check(made: Correction) -> None:
    """Refuse a correction that says nothing, or something of a performance and itself.

    Raises
    ------
    UsageError
        Says what is wrong.
    """
    if not made.together and not made.apart:
        raise UsageError("expected performances that belong together or apart, got none")
    for ids in made.together:
        if len(set(ids)) < 2 or len(set(ids)) != len(ids):
            raise UsageError(f"expected at least two different performances of one work, got {_named(ids) or 'none'}")
    for sides in made.apart:
        every = [id_ for side in sides for id_ in side]
        if len(sides) < 2 or not all(sides) or len(set(every)) != len(every):
            raise UsageError(
                f"expected at least two different performances to hold apart, got {_named(every) or 'none'}"
            )
    if (pairs := sum(map(_pairs, made.apart))) > MAX_APART:
        raise UsageError(
            f"expected at most {MAX_APART:,} pairs apart in one correction, got {pairs:,}: say it in parts"
        )


def pairs_apart(sides: Sequence[Ids]) -> Iterator[tuple[str, str]]:
    """Every two ids of different sides."""
    for place, side in enumerate(sides):
        for other in sides[place + 1 :]:
            yield from ((a, b) for a in side for b in other)


def is_full_name(text: object) -> bool:
    """Whether `text` is ``collection:id``."""
    collection, colon, id_ = str(text).partition(COLON)
    return isinstance(text, str) and bool(colon) and is_collection(collection) and is_id(id_)


def _pairs(sides: Sequence[Ids]) -> int:
    sizes = list(map(len, sides))
    return (sum(sizes) ** 2 - sum(size**2 for size in sizes)) // 2


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"expected an array, not {type(value).__name__}")
    return value


def _ids(value: Any) -> Ids:
    for id_ in _list(value):
        if not is_full_name(id_):
            raise ValueError(f"expected collection:id, got {str(id_)[:80]!r}")
    return tuple(value)


def _together(ids: Ids) -> str:
    return f"{_named(ids)} are versions of one work"


def _apart(sides: tuple[Ids, ...]) -> str:
    if len(sides) > 2 and all(len(side) == 1 for side in sides):
        return f"no two of {_named([side[0] for side in sides])} are versions of one work"
    if len(sides) == 2:
        one, other = sorted(sides, key=len)
        return f"{_named(one)} {'is no version' if len(one) == 1 else 'are no versions'} of {_named(other, 'or')}"
    more = "; and others" if len(sides) > _SHOWN else ""
    return f"of different works are {'; '.join(map(_named, sides[:_SHOWN]))}{more}"


def _named(ids: Sequence[str], last: str = "and") -> str:
    shown = [in_words(id_) for id_ in ids[:_SHOWN]]
    if len(ids) > _SHOWN:
        shown = [*shown[:-1], f"{len(ids) - _SHOWN + 1:,} more"]
    return f"{', '.join(shown[:-1])} {last} {shown[-1]}" if len(shown) > 1 else "".join(shown)
