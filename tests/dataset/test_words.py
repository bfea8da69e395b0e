from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.dataset.words import Term, question_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Björk BJÖRK Ｂｊöｒｋ", ["bjork"] * 3),
        ("Søren Łódź Đorđe Æsir", ["soren", "lodz", "dorde", "aesir"]),
        ("Straße ﬁre Þór Œuvre Ħ ŧ ı", ["strasse", "fire", "thor", "oeuvre", "h", "t", "i"]),
        ("Don't", ["don", "t", "dont"]),
        ("AC/DC", ["ac", "dc", "acdc"]),
        ("R.E.M.", ["r", "e", "m", "rem"]),
        ("Rock'n'Roll", ["rock", "n", "roll", "rocknroll"]),
        ("Rock 'n' Roll", ["rock", "n", "roll", "rocknroll"]),
        ("Rock n Roll", ["rock", "n", "roll"]),
        ("Wund-Lied", ["wund", "lied", "wundlied"]),
        ("Hello, (World)!", ["hello", "world"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー", "ー"]),
        ("AKB48の歌", ["akb48", "の歌", "歌"]),
        ("강남", ["강남", "남"]),
        ("ガ ｶﾞ か が", ["ガ", "ガ", "か", "が"]),
        ("йёЙЁ", ["иеие"]),
        ("Άγάπη ΛΌΓΟΣ λόγος", ["αγαπη", "λογοσ", "λογοσ"]),
        ("שָׁלוֹם", ["שלום"]),
        ("مُحَمَّد مـحـمـد", ["محمد", "محمد"]),
        ("हिन्दी", ["हिन्दी"]),
        ("१९ ٩", ["19", "9"]),
        ("!!!", ["\ue000212121"]),
        (" ! ! !", ["\ue000212121"]),
        ("!!! a", ["a"]),
        ("", []),
        (" \t\n\u200b\udcff", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=40))
def test_the_form_of_its_characters_does_not_count(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert words_of(unicodedata.normalize("NFD", text)) == words_of(text)


@given(st.text(max_size=40))
def test_a_text_is_found_by_itself(text: str) -> None:
    """Every question of a text is met by its own words; so it is by any beginning of it, see the catalogue's tests."""
    try:
        question = question_of(text)
    except ValueError:
        return
    words = words_of(text)
    assert bool(question) == bool(words)
    for ways in question:
        assert any(all(_has(words, term) for term in way) for way in ways)


def _has(words: list[str], term: Term) -> bool:
    for start in range(len(words)):
        *whole, last = words[start : start + len(term.words)]
        if (*whole, last) == term.words or (term.cut and not whole and last.startswith(term.words[0])):
            return True
    return False


def test_a_question_says_what_may_be_cut_short() -> None:
    assert question_of("Rock AC/D") == (
        ((Term(("rock",)),),),
        ((Term(("ac",)), Term(("d",), cut=True)), (Term(("acd",), cut=True),)),
    )
    assert question_of("東 京都市") == (((Term(("東",), cut=True),),), ((Term(("京都", "都市")),),))


def test_a_page_of_words_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 words of a title or artist, got 65"):
        question_of("a-" * 65)
