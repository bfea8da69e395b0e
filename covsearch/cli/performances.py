"""How commands show a performance, and that they are at work."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress

from covsearch.api import Index
from covsearch.cli.shown import say
from covsearch.dataset.ids import in_words
from covsearch.dataset.performance import Performance
from covsearch.errors import NotFoundError
from covsearch.workspace import expanded, is_file


def identity(p: Performance) -> tuple[str, str, str, str, int | None]:
    """What a table says of it."""
    return p.pid, p.wid or "", p.title, p.artist, p.year


def headline(p: Performance) -> str:
    """Who plays what, in one line."""
    name = f"{p.pid} ({p.wid or 'work unknown'})"
    parts = (name, p.title, p.artist, p.year, f"work: {p.work_title}" if p.work_title else "")
    by = f" by {p.work_artist}" if p.work_title and p.work_artist else ""
    return " · ".join(str(part) for part in parts if part) + by


def named(index: Index, text: str) -> str:
    """The id that `text` means; where it is not the id itself, stderr says which."""
    name = index.meant(text)
    if name != text and not name.endswith(f":{text}") and not text.endswith(f":{name}"):  # collection:id is an id
        say(f"{text!r} is taken for {headline(index[name])}")
    return name


def named_or_file(opened: Callable[[], Index], text: str) -> str:
    """`text` itself where it is a file, else the id that it means; stderr says which where it could be either.

    `opened` may raise NotFoundError: without an index there are only files.
    """
    if not is_file(text):
        return named(opened(), text)
    with suppress(NotFoundError):
        _tell_which(opened(), text)
    return text


def _tell_which(index: Index, text: str) -> None:
    """Say that a file of an id's name is not meant, if it is another file than the one indexed by that id."""
    if text not in index or ((own := index.audio(text)) and own.samefile(expanded(text))):
        return
    path = expanded(text)
    other = shlex.quote(f"{path.parent}/./{path.name}" if path.is_absolute() else f"./{path}")
    say(f"{in_words(text)} is an id of the index and a file here: the id is meant; for the file say {other}")


def working(what: str, needed: object) -> AbstractContextManager[object]:
    """A line on stderr while something takes seconds; nothing where it is not `needed`."""
    if not needed:
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(what)
