"""How commands show a performance, and that they are at work."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from covsearch.dataset.performance import Performance


def identity(p: Performance) -> tuple[str, str, str, str, int | None]:
    """What a table says of it."""
    return p.pid, p.wid or "", p.title, p.artist, p.year


def headline(p: Performance) -> str:
    """Who plays what, in one line."""
    name = f"{p.pid} ({p.wid or 'work unknown'})"
    parts = (name, p.title, p.artist, p.year, f"work: {p.work_title}" if p.work_title else "")
    by = f" by {p.work_artist}" if p.work_title and p.work_artist else ""
    return " · ".join(str(part) for part in parts if part) + by


def working(what: str, needed: object) -> AbstractContextManager[object]:
    """A line on stderr while something takes seconds; nothing where it is not `needed`."""
    if not needed:
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(what)
