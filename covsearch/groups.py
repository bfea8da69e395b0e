"""The works in an index, found from the music alone, beside what the metadata says."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.performance import Performance, same_work
from covsearch.links import Links, find_links
from covsearch.progress import Progress, silent
from covsearch.ranking.cliques import LINK, cliques
from covsearch.search import Searcher
from covsearch.stages import Scope

ALARMS = 0.01
VERSION, SAME = "version", "same recording"


@dataclass(frozen=True)
class Member:
    """One performance of a group.

    Attributes
    ----------
    performance : Performance
    nearest : str
        The member that it is most surely linked to.
    probability : float
        Cover probability of these two, as a query tells it of a search of this size.
    links : int
        Members that it is linked to.
    same_as : str or None
        The first member that is the same recording; None for a version of its own, and for that first one.
    """

    performance: Performance
    nearest: str
    probability: float
    links: int
    same_as: str | None

    @property
    def kind(self) -> str:
        """``version`` or ``same recording``."""
        return VERSION if self.same_as is None else SAME

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        own = {name: getattr(self, name) for name in ("kind", "nearest", "probability", "links", "same_as")}
        return {**self.performance.to_dict(), **own}


@dataclass(frozen=True)
class Group:
    """Performances held for versions of one work.

    Attributes
    ----------
    members : tuple of Member
        At least two, in the order of the index.
    """

    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        """Id of the first member."""
        return self.members[0].performance.pid

    @property
    def versions(self) -> int:
        """Different recordings."""
        return sum(member.same_as is None for member in self.members)

    @property
    def listed(self) -> tuple[str, ...]:
        """Works that the metadata list the members under, that of most members first; unknown ones not among them."""
        works = Counter(m.performance.wid for m in self.members if m.performance.wid is not None)
        return tuple(work for work, _ in works.most_common())

    @property
    def linked(self) -> str:
        """How many of its pairs are linked: ``4 of 6``."""
        size = len(self.members)
        return f"{sum(member.links for member in self.members) // 2} of {size * (size - 1) // 2}"

    @property
    def probability(self) -> float:
        """The least of its members'."""
        return min(member.probability for member in self.members)

    @property
    def why(self) -> str:
        """What holds it together, in words."""
        return f"{self.linked} pairs linked, every member with at least {self.probability:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        plain = {"group": self.name, "versions": self.versions, "listed": list(self.listed), "why": self.why}
        return {**plain, "members": [member.to_dict() for member in self.members]}


@dataclass(frozen=True)
class Agreement:
    """Groups beside the metadata; only pairs with both works known count.

    Attributes
    ----------
    agreed : int
        Pairs that are listed under one work and found in one group.
    not_found : tuple of (str, str)
        Listed under one work, and not in one group.
    not_listed : tuple of (str, str)
        In one group, and listed under two works.
    """

    agreed: int
    not_found: tuple[tuple[str, str], ...]
    not_listed: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        pairs = {name: [list(pair) for pair in getattr(self, name)] for name in ("not_found", "not_listed")}
        return {"agreed": self.agreed, **pairs}


@dataclass(frozen=True)
class Groups(Sequence[Group]):
    """All groups of an index, the largest first; a sequence of them.

    Attributes
    ----------
    groups : tuple of Group
        A performance that is in none was linked to nothing.
    performances : int
        In the index.
    alarms : float
        Share of the performances without a version that chance alone may link.
    agreement : Agreement
    generation, model : str
        What was looked through.
    """

    groups: tuple[Group, ...]
    performances: int
    alarms: float
    agreement: Agreement
    generation: str
    model: str

    def __len__(self) -> int:
        return len(self.groups)

    @overload
    def __getitem__(self, at: int) -> Group: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Group, ...]: ...
    def __getitem__(self, at: int | slice) -> Group | tuple[Group, ...]:
        return self.groups[at]

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    @property
    def grouped(self) -> int:
        """Performances in groups."""
        return sum(len(group.members) for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        plain = ("performances", "grouped", "alarms", "generation", "model")
        settings = {name: getattr(self, name) for name in plain}
        return {"groups": [g.to_dict() for g in self], "agreement": self.agreement.to_dict(), **settings}


def find_groups(searcher: Searcher, alarms: float = ALARMS, progress: Progress = silent) -> Groups:
    """Find all works in an index.

    Parameters
    ----------
    searcher : Searcher
    alarms : float
        Share of the performances without a version that chance alone may link, above 0 and at most 0.05.
    progress : Progress

    Raises
    ------
    UsageError
        For another share, foreign vectors, and a model that is not calibrated.
    ArtefactError
        When the index is damaged.
    """
    scope = Scope(searcher.collection, searcher.chroma, None, searcher.calibration)
    links = find_links(scope, alarms, progress)
    label = cliques(links.count, links.a, links.b, links.evidence)
    names = list(searcher.collection.names)
    performances = searcher.performances(names)
    generation = searcher.generation
    groups = _groups(label, links, performances)
    agreement = _agreement(label.tolist(), performances)
    return Groups(groups, len(names), alarms, agreement, generation.name, generation.manifest.model)


def _groups(label: NDArray[np.int64], links: Links, performances: Sequence[Performance]) -> tuple[Group, ...]:
    """Those of at least two members, the largest first."""
    rows: dict[int, list[int]] = {}
    for row, group in enumerate(label.tolist()):
        rows.setdefault(group, []).append(row)
    pairs: dict[int, list[int]] = {}
    for place in np.flatnonzero(label[links.a] == label[links.b]).tolist():
        for row in (int(links.a[place]), int(links.b[place])):
            pairs.setdefault(row, []).append(place)
    found = [
        Group(tuple(_member(row, pairs[row], links, performances) for row in some))
        for some in rows.values()
        if len(some) > 1
    ]
    return tuple(sorted(found, key=lambda group: -len(group.members)))


def _member(row: int, pairs: list[int], links: Links, performances: Sequence[Performance]) -> Member:
    """A performance by its pairs with other members."""
    best = max(pairs, key=lambda place: float(links.probability[place]))
    others = {place: int(links.a[place] + links.b[place]) - row for place in pairs}
    same = [others[place] for place in pairs if links.same[place] and others[place] < row]
    return Member(
        performances[row],
        performances[others[best]].pid,
        float(links.probability[best]),
        int(np.sum(links.evidence[pairs] >= LINK)),
        performances[min(same)].pid if same else None,
    )


def _agreement(label: list[int], performances: Sequence[Performance]) -> Agreement:
    found: dict[object, list[int]] = {}
    for row, performance in enumerate(performances):
        found.setdefault(label[row], []).append(row)
        if performance.wid is not None:
            found.setdefault(performance.wid, []).append(row)
    pairs = {pair for rows in found.values() for pair in itertools.combinations(rows, 2)}
    agreed, missed, wrong = 0, [], []
    for a, b in sorted(pairs):
        listed, names = same_work(performances[a], performances[b]), (performances[a].pid, performances[b].pid)
        if listed and label[a] == label[b]:
            agreed += 1
        elif listed:
            missed.append(names)
        elif listed is False:
            wrong.append(names)
    return Agreement(agreed, tuple(missed), tuple(wrong))
