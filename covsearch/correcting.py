"""Say which performances are versions of one work, and which are not; and take it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

from covsearch.corrections.correction import ACCEPT, MERGE, SPLIT, TABLE, Correction, Ids
from covsearch.corrections.log import Log, read_log
from covsearch.corrections.ruling import called_in, full_names, ruling
from covsearch.corrections.table import edited_rows, table_of
from covsearch.counting import counted
from covsearch.dataset.ids import in_words
from covsearch.errors import NotFoundError, UsageError
from covsearch.groups import ALARMS, Groups
from covsearch.progress import Progress, silent
from covsearch.search import unknown_pid
from covsearch.workspace import expanded

if TYPE_CHECKING:
    from covsearch.store.protocols import Catalogue, Publisher

_LISTED = 10  # unknown ids that a message names


class _Finding(Protocol):
    def __call__(self, alarms: float, progress: Progress) -> Groups: ...


class Corrections(Sequence[Correction]):
    """The corrections of a workspace's works, in the order in which they were said; made by ``Index.corrections``.

    It is read anew each time it is asked: what another process said is there. Corrections survive builds and updates.
    They are known by the performances' ids, in the names of the index; one that names a performance which the index has
    not is kept. Queries, comparisons, searches by title, counts and groups follow them at once. Those that were taken
    back are not in the sequence.

    Parameters
    ----------
    store : Publisher
    find : callable
        Finds the groups of the index, for corrections of whole groups.
    """

    def __init__(self, store: Publisher, find: _Finding) -> None:
        self._store, self._find = store, find

    def __len__(self) -> int:
        return len(self._log().holding)

    def __iter__(self) -> Iterator[Correction]:
        return iter(self._said())  # read once

    @overload
    def __getitem__(self, at: int) -> Correction: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Correction]: ...
    def __getitem__(self, at: int | slice) -> Correction | Sequence[Correction]:
        return self._said()[at]

    @property
    def ignored(self) -> Ids:
        """Full names, ``collection:id``, of performances that corrections name and the index has not."""
        return ruling(self._store.catalogue(), self._log()).ignored

    def accept(self, *ids: str, alarms: float = ALARMS, progress: Progress = silent) -> Correction:
        """Say that performances are versions of one work.

        Parameters
        ----------
        *ids : str
            At least two ids; or one, for all of the group that it is found in, which takes as long as
            :meth:`covsearch.api.Index.groups`.
        alarms, progress
            As for that.

        Returns
        -------
        Correction
            What was said.

        Raises
        ------
        NotFoundError
            When the index has no such performance, or a single one is in no group.
        UsageError
            When it contradicts a correction that holds: both sentences are in the message.
        """
        catalogue, named = self._named(ids)
        if len(named) == 1:
            named = self._group(named[0], self._find(alarms, progress))
            if len(named) == 1:
                raise NotFoundError(f"{named[0]} is in no group: name the other performances of its work")
        return self._correct(ACCEPT, catalogue, together=[named])

    def split(
        self, *ids: str, others: Sequence[str] = (), alarms: float = ALARMS, progress: Progress = silent
    ) -> Correction:
        """Say that performances are not versions of each other.

        Parameters
        ----------
        *ids : str
            Performances of which no two are versions of each other, unless `others` are given. A single one is no
            version of the others in the group that it is found in; if it is in none, of the others of its work.
        others : sequence of str
            None of `ids` is a version of one of these, and nothing is said of `ids` among themselves.
        alarms, progress
            As for :meth:`accept`.

        Raises
        ------
        NotFoundError, UsageError
            As :meth:`accept`.
        """
        catalogue, named = self._named(ids)
        if others:
            return self._correct(SPLIT, catalogue, apart=[[named, self._named(others)[1]]])
        if len(named) > 1:
            return self._correct(SPLIT, catalogue, apart=[[(name,) for name in named]])
        (name,) = named
        work = catalogue.get([name])[name].wid
        group = self._group(name, self._find(alarms, progress))
        rest = [other for other in group if other != name]
        rest = rest or [other for other in (catalogue.clique(work) if work else ()) if other != name]
        if not rest:
            raise NotFoundError(f"{name} is in no group and no work with others: there is nothing to split it from")
        return self._correct(SPLIT, catalogue, apart=[[(name,), tuple(rest)]])

    def merge(self, a: str, b: str, *, alarms: float = ALARMS, progress: Progress = silent) -> Correction:
        """Say that two groups are of one work.

        Parameters
        ----------
        a, b : str
            A performance of either group; one that is in no group stands for itself.
        alarms, progress
            As for :meth:`accept`.

        Raises
        ------
        NotFoundError, UsageError
            As :meth:`accept`.
        """
        catalogue, named = self._named([a, b])
        found = self._find(alarms, progress)
        members = [name for side in named for name in self._group(side, found)]
        return self._correct(MERGE, catalogue, together=[tuple(dict.fromkeys(members))])

    def read(self, path: str | Path) -> Correction:
        """Say what an edited CSV of groups says; see :mod:`covsearch.corrections.table`.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        NotFoundError
            When there is no such file, or the index has not all of its performances: the message names those.
        ArtefactError
            When it is no such CSV.
        UsageError
            When it contradicts a correction that holds.
        """
        rows = edited_rows(expanded(path))
        catalogue, named = self._named(tuple(rows))
        table = table_of(rows, expanded(path))
        name = dict(zip(table.ids, named, strict=True)).__getitem__
        together = [tuple(map(name, ids)) for ids in table.together]
        apart = [[tuple(map(name, side)) for side in sides] for sides in table.apart]
        return self._correct(TABLE, catalogue, together=together, apart=apart)

    def undo(self, number: int | None = None) -> Correction:
        """Take back the last correction, or the one with this number.

        Returns
        -------
        Correction
            That was taken back.

        Raises
        ------
        NotFoundError
            When there is none such, or it was taken back already.
        """
        taken: list[Correction] = []

        def change(text: str) -> str:
            before = read_log(text)
            after = before.undo(number)
            taken[:] = [c for c in before.holding if c.number in after.undone]
            return after.text

        self._store.current()  # without an index there is nowhere to say it
        self._store.amend(change)
        return self._called(taken)[0]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        said = [{**correction.to_dict(), "sentence": correction.sentence} for correction in self]
        return {"corrections": said, "ignored": list(self.ignored)}

    def _log(self) -> Log:
        return read_log(self._store.corrections())

    def _said(self) -> list[Correction]:
        return self._called(self._log().holding)

    def _called(self, said: Sequence[Correction]) -> list[Correction]:
        """Corrections in the names of the index."""
        every = sorted({id_ for correction in said for id_ in correction.ids})
        called = called_in(self._store.catalogue(), every) if every else {}
        return [correction.called(lambda id_: called.get(id_, id_)) for correction in said]

    def _named(self, ids: Sequence[str]) -> tuple[Catalogue, Ids]:
        """What the index calls these."""
        if not ids:
            raise UsageError("expected the ids of performances, got none")
        catalogue = self._store.catalogue()
        known, names = catalogue.stored(ids), dict[str, str]()
        called = {id_: id_ if id_ in known else catalogue.resolve(id_) for id_ in ids}
        if unknown := [id_ for id_, name in called.items() if name is None]:
            raise NotFoundError(_unknown(unknown, catalogue))
        for id_ in ids:
            name = called[id_] or id_
            if name in names:
                raise UsageError(f"expected different performances, got {in_words(name)} twice")
            names[name] = id_
        return catalogue, tuple(names)

    def _group(self, name: str, found: Groups) -> Ids:
        """The group that a performance is found in, or itself alone."""
        for group in found:
            members = tuple(member.performance.pid for member in group.members)
            if name in members:
                return members
        return (name,)

    def _correct(
        self,
        kind: str,
        catalogue: Catalogue,
        together: Sequence[Ids] = (),
        apart: Sequence[Sequence[Ids]] = (),
    ) -> Correction:
        names = {name for ids in together for name in ids} | {n for sides in apart for side in sides for n in side}
        full = full_names(catalogue, sorted(names))
        said = [tuple(map(full.__getitem__, ids)) for ids in together]
        held = [[tuple(map(full.__getitem__, side)) for side in sides] for sides in apart]
        own = {id_: name for name, id_ in full.items()}
        made: list[Correction] = []

        def called(id_: str) -> str:
            return own.get(id_) or called_in(catalogue, [id_]).get(id_, id_)

        def change(text: str) -> str:
            after = read_log(text).correct(kind, said, held, called)
            made[:] = after.said[-1:]
            return after.text

        self._store.amend(change)
        return made[0].called(called)


def _unknown(ids: Sequence[str], catalogue: Catalogue) -> str:
    """The message for ids that no performance has: of a single one what it may have meant, of several the first."""
    if len(ids) == 1:
        return unknown_pid(ids[0], catalogue)
    more = f" and {len(ids) - _LISTED:,} more" if len(ids) > _LISTED else ""
    named = ", ".join(map(in_words, ids[:_LISTED])) + more
    return f"{counted(len(ids), 'performance')} not in the index: {named}. Look them up with `covsearch find TITLE`"
