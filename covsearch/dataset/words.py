"""The normal form of words: the same for what an index stores and for what is asked of it.

::

    Björk, BJÖRK, Ｂｊöｒｋ    bjork                 case, marks and width do not count
    Søren, Łódź, ﬁre         soren, lodz, fire     nor do strokes and ligatures
    Don't                    don, t, dont          words with punctuation inside: their parts, and all without it
    AC/DC, R.E.M.            acdc, rem, ...
    Rock 'n' Roll            rocknroll, ...
    東京タワー                東京, 京タ, ...         pairs of characters, where a script has no blanks
    !!!                      one word of its own   a text without a letter or digit is found as it is

Marks that tell letters apart are kept: the voicing of kana, and vowels of Indian and Thai letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_WORDS = 64  # of a question: the longest title in Da-TACOS has 19
_MAX_RUN = 64  # characters of a run without blanks that are asked for
_SIGNS = "\ue000"  # begins the word of a text without a letter; a private character, so no other word has it

# what is left out inside a word: dashes are found by their category
_SOFT = frozenset("'’‘‛`ʼʻʹʾʿ′׳״־.·˙․‧/\\⁄∕_")
# these would be a blank and a mark by NFKC
_BEFORE = str.maketrans(dict.fromkeys("´΄᾽᾿´῾", "'"))
_LETTERS = {"æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ŋ": "n", "ı": "i", "ȷ": "j", "ĸ": "k", "ƿ": "w", "ſ": "s"}
_STROKE = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH .*")
# scripts without blanks between words, and Hangul, whose compounds have none
_RUNS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u309a"
    r"\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    r"\uf900-\ufaff\U00020000-\U0003ffff"
)
_PIECE = re.compile(rf"[{_RUNS}]+|[^{_RUNS}]+")
_RUN = re.compile(rf"[{_RUNS}]")


class _Folding(dict[int, str]):
    """What a character of a decomposed, case-folded text becomes; ``-`` is left out inside a word, a blank parts."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if char in _SOFT or category == "Pd":
        return "-"
    if char in _LETTERS:
        return _LETTERS[char]
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] in "LN":
        stroke = _STROKE.fullmatch(unicodedata.name(char, ""))
        return stroke[1].lower() if stroke else "" if char == "\N{ARABIC TATWEEL}" else char
    if category[0] == "M":
        return "" if _is_a_mark(char, category) else char
    return "" if category == "Cf" else " "


def _is_a_mark(char: str, category: str) -> bool:
    """Whether a combining character is put on a letter, as accents, Hebrew points and Arabic vowels are."""
    combining = unicodedata.combining(char)
    selects = "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"  # a glyph's variant
    return category == "Me" or selects or combining == 1 or 10 <= combining <= 36 or combining >= 200


_FOLDING = _Folding()


@dataclass(frozen=True)
class Term:
    """One thing to look for.

    Attributes
    ----------
    words : tuple of str
        Words that follow each other.
    cut : bool
        Whether the last of them may be the beginning of a longer one.
    """

    words: tuple[str, ...]
    cut: bool = False


Question = tuple[tuple[tuple[Term, ...], ...], ...]


def words_of(text: str) -> list[str]:
    """The words to store of `text`, in the order in which they are there.

    Parameters
    ----------
    text : str
        A title, an artist.

    Returns
    -------
    list of str
        Of letters and digits in normal form. Of a run of characters without blanks every two neighbours, then the
        last alone.
    """
    found: list[str] = []
    pieces = _pieces(text)
    for parts in pieces:
        found += _pairs(parts[0]) if _RUN.match(parts[0]) else parts if len(parts) == 1 else [*parts, "".join(parts)]
    return found or list(_signs(text))


def question_of(text: str) -> Question:
    """What to look for so that all words of `text` are there; the last may be cut short.

    Returns
    -------
    tuple
        Of every word the ways to have it, of which one is enough: terms that must all be there. Empty where there is
        nothing to look for.

    Raises
    ------
    ValueError
        When there are more than :data:`MAX_WORDS` words.
    """
    pieces = list(_pieces(text))
    count = sum(map(len, pieces))
    if count > MAX_WORDS:
        raise ValueError(f"expected at most {MAX_WORDS} words of a title or artist, got {count}")
    asked = tuple(_ways(parts, last=place == len(pieces)) for place, parts in enumerate(pieces, 1))
    return asked or tuple(((Term((sign,)),),) for sign in _signs(text))


def _ways(parts: list[str], last: bool) -> tuple[tuple[Term, ...], ...]:
    if _RUN.match(parts[0]):
        run = parts[0][:_MAX_RUN]
        return ((Term((run,), cut=True) if len(run) == 1 else Term(tuple(_pairs(run)[:-1])),),)
    apart = tuple(Term((part,), cut=last and place == len(parts)) for place, part in enumerate(parts, 1))
    return (apart,) if len(parts) == 1 else (apart, (Term(("".join(parts),), cut=last),))


def _pieces(text: str) -> Iterator[list[str]]:
    """The parts of every word; a run without blanks is a word of one part."""
    plain = unicodedata.normalize("NFKC", text.translate(_BEFORE)).casefold()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", plain).translate(_FOLDING))
    for word in _and_joined(folded.split()):
        for piece in _PIECE.findall(word):
            if parts := [part for part in piece.split("-") if part]:
                yield parts


def _and_joined(words: list[str]) -> Iterator[str]:
    """`words`; an n with an apostrophe is one with its neighbours, so that ``Rock 'n' Roll`` is ``Rock'n'Roll``."""
    joined = ""
    for place, word in enumerate(words):
        if joined and word in ("-n-", "-n", "n-") and place + 1 < len(words):
            joined += f"-{word}-"
        elif joined.endswith("-n-") or joined.endswith("-n--"):
            joined += word
        else:
            if joined:
                yield joined
            joined = word
    if joined:
        yield joined


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run))]


def _signs(text: str) -> Iterator[str]:
    """One word for a text that has neither letter nor digit, blanks aside; none where nothing of it can be seen."""
    signs = "".join(char for char in unicodedata.normalize("NFKC", text) if char.isprintable() and char != " ")
    if signs:
        yield _SIGNS + signs.encode().hex()
