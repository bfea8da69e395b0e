"""The works in an index, found from the music alone, beside what the metadata says."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from covsearch.corrections.ruling import ruling
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
    nearest : str or None
        The member that it is most like; None where it was aligned with no other, as it may be of an accepted group.
    cover_probability : float or None
        Of these two, as a query tells it of a search of this size.
    links : int
        Members that it is linked to.
    same_as : str or None
        The first member that is the same recording; None for a version of its own, and for that first one.
    """

    performance: Performance
    nearest: str | None
    cover_probability: float | None
    links: int
    same_as: str | None

    @property
    def kind(self) -> str:
        """``version`` or ``same recording``."""
        return VERSION if self.same_as is None else SAME

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        own = {name: getattr(self, name) for name in ("kind", "nearest", "cover_probability", "links", "same_as")}
        return {**self.performance.to_dict(), **own}


@dataclass(frozen=True)
class Group:
    """Performances held for versions of one work.

    Attributes
    ----------
    members : tuple of Member
        At least two, in the order of the index.
    accepted : bool
        Whether corrections say that all members are of one work.
    """

    members: tuple[Member, ...]
    accepted: bool = False

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
        """Works that metadata and corrections list the members under, that of most first; unknown ones are left out."""
        works = Counter(m.performance.wid for m in self.members if m.performance.wid is not None)
        return tuple(work for work, _ in works.most_common())

    @property
    def linked(self) -> str:
        """How many of its pairs are linked: ``4 of 6``."""
        size = len(self.members)
        return f"{sum(member.links for member in self.members) // 2} of {size * (size - 1) // 2}"

    @property
    def cover_probability(self) -> float | None:
        """The least of its members'; None where one has none."""
        every = [member.cover_probability for member in self.members]
        known = [probability for probability in every if probability is not None]
        return min(known) if len(known) == len(every) else None

    @property
    def why(self) -> str:
        """What holds it together, in words."""
        least = self.cover_probability
        told = f"{self.linked} pairs linked" + ("" if least is None else f", every member with at least {least:.3f}")
        return f"accepted; {told}" if self.accepted else told

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        plain = {"group": self.name, "versions": self.versions, "listed": list(self.listed), "why": self.why}
        told = {"accepted": self.accepted, "cover_probability": self.cover_probability}
        return {**plain, **told, "members": [member.to_dict() for member in self.members]}


@dataclass(frozen=True)
class Agreement:
    """Groups beside the metadata, as corrected; only pairs with both works known count.

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
    ignored : tuple of str
        Full names, ``collection:id``, of performances that corrections name and the index has not.
    singles : tuple of Performance
        In no group.
    """

    groups: tuple[Group, ...]
    performances: int
    alarms: float
    agreement: Agreement
    generation: str
    model: str
    ignored: tuple[str, ...] = ()
    singles: tuple[Performance, ...] = ()

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
        groups, ignored = [group.to_dict() for group in self], list(self.ignored)
        return {"groups": groups, "agreement": self.agreement.to_dict(), **settings, "ignored": ignored}


def find_groups(searcher: Searcher, alarms: float = ALARMS, progress: Progress = silent) -> Groups:
    """Find all works in an index: what the music shows, and what corrections say, which is certain.

    Parameters
    ----------
    searcher : Searcher
    alarms : float
        Share of the performances without a version that chance alone may link, 0.0001 to 0.05.
    progress : Progress

    Raises
    ------
    UsageError
        For another share, foreign vectors, and a model that is not calibrated.
    ArtefactError
        When the index is damaged.
    """
    scope = Scope(searcher.collection, searcher.chroma, None, searcher.calibration)
    if alarms not in searcher.links:
        searcher.links[alarms] = find_links(scope, alarms, progress)
    links = searcher.links[alarms]
    said = ruling(searcher.catalogue, searcher.corrections)
    rows = searcher.collection.rows
    accepted = np.full(links.count, -1)
    for place, together in enumerate(said.together):
        accepted[[rows[name] for name in together]] = place
    apart = ((rows[said.together[one][0]], rows[said.together[other][0]]) for one, other in said.apart)
    label = cliques(links.count, links.a, links.b, links.evidence, together=accepted, apart=apart)
    names = list(searcher.collection.names)
    performances = searcher.performances(names)
    generation = searcher.generation
    groups = _groups(label, links, performances, accepted)
    agreement = _agreement(label.tolist(), performances)
    held = {member.performance.pid for group in groups for member in group.members}
    singles = tuple(performance for performance in performances if performance.pid not in held)
    model, ignored = generation.manifest.model, said.ignored
    return Groups(groups, len(names), alarms, agreement, generation.name, model, ignored, singles)


def _groups(
    label: NDArray[np.int64], links: Links, performances: Sequence[Performance], accepted: NDArray[np.int64]
) -> tuple[Group, ...]:
    """Those of at least two members, the largest first."""
    rows: dict[int, list[int]] = {}
    for row, group in enumerate(label.tolist()):
        rows.setdefault(group, []).append(row)
    pairs: dict[int, list[int]] = {}
    for place in np.flatnonzero(label[links.a] == label[links.b]).tolist():
        for row in (int(links.a[place]), int(links.b[place])):
            pairs.setdefault(row, []).append(place)
    found = [
        Group(
            tuple(_member(row, pairs.get(row, []), links, performances) for row in some),
            bool(accepted[some[0]] >= 0 and (accepted[some] == accepted[some[0]]).all()),
        )
        for some in rows.values()
        if len(some) > 1
    ]
    return tuple(sorted(found, key=lambda group: -len(group.members)))


def _member(row: int, pairs: list[int], links: Links, performances: Sequence[Performance]) -> Member:
    """A performance by its pairs with other members."""
    if not pairs:
        return Member(performances[row], None, None, 0, None)
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
