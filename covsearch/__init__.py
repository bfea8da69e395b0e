"""covsearch: the search engine for cover songs.

Five lines::

    import covsearch
    index = covsearch.open()                        # or covsearch.build("da-tacos/")
    found = index.query("P_22", top=10)             # an id, a file, or an array with its frame rate
    found[0].cover_probability
    index.compare("P_22", "P_20").plot()

Importing covsearch costs nothing: what a name needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

__version__ = "0.2.0"
__all__ = ["Index", "Match", "QueryResult", "__version__", "build", "embed", "open"]

if TYPE_CHECKING:
    from covsearch.answers import Match, QueryResult
    from covsearch.api import Index
    from covsearch.api import open_index as open
    from covsearch.making import build_and_open as build
    from covsearch.making import embed_one as embed

_WHERE = {
    "Index": ("covsearch.api", "Index"),
    "Match": ("covsearch.answers", "Match"),
    "QueryResult": ("covsearch.answers", "QueryResult"),
    "build": ("covsearch.making", "build_and_open"),
    "embed": ("covsearch.making", "embed_one"),
    "open": ("covsearch.api", "open_index"),
}


WINDOWS = "covsearch runs on Linux and macOS, not on Windows: there, use WSL or a Linux container"


def __getattr__(name: str) -> object:
    if name in _WHERE and os.name == "nt":
        raise ImportError(WINDOWS)
    if name not in _WHERE:
        raise AttributeError(f"module 'covsearch' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
