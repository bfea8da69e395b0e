"""Functions that numba compiles, and keeps between processes where there is a folder for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[F], F]:
    """Compile a function when it is first called; `options` are those of :func:`numba.njit`.

    The machine code is kept beside the source or in the user's cache. A user who may write in neither, as in a
    container (``docker run -u 12345``), waits some seconds in every process: numba alone would refuse the function.
    """

    def made(function: F) -> F:
        try:
            found: F = njit(cache=True, **options)(function)
        except RuntimeError:  # "cannot cache function: no locator available"
            found = njit(**options)(function)
        return found

    return made
