"""A catalogue with the works that corrections make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from covsearch.corrections.log import Log
from covsearch.corrections.works import CorrectedWorks, corrected_works

if TYPE_CHECKING:
    from covsearch.dataset.origin import Origin
    from covsearch.dataset.performance import Performance
    from covsearch.db.found import Found
    from covsearch.store.protocols import Catalogue


class CorrectedCatalogue:
    """The :class:`covsearch.store.protocols.Catalogue` of a state, its works as the corrections have them.

    Parameters
    ----------
    listed : Catalogue
        As the collections list it.
    log : Log
    """

    def __init__(self, listed: Catalogue, log: Log) -> None:
        self.listed, self.log = listed, log

    @cached_property
    def works(self) -> CorrectedWorks:
        """What the corrections change."""
        return corrected_works(self.listed, self.log)

    def __len__(self) -> int:
        return len(self.listed)

    def get(self, names: Sequence[str]) -> Mapping[str, Performance]:
        """Performances by name, of corrected works; unknown names are left out."""
        found = self.listed.get(names)
        return {name: self.works.told(p) for name, p in found.items()} if self.works.work else found

    def stored(self, names: Sequence[str]) -> Mapping[str, Performance]:
        """Performances by name, just as their collection lists them."""
        return self.listed.stored(names)

    def origins(self, names: Sequence[str]) -> Mapping[str, Origin]:
        """What performances were indexed from."""
        return self.listed.origins(names)

    def names(self) -> Sequence[str]:
        """What all performances are called, by row."""
        return self.listed.names()

    def resolve(self, text: str) -> str | None:
        """The name of the performance that `text` means."""
        return self.listed.resolve(text)

    def nearest(self, text: str, n: int = 3) -> Sequence[str]:
        """Up to `n` names that `text` may have meant."""
        return self.listed.nearest(text, n)

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances by words, of corrected works."""
        return [self._found(found) for found in self.listed.find(text, limit)]

    def _found(self, found: Found) -> Found:
        if found.performance.pid not in self.works.work:
            return found
        performance = self.works.told(found.performance)
        versions = 1 if performance.wid is None else len(self.works.members[performance.wid])
        return replace(found, performance=performance, versions=versions)

    def clique(self, wid: str) -> Sequence[str]:
        """Names of the performances of a work; of one that is now of another work's, that one's."""
        if wid in self.works.members:
            return self.works.members[wid]
        listed = self.listed.clique(wid)
        own = self.works.before.get(listed[0]) if listed else None
        return self.works.members[self.works.now[own.wid]] if own and own.wid else listed

    def collections(self) -> Mapping[str, tuple[int, int]]:
        """Performances and works of every collection; a work of two collections counts for both."""
        gone: dict[str, set[str]] = {}
        come: dict[str, set[str]] = {}
        for name, p in self.works.before.items():
            for works, wid in ((gone, p.wid), (come, self.works.work[name])):
                if wid is not None:
                    works.setdefault(p.collection, set()).add(wid)
        return {
            name: (count, works - len(gone.get(name, ())) + len(come.get(name, ())))
            for name, (count, works) in self.listed.collections().items()
        }

    def clique_sizes(self) -> Mapping[int, int]:
        """How many works have one performance, two, and so on."""
        sizes = Counter(self.listed.clique_sizes())
        sizes.subtract(Counter(Counter(p.wid for p in self.works.before.values() if p.wid is not None).values()))
        sizes.update(Counter(len(names) for names in self.works.members.values()))
        return {size: sizes[size] for size in sorted(sizes) if sizes[size]}


def corrected(catalogue: Catalogue, log: Log) -> CorrectedCatalogue:
    """`catalogue` with the works of `log`, and of no other corrections."""
    return CorrectedCatalogue(catalogue.listed if isinstance(catalogue, CorrectedCatalogue) else catalogue, log)
