from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from covsearch.dataset.names import full_name, is_collection, is_name, names_of, naming_of
from covsearch.dataset.performance import Performance

PAIRS = st.tuples(st.sampled_from(["a", "b", "P"]), st.text("aP:1", min_size=1, max_size=4))


def test_an_id_is_called_by_itself_while_one_collection_has_it() -> None:
    one = Performance("P_5", "W_1", collection="sample")
    other = Performance("P_5", "W_1", collection="dev")
    alone = Performance("P_6", "W_1", collection="dev")
    assert names_of([one, alone]) == ["P_5", "P_6"]
    assert names_of([one, other, alone]) == ["sample:P_5", "dev:P_5", "P_6"]


def test_an_id_that_reads_like_anothers_full_name_is_not_called_by_itself() -> None:
    naming = naming_of([("a", "x"), ("b", "a:x")])
    assert (naming.name("a", "x"), naming.name("b", "a:x")) == ("x", "b:a:x")


@given(st.sets(PAIRS, min_size=1, max_size=12))
@example({("a", "x"), ("a", "a:x"), ("a", "a:a:x")})
def test_no_two_are_called_alike_and_every_full_name_means_one(pairs: set[tuple[str, str]]) -> None:
    naming = naming_of(pairs)
    called = {pair: naming.name(*pair) for pair in pairs}
    assert len(set(called.values())) == len(pairs)
    full = {full_name(*pair): pair for pair in pairs}
    assert len(full) == len(pairs)
    for pair, name in called.items():
        assert full.get(name, pair) == pair  # what one is called is never another's full name


@pytest.mark.parametrize(("text", "name", "collection"), [
    ("sample", True, True),
    ("sample:P_5", True, False),
    ("a:b:c", True, False),
    ("", False, False),
    (":" * 3, True, False),
    ("x" * 256, False, False),
    (f"{'x' * 255}:{'y' * 255}", True, False),
    (f"{'x' * 256}:y", False, False),
    ("a:\n", False, False),
])  # fmt: skip
def test_what_can_be_a_name(text: str, name: bool, collection: bool) -> None:
    assert (is_name(text), is_collection(text)) == (name, collection)
