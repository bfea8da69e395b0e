"""Titles as printed → titles to show, and the bare words that two printings of one title share."""

from __future__ import annotations

import re
import unicodedata

GENRES = {
    "reel", "jig", "hornpipe", "strathspey", "march", "air", "clog", "waltz", "polka", "slip", "single", "double",
    "quickstep", "highland", "fling", "set", "dance", "walk", "around", "essence", "medley", "planxty",
}  # fmt: skip
_SMALL = {
    "of", "the", "a", "an", "and", "in", "on", "at", "to", "for", "o", "with", "by", "but", "de", "la", "from", "or",
}  # fmt: skip
_ARTICLE_LAST = re.compile(r"^(.*?)[.,]*\s*,\s*(the|a|an)\b\.?(.*)$", re.IGNORECASE)


def normalised(title: str) -> str:
    """The words that identify a title: no accents, case, articles, punctuation, genre or bracketed remark.

    >>> normalised("Greencastle Hornpipe., The")
    'greencastle'
    >>> normalised("The GREENCASTLE -- HORNPIPE (2nd setting)")
    'greencastle'
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"\(.*?\)|\[.*?\]", " ", plain).replace("&", " and ")
    words = re.findall(r"[a-z0-9]+", re.sub(r"['`’]", "", plain))
    kept = [word for word in words if word not in {"the", "a", "an"}]
    named = [word for word in kept if word not in GENRES]
    return " ".join(named or kept)


def display(title: str) -> str:
    """A printed title as one shows it: the article in front, no capitals throughout, no trailing full stop.

    >>> display("Greencastle Hornpipe., The")
    'The Greencastle Hornpipe'
    >>> display("ADMIRAL'S -- HORNPIPE")
    "Admiral's Hornpipe"
    """
    text = re.sub(r"\s*-+\s+", " ", title.replace('"', "")).replace("`", "'").replace("´", "'")
    text = re.sub(r"(?<=\w):(?=\w)", "", text)  # Ryan's files have "Unfortunat:e"
    text = re.sub(r"(?<=[a-z])(?=Jig\b)", " ", text)  # and "SlipJig"
    text = re.sub(r"\s+", " ", text).strip().rstrip(".,; ")
    if moved := _ARTICLE_LAST.match(text):
        text = f"{moved[2].capitalize()} {moved[1]}{moved[3]}"
    return _capitalised(text) if text.upper() == text else text


def _capitalised(text: str) -> str:
    words = text.lower().split(" ")
    return " ".join(
        word if index and word in _SMALL else re.sub(r"(^|[-(\"])([a-zà-ÿ])", lambda hit: hit[1] + hit[2].upper(), word)
        for index, word in enumerate(words)
    )
