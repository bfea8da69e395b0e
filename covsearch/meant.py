"""Which performance a person means: by its id, nearly its id, its work, or its title."""

from __future__ import annotations

import re

from covsearch.dataset.ids import in_words
from covsearch.dataset.performance import Performance
from covsearch.errors import NotFoundError, UsageError
from covsearch.search import unknown_pid
from covsearch.store.protocols import Catalogue

_NUMBER = re.compile(r"p?[\s_-]*([0-9]{1,18})(?:_\w+)?(?:\.h5)?", re.IGNORECASE)  # 5, p_5, P-5, P_5_hpcp.h5
_WORK = re.compile(r"w[\s_-]*([0-9]{1,18})", re.IGNORECASE)
_LISTED = 10


def performance_meant(text: str, catalogue: Catalogue) -> str:
    """The name of the one performance that `text` can mean.

    Parameters
    ----------
    text : str
        An id as it is; else the id in other letters or without its ``P_``; else a work with one performance; else
        words that one title or artist has.
    catalogue : Catalogue

    Raises
    ------
    NotFoundError
        When it may mean several, with a list of them, or none.
    UsageError
        When several collections have the id.
    """
    name = catalogue.resolve(text) or _respelt(text, catalogue)
    if name:
        return name
    found = _of_work(text, catalogue) if _WORK.fullmatch(text) else _by_words(text, catalogue)
    if len(found) == 1:
        return found[0].pid
    raise NotFoundError(_choice(text, found) if found else unknown_pid(text, catalogue))


def _respelt(text: str, catalogue: Catalogue) -> str | None:
    number = _NUMBER.fullmatch(text.strip())
    if number and (name := catalogue.resolve(f"P_{number[1]}")):
        return name
    wanted = text.strip().casefold()
    alike = [name for name in catalogue.names() if name.casefold() == wanted]
    return alike[0] if len(alike) == 1 else None


def _of_work(text: str, catalogue: Catalogue) -> list[Performance]:
    work = _WORK.fullmatch(text)
    names = catalogue.clique(text) or (catalogue.clique(f"W_{work[1]}") if work else ())
    return list(catalogue.get(names).values())


def _by_words(text: str, catalogue: Catalogue) -> list[Performance]:
    """Whose title or artist has the words; a number alone is a mistaken id, whatever titles have it."""
    if _NUMBER.fullmatch(text.strip()):
        return []
    try:
        return [hit.performance for hit in catalogue.find(text, _LISTED + 1)]
    except UsageError:  # more words than any title has
        return []


def _choice(text: str, found: list[Performance]) -> str:
    lines = [f"  {in_words(p.pid)}  {' · '.join(filter(None, (p.title, p.artist)))}" for p in found[:_LISTED]]
    more = ["  and more: `covsearch find` lists them"] if len(found) > _LISTED else []
    return "\n".join([f"{text!r} may mean several performances; name one by its id:", *lines, *more])
