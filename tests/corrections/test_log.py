"""The document of corrections: what is written is read, and what could not have been written is refused."""

from __future__ import annotations

import itertools
import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.corrections import correction, log
from covsearch.corrections.log import NOTHING, Log, contradiction, read_log
from covsearch.errors import ArtefactError, NotFoundError, UsageError


def full(*names: str) -> tuple[str, ...]:
    return tuple(f"one:{name}" for name in names)


@cache
def said() -> Log:
    """A and B are one work; B is no version of C; that of C is taken back."""
    log = NOTHING.correct("accept", [full("a", "b")])
    return log.correct("split", apart=[[full("b"), full("c")]]).undo()


def test_a_document_is_lines_of_json() -> None:
    first, *lines = [json.loads(line) for line in said().text.splitlines()]
    assert first == {"covsearch": "corrections", "format": 1}
    assert [set(line) for line in lines] == [
        {"correction", "kind", "when", "together", "apart"},
        {"correction", "kind", "when", "together", "apart"},
        {"undo", "when"},
    ]
    assert lines[0]["together"] == [["one:a", "one:b"]]
    assert lines[1]["apart"] == [[["one:b"], ["one:c"]]]


def test_a_document_only_grows() -> None:
    texts = [NOTHING.text]
    log = NOTHING
    for step in range(4):
        log = log.undo() if step == 2 else log.correct("accept", [full("a", str(step))])
        texts.append(log.text)
        assert read_log(log.text) == log
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(texts))


def test_what_was_said_follows_to_new_names_and_what_is_said_later_does_not() -> None:
    log = said().renamed({"one:b": "one:B", "one:x": "one:y", "one:c": "one:b"})  # at once: c is called as b was
    later = log.correct("split", apart=[[full("b"), full("x")]])
    assert log.text.startswith(said().text)
    assert read_log(later.text) == later
    assert [c.together for c in later.said] == [(full("a", "B"),), (), ()]
    assert [c.apart for c in later.said] == [(), ((full("B"), full("b")),), ((full("b"), full("x")),)]
    assert json.loads(log.text.splitlines()[-1])["renamed"] == {"one:b": "one:B", "one:c": "one:b"}


@pytest.mark.parametrize("names", [{"one:x": "one:y"}, {"one:b": "one:a"}, {"one:c": "one:b", "one:b": "one:a"}, {}])
def test_nothing_follows_to_a_name_that_has_corrections_of_its_own(names: dict[str, str]) -> None:
    assert said().renamed(names).text == said().text
    assert said().renames(names) == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"renamed":{},"when":1}', "expected renamed, an object, and when"),
        ('{"renamed":["one:b"],"when":""}', "expected renamed, an object, and when"),
        ('{"renamed":{"one:b":"B"},"when":""}', "expected collection:id, got 'B'"),
        ('{"renamed":{"one:b":7},"when":""}', "expected collection:id, got '7'"),
        ('{"renamed":{"one:b":"one:a"},"when":""}', "expected new names for what corrections name"),
        ('{"renamed":{"one:b":"one:d","one:c":"one:d"},"when":""}', "expected new names for what corrections name"),
    ],
)
def test_new_names_that_cannot_be_are_refused(line: str, message: str) -> None:
    with pytest.raises(ArtefactError, match=rf"line 5 of the corrections: {message}"):
        read_log(f"{said().text}{line}\n")


def test_numbers_are_never_used_again() -> None:
    log = said().correct("merge", [full("c", "d")])
    assert [c.number for c in log.said] == [1, 2, 3]
    assert [c.number for c in log.holding] == [1, 3]


def test_the_last_is_taken_back_or_any() -> None:
    log = said().correct("merge", [full("c", "d")])
    assert [c.number for c in log.undo(1).holding] == [3]
    assert [c.number for c in log.undo().undo().holding] == []
    for number, message in ((2, "correction 2 was taken back already"), (9, "no correction 9"), (0, "no correction 0")):
        with pytest.raises(NotFoundError, match=message):
            log.undo(number)
    with pytest.raises(NotFoundError, match="no correction to take back"):
        NOTHING.undo()


def test_a_contradiction_is_refused_with_both_sentences() -> None:
    log = NOTHING.correct("split", apart=[[full("a"), full("b", "c")]])
    with pytest.raises(UsageError) as refused:
        log.correct("accept", [full("b", "a")], called=lambda id_: id_[4:].upper())
    assert str(refused.value) == (
        "“B and A are versions of one work” contradicts correction 1, “A is no version of B or C”: "
        "take one back first, with `covsearch groups undo 1`"
    )


def test_a_contradiction_by_a_chain_names_the_chain_and_no_more() -> None:
    log = NOTHING.correct("accept", [full("x", "y")]).correct("accept", [full("a", "b")])
    log = log.correct("accept", [full("b", "c")]).correct("merge", [full("c", "d", "e")])
    with pytest.raises(UsageError, match="“one:c is no version of one:a”"):
        log.correct("split", apart=[[full("c"), full("a")]])
    with pytest.raises(UsageError) as refused:
        log.correct("split", apart=[[full("e"), full("a")]])
    assert [f"correction {n}," in str(refused.value) for n in (1, 2, 3, 4)] == [False, True, True, True]
    assert len(log.undo(3).correct("split", apart=[[full("e"), full("a")]]).holding) == 4


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="contradicts itself"):
        NOTHING.correct("table", [full("a", "b"), full("b", "c")], [[full("a"), full("c")]])


