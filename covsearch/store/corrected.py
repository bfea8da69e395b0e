"""Any back end, with the works that corrections make in every catalogue that is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from covsearch.corrections.catalogue import CorrectedCatalogue, corrected
from covsearch.corrections.log import read_log
from covsearch.store.protocols import Opened, Publisher

T = TypeVar("T")


class CorrectedStore:
    """The :class:`covsearch.store.protocols.Publisher` of a back end that knows no corrections but as a text.

    What is published next must not have corrections in it: ``open_checked`` and all else are the back end's own.
    """

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, work: Callable[[Opened], T], parts: Iterable[str] | None = ()) -> T:
        """What `work` makes of the current state and the corrections."""
        return self._inner.read(lambda opened: work(self._corrected(opened)), parts)

    def catalogue(self) -> CorrectedCatalogue:
        """The metadata of the current state, with corrected works."""
        return corrected(self._inner.catalogue(), read_log(self._inner.corrections()))

    def _corrected(self, opened: Opened) -> Opened:
        log = read_log(self._inner.corrections())
        return replace(opened, catalogue=corrected(opened.catalogue, log), corrections=log)
