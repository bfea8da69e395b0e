"""The works that follow from corrections, against a slow oracle, and what must hold of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.corrections.catalogue import CorrectedCatalogue, corrected
from covsearch.corrections.log import NOTHING, Log
from covsearch.corrections.ruling import ruling
from covsearch.dataset.ids import natural_key
from covsearch.dataset.performance import Performance
from covsearch.db.found import Found
from covsearch.errors import UsageError


class Listed:
    """A catalogue of one collection in memory, as it is listed."""

    def __init__(self, works: Sequence[str | None]) -> None:
        self.every = {
            f"P_{n}": Performance(f"P_{n}", wid, f"Title {n}", work_title=f"Of {wid}" if wid else "", collection="one")
            for n, wid in enumerate(works, start=1)
        }

    def __len__(self) -> int:
        return len(self.every)

    def stored(self, names: Sequence[str]) -> dict[str, Performance]:
        return {name: self.every[name] for name in names if name in self.every}

    get = stored

    def clique(self, wid: str) -> tuple[str, ...]:
        return tuple(name for name, p in self.every.items() if p.wid == wid)

    def clique_sizes(self) -> dict[int, int]:
        return dict(Counter(Counter(p.wid for p in self.every.values() if p.wid).values()))

    def collections(self) -> dict[str, tuple[int, int]]:
        return {"one": (len(self), len({p.wid for p in self.every.values() if p.wid}))}

    def find(self, text: str, limit: int = 20) -> list[Found]:
        return [Found(p, len(self.clique(p.wid)) if p.wid else 1) for p in self.every.values()][:limit]


def full(*numbers: int) -> tuple[str, ...]:
    return tuple(f"one:P_{n}" for n in numbers)


def accepted(log: Log, *numbers: int) -> Log:
    return log.correct("accept", together=[full(*numbers)])


def split(log: Log, *sides: Sequence[int]) -> Log:
    return log.correct("split", apart=[[full(*side) for side in sides]])


def told(works: Sequence[str | None], log: Log) -> CorrectedCatalogue:
    return corrected(Listed(works), log)  # type: ignore[arg-type]


def works_of(catalogue: CorrectedCatalogue) -> list[str | None]:
    return [p.wid for p in catalogue.get([f"P_{n}" for n in range(1, len(catalogue) + 1)]).values()]


def test_without_corrections_nothing_changes() -> None:
    catalogue = told(["W_1", "W_1", None], NOTHING)
    assert works_of(catalogue) == ["W_1", "W_1", None]
    assert (catalogue.clique_sizes(), catalogue.collections()) == ({2: 1}, {"one": (3, 1)})


def test_accepted_ones_are_one_work_with_all_that_are_listed_with_them() -> None:
    catalogue = told(["W_1", "W_1", "W_2", "W_2", "W_2", None, None], accepted(NOTHING, 1, 3, 6))
    assert works_of(catalogue) == ["W_2"] * 6 + [None]  # the listed work with more members gives the name
    assert catalogue.clique("W_2") == catalogue.clique("W_1") == ("P_1", "P_2", "P_3", "P_4", "P_5", "P_6")
    assert catalogue.get(["P_6"])["P_6"].work_title == "Of W_2"
    assert catalogue.stored(["P_6"])["P_6"].wid is None
    assert (catalogue.clique_sizes(), catalogue.collections()) == ({6: 1}, {"one": (7, 1)})


def test_unknown_works_get_a_name() -> None:
    catalogue = told([None, None, None, "work of P_1"], accepted(NOTHING, 1, 2))
    assert works_of(catalogue) == ["work of P_1*", "work of P_1*", None, "work of P_1"]
    assert catalogue.clique("work of P_1*") == ("P_1", "P_2")
    assert catalogue.clique_sizes() == {1: 1, 2: 1}
    assert [(f.performance.wid, f.versions) for f in catalogue.find("x")] == [
        ("work of P_1*", 2),
        ("work of P_1*", 2),
        (None, 1),
        ("work of P_1", 1),
    ]


def test_one_that_is_split_off_is_a_work_of_its_own() -> None:
    catalogue = told(["W_1", "W_1", "W_1"], split(NOTHING, [1], [2, 3]))
    assert works_of(catalogue) == ["work of P_1", "W_1", "W_1"]
    assert [p.work_title for p in catalogue.get(["P_1", "P_2"]).values()] == ["", "Of W_1"]
    assert catalogue.clique("W_1") == ("P_2", "P_3")
    assert [f.versions for f in catalogue.find("x")] == [1, 2, 2]


def test_a_third_stays_with_the_first_of_two_that_are_split() -> None:
    assert works_of(told(["W_1"] * 4, split(NOTHING, [1], [3]))) == ["W_1", "W_1", "work of P_3", "W_1"]


def test_one_moves_from_a_work_to_another() -> None:
    log = split(accepted(NOTHING, 3, 4), [3], [1, 2])
    catalogue = told(["W_1", "W_1", "W_1", "W_2", "W_2"], log)
    assert works_of(catalogue) == ["W_1", "W_1", "W_2", "W_2", "W_2"]
    assert catalogue.get(["P_3"])["P_3"].work_title == "Of W_2"


def test_split_strangers_are_works_of_their_own() -> None:
    assert works_of(told([None, None, None], split(NOTHING, [1], [2]))) == ["work of P_1", "work of P_2", None]


def test_one_that_is_not_there_is_ignored_and_still_links() -> None:
    log = accepted(accepted(NOTHING, 1, 9), 9, 2)
    catalogue = told([None, None, None], log)
    assert works_of(catalogue) == ["work of P_1", "work of P_1", None]
    assert ruling(catalogue, log).ignored == ("one:P_9",)
    assert works_of(told([None], accepted(NOTHING, 1, 9))) == [None]


@pytest.mark.parametrize("size", [1, 2, 87])
def test_collections_of_any_size(size: int) -> None:
    every = [None] * size
    if size > 1:
        together = told(every, accepted(NOTHING, *range(1, size + 1)))
        assert (together.clique_sizes(), works_of(together)) == ({size: 1}, ["work of P_1"] * size)
        apart = told(["W_1"] * size, split(NOTHING, *([n] for n in range(1, size + 1))))
        assert apart.clique_sizes() == {1: size}
        assert apart.collections() == {"one": (size, size)}
    assert told(every, NOTHING).clique_sizes() == {}
    alone = told(["W_1"] * size, split(NOTHING, [1], [size + 1]))
    assert works_of(alone) == ["W_1"] * size


LISTS = st.lists(st.sampled_from([None, "W_1", "W_2", "W_3"]), min_size=1, max_size=8)
NUMBERS = st.lists(st.integers(1, 9), min_size=2, max_size=4, unique=True)
EVERY = [f"P_{n}" for n in range(1, 10)]
SAID = st.lists(st.tuples(st.booleans(), NUMBERS), max_size=6)


def say(log: Log, together: bool, numbers: Sequence[int]) -> Log:
    """One more correction, if nothing is against it."""
    try:
        return accepted(log, *numbers) if together else split(log, *([n] for n in numbers))
    except UsageError:
        return log


def logged(said: Sequence[tuple[bool, Sequence[int]]]) -> Log:
    log = NOTHING
    for together, numbers in said:
        log = say(log, together, numbers)
    return log


def closure(log: Log) -> set[frozenset[str]]:
    """All pairs that are one work, by adding pairs until nothing more follows."""
    one = {frozenset(pair) for c in log.holding for ids in c.together for pair in itertools.combinations(ids, 2)}
    while more := {a ^ b for a in one for b in one if len(a & b) == 1} - one:
        one |= more
    return one


@given(LISTS, SAID)
def test_what_was_said_holds(listed: list[str | None], said: list[tuple[bool, list[int]]]) -> None:
    log = logged(said)
    works = dict(zip((f"one:P_{n}" for n in itertools.count(1)), works_of(told(listed, log)), strict=False))
    for pair in closure(log):
        if all(id_ in works for id_ in pair):
            a, b = pair
            assert works[a] == works[b] is not None
    for c in log.holding:
        for sides in c.apart:
            for one, other in itertools.combinations(sides, 2):
                if one[0] in works and other[0] in works:
                    assert works[one[0]] != works[other[0]]


@given(LISTS, SAID)
def test_who_is_listed_together_stays_so_unless_that_was_said(
    listed: list[str | None], said: list[tuple[bool, list[int]]]
) -> None:
    log = logged([each for each in said if each[0]])  # only accepted ones: nothing is held apart
    now = works_of(told(listed, log))
    for (a, was_a), (b, was_b) in itertools.combinations(enumerate(listed), 2):
        if was_a is not None and was_a == was_b:
            assert now[a] == now[b]
    for was, is_now in zip(listed, now, strict=True):
        assert was is None or is_now is not None


@given(LISTS, SAID)
def test_counts_are_those_of_the_works(listed: list[str | None], said: list[tuple[bool, list[int]]]) -> None:
    catalogue = told(listed, logged(said))
    works = Counter(wid for wid in works_of(catalogue) if wid is not None)
    assert catalogue.clique_sizes() == dict(Counter(works.values()))
    assert catalogue.collections() == {"one": (len(listed), len(works))}
    for wid, size in works.items():
        names = [name for name, p in catalogue.get(EVERY).items() if p.wid == wid]
        assert list(catalogue.clique(wid)) == sorted(names, key=natural_key)
        assert len(names) == size
    for found in catalogue.find("", 9):
        assert found.versions == (works[found.performance.wid] if found.performance.wid else 1)


@given(LISTS, SAID, st.booleans(), NUMBERS)
def test_undo_is_the_way_back(
    listed: list[str | None], said: list[tuple[bool, list[int]]], together: bool, numbers: list[int]
) -> None:
    before = logged(said)
    after = say(before, together, numbers)
    if after is not before:
        assert works_of(told(listed, after.undo())) == works_of(told(listed, before))
        assert after.undo().holding == before.holding


@given(LISTS, SAID, st.randoms(use_true_random=False))
def test_the_order_in_which_it_was_said_changes_nothing(
    listed: list[str | None], said: list[tuple[bool, list[int]]], random: object
) -> None:
    log = logged(said)
    turned = [(bool(c.together), [int(id_[6:]) for id_ in sorted(c.ids, reverse=True)]) for c in log.holding]
    random.shuffle(turned)  # type: ignore[attr-defined]
    other = logged(turned)
    assert len(other.holding) == len(log.holding)
    assert works_of(told(listed, other)) == works_of(told(listed, log))


@given(LISTS, SAID)
def test_any_correction_may_be_taken_back(listed: list[str | None], said: list[tuple[bool, list[int]]]) -> None:
    log = logged(said)
    for correction in log.holding:
        left = log.undo(correction.number)
        again = logged([(bool(c.together), [int(id_[6:]) for id_ in sorted(c.ids)]) for c in left.holding])
        assert works_of(told(listed, left)) == works_of(told(listed, again))


def test_a_performance_that_comes_later_is_of_the_corrected_work() -> None:
    log = split(accepted(NOTHING, 1, 3), [2], [1])
    assert works_of(told(["W_1", "W_1", None, "W_1"], log)) == ["W_1", "work of P_2", "W_1", "W_1"]


def test_what_is_told_is_the_same_performance_otherwise() -> None:
    catalogue = told(["W_1", None], accepted(NOTHING, 1, 2))
    before, after = Listed(["W_1", None]).get(["P_2"])["P_2"], catalogue.get(["P_2"])["P_2"]
    assert after == replace(before, wid="W_1", work_title="Of W_1")
