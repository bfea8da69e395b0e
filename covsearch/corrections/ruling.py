"""What the corrections say of the performances that an index has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from covsearch.corrections.correction import Ids, pairs_apart
from covsearch.corrections.log import Log, root
from covsearch.dataset.ids import natural_key
from covsearch.dataset.names import COLON, full_name

if TYPE_CHECKING:
    from covsearch.store.protocols import Catalogue


@dataclass(frozen=True)
class Ruling:
    """What was said, in the names of the index.

    Attributes
    ----------
    together : tuple of tuple of str
        Of each work that was said, the names that the index has; each name once. One that is only apart from others is
        alone in its own.
    apart : tuple of (int, int)
        Places of two in `together` that are not one work.
    ignored : tuple of str
        Full names of performances that corrections name and the index has not.
    """

    together: tuple[Ids, ...] = ()
    apart: tuple[tuple[int, int], ...] = ()
    ignored: Ids = ()


def ruling(catalogue: Catalogue, log: Log) -> Ruling:
    """What `log` says of the performances of `catalogue`.

    A performance that is not there still counts as a link between two that are: who is a version of it is a version of
    the other.
    """
    parent: dict[str, str] = {}
    every = sorted({id_ for correction in log.holding for id_ in correction.ids}, key=natural_key)
    if not every:
        return Ruling()
    for correction in log.holding:
        for ids in correction.together:
            for id_ in ids[1:]:
                low, high = sorted((root(parent, ids[0]), root(parent, id_)))
                parent[high] = low
    there = called_in(catalogue, every)
    works: dict[str, list[str]] = {}
    for id_ in every:
        if id_ in there:
            works.setdefault(root(parent, id_), []).append(there[id_])
    place = {work: number for number, work in enumerate(works)}
    apart = {
        (min(pair), max(pair))
        for correction in log.holding
        for sides in correction.apart
        for a, b in pairs_apart([tuple({root(parent, id_) for id_ in side}) for side in sides])
        if a in place and b in place
        for pair in [(place[a], place[b])]
    }
    together = tuple(tuple(sorted(names, key=natural_key)) for names in works.values())
    return Ruling(together, tuple(sorted(apart)), tuple(id_ for id_ in every if id_ not in there))


def called_in(catalogue: Catalogue, full: Sequence[str]) -> dict[str, str]:
    """Full name -> what the catalogue calls that performance; those that it has not are left out."""
    wanted = set(full)
    found = catalogue.stored([*full, *(name.partition(COLON)[2] for name in full)])
    called = {full_name(p.collection, p.pid): name for name, p in found.items()}
    return {name: called[name] for name in full if name in wanted and name in called}


def full_names(catalogue: Catalogue, names: Sequence[str]) -> dict[str, str]:
    """What the catalogue calls performances -> their full names; those that it has not are left out."""
    return {name: full_name(p.collection, p.pid) for name, p in catalogue.stored(names).items()}
