"""Any back end, with the works that corrections make in every catalogue that is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from covsearch.corrections.catalogue import CorrectedCatalogue, corrected
from covsearch.corrections.log import read_log
from covsearch.progress import Progress
from covsearch.store.checked import Verified
from covsearch.store.protocols import Contents, Opened, Publisher, State

T = TypeVar("T")


class CorrectedStore:
    """The :class:`covsearch.store.protocols.Publisher` of a back end that knows no corrections but as a text."""

    def __init__(self, inner: Publisher) -> None:
        self.inner = inner

    def current(self) -> str:
        """Of the back end; a correction changes nothing of it."""
        return self.inner.current()

    def read(self, work: Callable[[Opened], T], parts: Iterable[str] | None = ()) -> T:
        """What `work` makes of the current state and the corrections."""
        return self.inner.read(lambda opened: work(self._corrected(opened)), parts)

    def _corrected(self, opened: Opened) -> Opened:
        log = read_log(self.corrections())
        return replace(opened, catalogue=corrected(opened.catalogue, log), corrections=log)

    def catalogue(self) -> CorrectedCatalogue:
        """The metadata of the current state, with corrected works."""
        return corrected(self.inner.catalogue(), read_log(self.corrections()))

    @property
    def place(self) -> str:
        """Of the back end."""
        return self.inner.place

    def writing(self, *, beside: bool = False) -> AbstractContextManager[None]:
        """Be the only writer of states."""
        return self.inner.writing(beside=beside)

    def open_checked(self) -> Opened:
        """The current state as it is stored: what is published next must not have corrections in it."""
        return self.inner.open_checked()

    def publish(self, contents: Contents, base: State | None = None) -> State:
        """Make `contents` current; the corrections stay."""
        return self.inner.publish(contents, base)

    def corrections(self) -> str:
        """The document of corrections."""
        return self.inner.corrections()

    def amend(self, change: Callable[[str], str]) -> None:
        """Replace the document of corrections."""
        self.inner.amend(change)

    def sizes(self) -> Mapping[str, int]:
        """Bytes of every state."""
        return self.inner.sizes()

    def verify(self, progress: Progress) -> tuple[Verified, ...]:
        """Look at all that the back end stores."""
        return self.inner.verify(progress)

    def tidy(self) -> None:
        """Remove what dead writers left."""
        self.inner.tidy()
