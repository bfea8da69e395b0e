"""The works of an index as they are after the corrections.

Corrections are certain, what a collection lists is not. First the performances that corrections put together are
united. Then the members of each listed work join each other, in natural order, where nothing holds them apart. So a
listed work may fall into several, and two listed works may become one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from covsearch.corrections.correction import Ids
from covsearch.corrections.log import Log
from covsearch.corrections.ruling import Ruling, ruling
from covsearch.dataset.ids import natural_key
from covsearch.dataset.performance import Performance

if TYPE_CHECKING:
    from covsearch.store.protocols import Catalogue


@dataclass(frozen=True)
class CorrectedWorks:
    """What corrections change of the works of a catalogue.

    Attributes
    ----------
    work : mapping of str to str or None
        Work of every performance that is, or was, of a work that a correction touches; None where it is not known.
    members : mapping of str to tuple of str
        Of each of these works, in natural order.
    titles : mapping of str to (str, str)
        Title and artist of each of these works, empty where unknown.
    now : mapping of str to str
        Of each listed work that a correction touches, the work that has most of its members now.
    before : mapping of str to Performance
        These performances as the catalogue lists them.
    """

    work: Mapping[str, str | None] = field(default_factory=dict)
    members: Mapping[str, Ids] = field(default_factory=dict)
    titles: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    now: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Performance] = field(default_factory=dict)

    def told(self, performance: Performance) -> Performance:
        """`performance` of the work that it is of after the corrections."""
        if performance.pid not in self.work:
            return performance
        work = self.work[performance.pid]
        title, artist = self.titles[work] if work else ("", "")
        return replace(performance, wid=work, work_title=title, work_artist=artist)


def corrected_works(catalogue: Catalogue, log: Log) -> CorrectedWorks:
    """The works that corrections change.

    Parameters
    ----------
    catalogue : Catalogue
        As the collections list it.
    log : Log
    """
    said = ruling(catalogue, log)
    named = [name for names in said.together for name in names]
    if not named:
        return CorrectedWorks()
    listed: dict[str, Ids] = {}
    for performance in catalogue.get(named).values():
        if performance.wid is not None and performance.wid not in listed:
            listed[performance.wid] = tuple(catalogue.clique(performance.wid))
    before = catalogue.get([*dict.fromkeys([*named, *(name for names in listed.values() for name in names)])])
    joined = _Joined(said, before)
    for wid in sorted(listed, key=natural_key):
        joined.join(sorted(listed[wid], key=natural_key))
    return _named(catalogue, joined, before)


class _Joined:
    """Sets of names that only grow, and that know which others they must not join."""

    def __init__(self, said: Ruling, names: Iterable[str]) -> None:
        self.sets: list[list[str]] = [list(together) for together in said.together]
        self.of = {name: place for place, together in enumerate(self.sets) for name in together}
        for name in names:
            if name not in self.of:
                self.of[name] = len(self.sets)
                self.sets.append([name])
        self.apart: list[set[int]] = [set() for _ in self.sets]
        for one, other in said.apart:
            self.apart[one].add(other)
            self.apart[other].add(one)

    def join(self, members: Iterable[str]) -> None:
        """Join the sets of the members of a listed work where nothing holds them apart."""
        parts: list[int] = []
        for name in members:
            own = self.of[name]
            if own in parts:
                continue
            into = next((part for part in parts if part not in self.apart[own]), None)
            if into is None:
                parts.append(own)
            else:
                kept = self._unite(into, own)
                parts[parts.index(into)] = kept

    def _unite(self, one: int, other: int) -> int:
        """Move the smaller set into the larger; its number."""
        if len(self.sets[one]) < len(self.sets[other]):
            one, other = other, one
        for name in self.sets[other]:
            self.of[name] = one
        self.sets[one] += self.sets[other]
        for third in self.apart[other]:
            self.apart[third].discard(other)
            self.apart[third].add(one)
        self.apart[one] |= self.apart[other]
        self.sets[other], self.apart[other] = [], set()
        return one


def _named(catalogue: Catalogue, joined: _Joined, before: Mapping[str, Performance]) -> CorrectedWorks:
    """Works with names: a listed work's goes to the set with most of its members, of two listed works to the larger."""
    sets = {place: tuple(sorted(names, key=natural_key)) for place, names in enumerate(joined.sets) if names}
    order = sorted(sets, key=lambda place: natural_key(sets[place][0]))
    counts = {place: Counter(wid for name in sets[place] if (wid := before[name].wid) is not None) for place in order}
    heir: dict[str, int] = {}
    for place in order:
        for wid, count in counts[place].items():
            if wid not in heir or count > counts[heir[wid]][wid]:
                heir[wid] = place
    work: dict[str, str | None] = {}
    members: dict[str, Ids] = {}
    titles: dict[str, tuple[str, str]] = {}
    for place in order:
        names = sets[place]
        own = sorted((-count, natural_key(wid), wid) for wid, count in counts[place].items() if heir[wid] == place)
        known = len(names) > 1 or bool(counts[place]) or bool(joined.apart[place])
        wid = own[0][2] if own else _made_up(catalogue, names[0]) if known else None
        work.update(dict.fromkeys(names, wid))
        if wid is not None:
            members[wid] = names
            of_it = [before[name] for name in names if before[name].wid == wid]
            titles[wid] = tuple(  # type: ignore[assignment]
                next((text for p in of_it if (text := getattr(p, what))), "") for what in ("work_title", "work_artist")
            )
    now = {wid: work[sets[place][0]] for wid, place in heir.items()}
    return CorrectedWorks(work, members, titles, {wid: name for wid, name in now.items() if name}, before)


def _made_up(catalogue: Catalogue, first: str) -> str:
    """What a work is called that no collection lists."""
    name = f"work of {first}"
    while catalogue.clique(name):
        name += "*"
    return name
