"""Under which licence a source of songs is, by the words beside it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from covsearch.guard.files import RefusedError, read_bytes

UNSAID = "no licence said"
MUSIC21 = "public domain (out of copyright, by music21's corpus)"
_MAX_BYTES = 2**18
_NAMES = ("license", "licence", "copying", "readme")
"""Files that may say so, the most binding first."""
_KNOWN = (
    ("MIT", r"\bMIT License\b"),
    ("CC0", r"\bCC0\b|\bCreative Commons Zero\b"),
    ("CC BY-NC-SA", r"\bCC.BY.NC.SA\b"),
    ("CC BY-SA", r"\bCC.BY.SA\b"),
    ("CC BY", r"\bCC.BY\b"),
    ("public domain", r"\bpublic domain\b"),
)


def licence_of(names: Iterable[str], read: Callable[[str, int], bytes]) -> str:
    """The first known licence that a LICENSE or README names.

    Parameters
    ----------
    names : iterable of str
        Files of a source; only those at its top count.
    read : callable
        ``read(name, limit)`` gives a file's bytes or raises RefusedError.
    """
    at_top = [name for name in names if len(PurePosixPath(name).parts) == 1]
    for kind in _NAMES:
        for name in (name for name in at_top if PurePosixPath(name).stem.lower() == kind):
            with contextlib.suppress(RefusedError):
                if found := _named(read(name, _MAX_BYTES).decode("utf-8", "replace")):
                    return found
    return UNSAID


def folder_licence(folder: Path) -> str:
    """The same of a folder of files."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    return licence_of(names, lambda name, limit: read_bytes(folder / name, limit, folder.resolve()))


def _named(text: str) -> str:
    """The licence that is named first in a text."""
    places = [(found.start(), name) for name, words in _KNOWN if (found := re.search(words, text, re.IGNORECASE))]
    return min(places)[1] if places else ""
