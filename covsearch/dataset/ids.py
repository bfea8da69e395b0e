"""Ids of performances and works: opaque text everywhere, and what Da-TACOS makes of them."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_ID = 255
ID_RULE = f"expected 1 to {MAX_ID} characters, none of them a control character"

# Da-TACOS's own. ASCII digits only, and few enough for int64: a name from a stranger's JSON can be megabytes long
PID = re.compile(r"P_[0-9]{1,18}")
WID = re.compile(r"W_[0-9]{1,18}")

_DIGITS = re.compile(r"([0-9]+)")
_PLAIN = re.compile(r"[\w.:-]+")
_UNFIT = ("Cc", "Cs")  # control characters, which a terminal would obey, and surrogates, which no file can hold


def is_id(text: object) -> bool:
    """Whether `text` can be the id of a performance or work: 1 to 255 characters, no control character or surrogate."""
    fits = isinstance(text, str) and 0 < len(text) <= MAX_ID
    return fits and not any(unicodedata.category(char) in _UNFIT for char in str(text))


def is_pid(text: object) -> bool:
    """Whether `text` is what Da-TACOS calls a performance, like ``P_22``."""
    return isinstance(text, str) and PID.fullmatch(text) is not None


def is_wid(text: object) -> bool:
    """Whether `text` is what Da-TACOS calls a work, like ``W_14``."""
    return isinstance(text, str) and WID.fullmatch(text) is not None


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts ``P_9`` before ``P_10``, and any ids in one order: digits by their number, the rest as text."""
    parts = _DIGITS.split(name)  # text and digits by turns, text first
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def in_words(name: str) -> str:
    """An id as a message shows it: in quotes where it could be taken for other words."""
    return name if _PLAIN.fullmatch(name) else repr(name)


def as_file_name(name: str) -> str:
    """An id as a part of a file's name: ``P_22`` itself; no id names another folder."""
    return quote(name, safe="").replace(".", "%2E")[:100]
