"""Texts of strangers, as they are stored and shown: no HTML, nothing that a terminal would obey."""

from __future__ import annotations

import html
import re
import unicodedata

MAX_TEXT = 10_000  # characters of one field; the benchmark's longest has 135
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNFIT = ("Cc", "Cs")


def clean(value: str, what: str) -> str:
    """`value` with its HTML entities decoded and a � for what cannot be stored or printed.

    Parameters
    ----------
    value : str
    what : str
        What it is, for the error.

    Returns
    -------
    str
        ``&`` for ``&amp;``; a blank for a tab or an end of line, � for another control character or half of a
        surrogate pair.

    Raises
    ------
    ValueError
        When it has more than :data:`MAX_TEXT` characters.
    """
    if len(value) > MAX_TEXT:
        raise ValueError(f"{what} has {len(value):,} characters; at most {MAX_TEXT:,} are read")
    if "&" in value:
        value = _ENTITY.sub(lambda entity: html.unescape(entity[0]), value)
    return value if value.isprintable() else "".join(map(_fit, value))


def _fit(char: str) -> str:
    if char in "\t\n\r":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in _UNFIT else char
