from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from covsearch.dataset.ids import as_file_name, in_words, is_id, is_pid, is_wid, natural_key


@pytest.mark.parametrize("name", ["P_0", "P_22", "P_999999999999999999"])
def test_performances(name: str) -> None:
    assert is_pid(name)
    assert not is_wid(name)
    assert is_wid(name.replace("P", "W"))


@pytest.mark.parametrize(
    "name",
    ["", "P_", "P22", "p_22", "P_22 ", "P_22\n", "P_-1", "P_٢٢", "P_2_2", "../P_22", "P_22/..", "P_" + "1" * 19, 22],
)
def test_what_is_no_performance(name: object) -> None:
    assert not is_pid(name)


def test_names_are_ordered_by_their_numbers() -> None:
    assert sorted(["P_10", "P_9", "P_100"], key=natural_key) == ["P_9", "P_10", "P_100"]


@pytest.mark.parametrize("text", ["P_22", "a", " ", "Für Élise (take 2).mp3", "a/b\\..", "東京", "𝄞" * 255, "x:y"])
def test_an_id_is_any_text(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "x" * 256, "a\n", "\0", "\x1b[31m", "\x7f", "\x85", "\ud800", b"P_1", 22, None])
def test_what_is_no_id(text: object) -> None:
    assert not is_id(text)


def test_no_control_character_and_no_surrogate_is_in_an_id() -> None:
    unfit = {code for code in range(0x110000) if not is_id(chr(code))}
    assert unfit == {*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)}


def test_other_ids_are_ordered_by_text_and_their_digits_by_number() -> None:
    ordered = ["2 b", "10 a", "P_2", "P_02", "P_10", "P_10a2", "P_10a10", "W_1", "a", "a1", "b", "é"]
    assert sorted(ordered, key=natural_key) == ["2 b", "10 a", "P_02", "P_2", *ordered[4:]]


@given(st.lists(st.text(alphabet="P_01²٢é a", max_size=6), max_size=9, unique=True), st.randoms())
def test_the_order_of_ids_does_not_depend_on_where_they_were(names: list[str], random: object) -> None:
    shuffled = names.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_da_tacos_ids_are_ordered_as_their_numbers(a: int, b: int) -> None:
    assert (natural_key(f"P_{a}") < natural_key(f"P_{b}")) == (a < b)


@given(st.text(min_size=1))
@example("../../etc/passwd")
@example("..")
@example("a\\b")
def test_no_id_is_a_path(name: str) -> None:
    if any(unicodedata.category(char) == "Cs" for char in name):
        return
    part = as_file_name(name)
    assert 0 < len(part) <= 100
    assert not set(part) & set("/\\.:\0")
    assert as_file_name("P_22") == "P_22"


def test_a_message_shows_odd_ids_in_quotes() -> None:
    assert [in_words(name) for name in ("P_22", "sample:P_5", "o haupt", "")] == [
        "P_22",
        "sample:P_5",
        "'o haupt'",
        "''",
    ]
