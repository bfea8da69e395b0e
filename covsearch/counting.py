"""Numbers and names of things in words."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 work``, ``1,200 works``; `plural` where an s is not enough."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def in_works(number: int, works: int, noun: str = "performance") -> str:
    """``87 performances of 40 works``; of unknown works where not one is known."""
    return f"{counted(number, noun)} of {counted(works, 'work') if works else 'unknown works'}"


def comma_list(things: Iterable[object]) -> str:
    """``hpcp, crema``; "nothing" where there is none."""
    return ", ".join(map(str, things)) or "nothing"