@pytest.mark.parametrize(
    ("together", "apart", "message"),
    [
        ([], [], "expected performances that belong together or apart"),
        ([full("a")], [], "at least two different performances of one work, got one:a"),
        ([full("a", "a")], [], "at least two different"),
        ([], [[full("a")]], "two different performances to hold apart, got one:a"),
        ([], [[full("a"), ()]], "two different performances"),
        ([], [[full("a"), full("b", "a")]], "two different performances"),
    ],
)
def test_what_says_nothing_is_refused(
    together: list[tuple[str, ...]], apart: list[list[tuple[str, ...]]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        NOTHING.correct("accept", together, apart)


def test_so_many_pairs_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "MAX_APART", 5)
    NOTHING.correct("split", apart=[[full("a"), full("b"), full("c", "d")]])
    with pytest.raises(UsageError, match="at most 5 pairs apart in one correction, got 6"):
        NOTHING.correct("split", apart=[[full("a", "b"), full("c", "d", "e")]])


def test_a_document_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said().text
    monkeypatch.setattr(log, "MAX_BYTES", len(text))
    assert len(read_log(text).said) == 2
    with pytest.raises(UsageError, match="bytes of corrections"):
        read_log(text).correct("accept", [full("a", "c")])
    monkeypatch.setattr(log, "MAX_BYTES", len(text) - 1)
    log.read_log.cache_clear()
    with pytest.raises(ArtefactError, match="expected at most"):
        read_log(text)


GOOD = json.loads(said().text.splitlines()[1])


def line(**values: object) -> str:
    return json.dumps(GOOD | values)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["nonsense"], "line 2"),
        (["[1]"], "line 2 of the corrections: expected an object"),
        ([line(correction=2)], "line 2 of the corrections: expected correction 1, got 2"),
        ([line(correction=True)], "expected a number"),
        ([line(kind="delete")], "expected a number, a kind and a time"),
        ([line(when="x" * 41)], "a kind and a time"),
        ([line(more=1)], "expected apart, correction, kind, together, when"),
        ([line(together="ab")], "expected an array, not str"),
        ([line(together=[["one:a", "b"]])], "expected collection:id, got 'b'"),
        ([line(together=[["one:a", "one:b\x1b"]])], "expected collection:id"),
        ([line(together=[["one:a", 5]])], "expected collection:id"),
        ([line(together=[["one:a"]])], "at least two different"),
        ([line(together=[], apart=[])], "belong together or apart"),
        ([line(together=[["one:a", "one:b"]], apart=[[["one:b"], ["one:a"]]])], "corrections 1 contradict"),
        ([line(), '{"undo": 2, "when": ""}'], "line 3 of the corrections: there is no correction 2"),
        ([line(), '{"undo": 1, "when": ""}', '{"undo": 1, "when": ""}'], "line 4 .*no correction 1"),
        ([line(), '{"undo": true, "when": ""}'], "expected undo, a number"),
        ([line(), '{"undo": 1}'], "expected undo, a number"),
        ([line()[:-1] + ', "kind": "accept"}'], "comes twice"),
        ([line(together=[["one:a", "one:b"] * 600_000])], "at most 1,000,000"),
        (["[" * 100_000], "line 2"),
    ],
)
def test_a_document_that_was_not_written_so_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        read_log("\n".join([said().text.split("\n")[0], *lines, ""]))


@pytest.mark.parametrize(
    "text", ["\n", "{}\n", said().text[:-1], said().text[1:], "{}", '{"covsearch":"corrections","format":2}\n']
)
def test_another_or_half_a_document_is_refused(text: str) -> None:
    with pytest.raises(ArtefactError, match="line"):
        read_log(text)


@given(st.integers(0, len(said().text)), st.text(max_size=3))
def test_whatever_is_put_in_is_read_or_refused(place: int, text: str) -> None:
    whole = said().text
    try:
        read_log(whole[:place] + text + whole[place + len(text) :])
    except ArtefactError as e:
        assert "of the corrections" in str(e)  # noqa: PT017 - a document may be as good as before


@pytest.mark.parametrize(
    ("together", "apart", "sentence"),
    [
        ([full("a", "b")], [], "one:a and one:b are versions of one work"),
        ([full("a", "b", "c d")], [], "one:a, one:b and 'one:c d' are versions of one work"),
        ([full(*"abcdefgh")], [], "one:a, one:b, one:c, one:d, one:e and 3 more are versions of one work"),
        ([], [[full("a"), full("b")]], "one:a is no version of one:b"),
        ([], [[full("b", "c"), full("a")]], "one:a is no version of one:b or one:c"),
        ([], [[full("a", "b"), full("c", "d")]], "one:a and one:b are no versions of one:c or one:d"),
        ([], [[full("a"), full("b"), full("c")]], "no two of one:a, one:b and one:c are versions of one work"),
        ([], [[full("a", "b"), full("c"), full("d")]], "of different works are one:a and one:b; one:c; one:d"),
    ],
)
def test_sentences(together: list[tuple[str, ...]], apart: list[list[tuple[str, ...]]], sentence: str) -> None:
    assert NOTHING.correct("accept", together, apart).said[0].sentence == sentence


def test_nothing_contradicts_nothing() -> None:
    assert contradiction(()) == ()
