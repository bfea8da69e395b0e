"""The document of all corrections: a line of JSON for each, one for each that was taken back, and one for new names.

Nothing is ever removed. The first line says what it is. Ids are full names, ``collection:id``: no rebuild changes them.
Where recordings got other names, a line says so, and all that was said before it is of these names.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from covsearch.corrections.correction import Correction, Ids, check, correction_of, is_full_name, pairs_apart
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.guard.documents import parse_json

MAX_BYTES = 16 * 2**20
MAX_VALUES = 1_000_000  # of one line
_FIRST = {"covsearch": "corrections", "format": 1}


@dataclass(frozen=True)
class Log:
    """All corrections.

    Attributes
    ----------
    text : str
        The document; empty before the first correction.
    said : tuple of Correction
        In order; of full names.
    undone : frozenset of int
        Numbers of those that were taken back.
    """

    text: str = ""
    said: tuple[Correction, ...] = ()
    undone: frozenset[int] = frozenset()

    @cached_property
    def holding(self) -> tuple[Correction, ...]:
        """Those that were not taken back."""
        return tuple(correction for correction in self.said if correction.number not in self.undone)

    def correct(
        self,
        kind: str,
        together: Iterable[Ids] = (),
        apart: Iterable[Sequence[Ids]] = (),
        called: Callable[[str], str] = str,
    ) -> Log:
        """The document with one more correction, its last.

        Parameters
        ----------
        kind : str
        together, apart
            As :class:`Correction` has them.
        called : callable
            What an error calls a full name.

        Raises
        ------
        UsageError
            When it contradicts what holds, with both sentences; or it cannot be.
        """
        new = Correction(len(self.said) + 1, kind, _now(), tuple(together), tuple(map(tuple, apart)))
        check(new.called(called))
        if against := contradiction((*self.holding, new)):
            raise UsageError(_contradicts(new, against, called))
        return self._longer(new.to_dict())

    def undo(self, number: int | None = None) -> Log:
        """The document with a correction taken back: `number`, or the last that holds.

        Raises
        ------
        NotFoundError
            When there is none such, or it was taken back already.
        """
        if not self.holding:
            raise NotFoundError("there is no correction to take back")
        number = self.holding[-1].number if number is None else number
        if number in self.undone:
            raise NotFoundError(f"correction {number} was taken back already")
        if not 0 < number <= len(self.said):
            raise NotFoundError(f"there is no correction {number}; list them with `covsearch groups corrections`")
        return self._longer({"undo": number, "when": _now()})

    def renames(self, names: Mapping[str, str]) -> dict[str, str]:
        """Those of `names`, old full name -> new, that corrections follow: from what they name to what they do not."""
        named = {id_ for correction in self.said for id_ in correction.ids}
        found = {old: new for old, new in names.items() if old in named}
        while taken := [old for old, new in found.items() if new in named and new not in found]:
            for old in taken:
                del found[old]
        return found

    def renamed(self, names: Mapping[str, str]) -> Log:
        """The document in which everything said until now is of the new names, as far as :meth:`renames` goes."""
        found = self.renames(names)
        return self._longer({"renamed": found, "when": _now()}) if found else self

    def _longer(self, line: dict[str, Any]) -> Log:
        text = (self.text or _line(_FIRST)) + _line(line)
        if len(text.encode()) > MAX_BYTES:
            raise UsageError(f"expected at most {MAX_BYTES:,} bytes of corrections: this one is too many")
        return read_log(text)


NOTHING = Log()


@lru_cache(maxsize=2)
def read_log(text: str) -> Log:
    """Parse the document, strictly; all that holds in it can hold together.

    Parameters
    ----------
    text : str
        Empty where there is none.

    Raises
    ------
    ArtefactError
        With the number of the line.
    """
    if not text:
        return NOTHING
    said: list[Correction] = []
    undone: set[int] = set()
    place = 1
    try:
        if len(text.encode("utf-8", "replace")) > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES:,} bytes")
        first, *lines = text.split("\n")
        if lines[-1:] != [""] or parse_json(first, MAX_VALUES) != _FIRST:
            raise ValueError(f"expected a first line {json.dumps(_FIRST)}, and whole lines")
        for line in lines[:-1]:
            place += 1
            _take(parse_json(line, MAX_VALUES), said, undone)
        log = Log(text, tuple(said), frozenset(undone))
        if against := contradiction(log.holding):
            raise ValueError(f"corrections {' and '.join(str(c.number) for c in against)} contradict each other")
    except ValueError as e:
        raise ArtefactError(f"line {place} of the corrections: {e}") from e
    return log


def _take(values: Any, said: list[Correction], undone: set[int]) -> None:
    if not isinstance(values, dict):
        raise ValueError("expected an object")
    if "undo" in values:
        number = values["undo"]
        if set(values) != {"undo", "when"} or type(number) is not int or not isinstance(values["when"], str):
            raise ValueError("expected undo, a number, and when")
        if not 0 < number <= len(said) or number in undone:
            raise ValueError(f"there is no correction {number} to take back")
        undone.add(number)
        return
    if "renamed" in values:
        said[:] = _renamed(values, said)
        return
    correction = correction_of(values)
    if correction.number != len(said) + 1:
        raise ValueError(f"expected correction {len(said) + 1}, got {correction.number}")
    said.append(correction)


def _renamed(values: dict[str, Any], said: Sequence[Correction]) -> list[Correction]:
    """`said` in the names that a line gives."""
    names = values["renamed"]
    if set(values) != {"renamed", "when"} or not isinstance(names, dict) or not isinstance(values["when"], str):
        raise ValueError("expected renamed, an object, and when")
    if wrong := [name for name in (*names, *names.values()) if not is_full_name(name)]:
        raise ValueError(f"expected collection:id, got {str(wrong[0])[:80]!r}")
    if len(set(names.values())) != len(names) or Log(said=tuple(said)).renames(names) != names:
        raise ValueError("expected new names for what corrections name, each of one alone")
    return [correction.called(lambda id_: names.get(id_, id_)) for correction in said]


def contradiction(corrections: Sequence[Correction]) -> tuple[Correction, ...]:
    """The fewest corrections that cannot hold together, as far as one chain of them shows; none where all can."""
    parent: dict[str, str] = {}
    for correction in corrections:
        for ids in correction.together:
            for id_ in ids[1:]:
                low, high = sorted((root(parent, ids[0]), root(parent, id_)))
                parent[high] = low
    for correction in corrections:
        for sides in correction.apart:
            first: dict[str, int] = {}
            for place, side in enumerate(sides):
                for id_ in side:
                    if first.setdefault(root(parent, id_), place) != place:
                        chain = _chain(corrections, sides, parent, root(parent, id_))
                        return tuple(sorted({*chain, correction}, key=lambda c: c.number))
    return ()


def root(parent: dict[str, str], id_: str) -> str:
    """The first of all that were united with `id_`; shortens the way."""
    while (above := parent.get(id_, id_)) != id_:
        parent[id_] = parent.get(above, above)
        id_ = parent[id_]
    return id_


def _chain(
    corrections: Sequence[Correction], sides: Sequence[Ids], parent: dict[str, str], which: str
) -> set[Correction]:
    """Corrections that say, one after the other, that two of `sides` are versions of one work."""
    held = [tuple(id_ for id_ in side if root(parent, id_) == which) for side in sides]
    a, b = next(pairs_apart([side for side in held if side]))
    lists: dict[str, list[tuple[Correction, Ids]]] = {}
    for correction in corrections:
        for ids in correction.together:
            for id_ in ids:
                lists.setdefault(id_, []).append((correction, ids))
    came: dict[str, tuple[str, Correction] | None] = {a: None}
    queue = deque([a])
    while b not in came:
        here = queue.popleft()
        for correction, ids in lists[here]:
            for id_ in ids:
                if id_ not in came:
                    came[id_] = (here, correction)
                    queue.append(id_)
    chain, step = set(), came[b]
    while step is not None:
        chain.add(step[1])
        step = came[step[0]]
    return chain


def _contradicts(new: Correction, against: Sequence[Correction], called: Callable[[str], str]) -> str:
    others = [c for c in against if c.number != new.number]
    said = f"“{new.called(called).sentence}”"
    if not others:
        return f"{said} contradicts itself: performances are together and apart"
    told = " and ".join(f"correction {c.number}, “{c.called(called).sentence}”" for c in others)
    return f"{said} contradicts {told}: take one back first, with `covsearch groups undo {others[-1].number}`"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"
