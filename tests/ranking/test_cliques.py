"""Groups of pairs' evidence, against a slow oracle, and what must hold of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.ranking.cliques import APART, LINK, MEAN, cliques, components

Pairs = dict[tuple[int, int], float]
Apart = list[tuple[int, int]]


def grouped(count: int, pairs: Pairs, works: list[int] | None = None, apart: Apart | None = None) -> list[int]:
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    return cliques(count, a, b, list(pairs.values()), together=works, apart=apart or []).tolist()


def slowly(count: int, pairs: Pairs, works: list[int] | None = None, apart: Apart | None = None) -> list[int]:
    """The same from the definition: all pairs of groups are looked at again after every step."""
    works = works or [-1] * count
    known = {frozenset(pair): min(max(value, -1.0), 2.0) for pair, value in pairs.items()}
    groups = [[row] for row in range(count) if works[row] < 0]
    groups += [[row for row in range(count) if works[row] == work] for work in sorted(set(works) - {-1})]
    while True:
        best: tuple[float, int, int] | None = None
        for one, other in itertools.combinations(sorted(groups), 2):
            if any({a, b} in map(set, apart or []) for a, b in itertools.product(one, other)):
                continue
            values = [known.get(frozenset(pair), APART) for pair in itertools.product(one, other)]
            mean = sum(values) / len(values)
            there = [known[frozenset(p)] for p in itertools.product(one, other) if frozenset(p) in known]
            if max(there, default=-1.0) >= LINK and mean >= MEAN and (best is None or -mean < best[0]):
                best = (-mean, min(one), min(other))
        if best is None:
            break
        one, other = (next(group for group in groups if row in group) for row in best[1:])
        groups = [group for group in groups if group not in (one, other)] + [sorted(one + other)]
    return [min(next(group for group in groups if row in group)) for row in range(count)]


# sixteenths: means of them are the same numbers however they are summed
EVIDENCE = st.integers(-24, 40).map(lambda n: n / 16)


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, Pairs, list[int] | None, Apart]:
    count = draw(st.integers(1, 9))
    every = list(itertools.combinations(range(count), 2))
    pairs = draw(st.dictionaries(st.sampled_from(every), EVIDENCE) if every else st.just({}))
    works = draw(st.none() | st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    free = [(a, b) for a, b in every if works is None or works[a] != works[b] or works[a] < 0]
    return count, pairs, works, draw(st.lists(st.sampled_from(free), max_size=4) if free else st.just([]))


@given(problems())
def test_equals_the_oracle(problem: tuple[int, Pairs, list[int] | None, Apart]) -> None:
    assert grouped(*problem) == slowly(*problem)


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_pairs_and_of_their_rows_changes_nothing(
    problem: tuple[int, Pairs, list[int] | None, Apart], random: np.random.Generator
) -> None:
    count, pairs, works, apart = problem
    items = list(pairs.items())
    random.shuffle(items)  # type: ignore[arg-type]
    turned = {(b, a) if (a + b) % 2 else (a, b): value for (a, b), value in items}
    swapped = [(b, a) for a, b in reversed(apart)]
    assert grouped(count, turned, works, swapped) == grouped(count, pairs, works, apart)


def test_the_numbers_of_rows_change_nothing_but_names() -> None:
    rng = np.random.default_rng(3)
    count = 30
    a, b = np.triu_indices(count, 1)
    evidence = rng.normal(0.2, 0.7, len(a))
    moved = rng.permutation(count)
    before = cliques(count, a, b, evidence)
    after = cliques(count, moved[a], moved[b], evidence)
    assert together(before) == together(after[moved])


def together(found: NDArray[np.int64]) -> list[list[bool]]:
    equal: list[list[bool]] = (found[:, None] == found[None]).tolist()
    return equal


def clique(rows: range, evidence: float) -> Pairs:
    return dict.fromkeys(itertools.combinations(rows, 2), evidence)


def test_one_link_does_not_chain_two_groups() -> None:
    two = clique(range(5), 1.5) | clique(range(5, 10), 1.5)
    assert grouped(10, {**two, (4, 5): 1.4}) == [0] * 5 + [5] * 5


def test_a_chain_of_links_is_no_group() -> None:
    chain = {(row, row + 1): 1.0 for row in range(19)}
    sizes = np.unique(grouped(20, chain), return_counts=True)[1]
    assert sizes.max() == 2


def test_weaker_pairs_join_where_there_is_a_link_and_the_mean_is_enough() -> None:
    assert grouped(3, {(0, 1): 1.5, (0, 2): 1.0, (1, 2): 0.0}) == [0, 0, 0]  # mean 0.5
    assert grouped(3, {(0, 1): 1.5, (0, 2): 1.0, (1, 2): -0.1}) == [0, 0, 2]
    assert grouped(3, {(0, 1): 1.5, (0, 2): 0.9, (1, 2): 0.9}) == [0, 0, 2]  # no link


def test_what_is_not_known_speaks_against() -> None:
    assert grouped(3, {(0, 1): 1.5, (0, 2): 1.2}) == [0, 0, 2]  # (1.2 - 0.5) / 2
    assert grouped(3, {(0, 1): 1.6, (0, 2): 1.5}) == [0, 0, 0]


@pytest.mark.parametrize("size", [1, 2, 87])
def test_a_work_of_any_size_is_one_group(size: int) -> None:
    other = {(size, size + 1): 0.9}
    assert grouped(size + 2, clique(range(size), 1.1) | other) == [0] * size + [size, size + 1]


def test_nothing_at_all() -> None:
    assert grouped(0, {}) == []
    assert grouped(3, {}) == [0, 1, 2]


def test_rows_of_one_work_are_together_and_rows_held_apart_never() -> None:
    strong = clique(range(4), 2.0)
    assert grouped(4, strong, [0, 1, -1, -1], [(0, 1)])[:2] == [0, 1]
    assert grouped(4, {}, [5, -1, 5, -1]) == [0, 1, 0, 3]
    assert grouped(4, strong, [7, 7, 8, 8], [(1, 3)]) == [0, 0, 2, 2]
    assert grouped(4, strong, [7, 7, 8, 8]) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("apart", "said"),
    [((0, 1), "both together and apart"), ((2, 2), "two different ones"), ((0, 3), "from 0 to 2")],
)
def test_what_cannot_be_held_apart_is_refused(apart: tuple[int, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        grouped(3, {}, [0, 0, -1], [apart])


def test_a_free_row_joins_a_known_work() -> None:
    assert grouped(3, {(0, 2): 1.5, (1, 2): 0.5}, [0, 0, -1]) == [0, 0, 0]


@pytest.mark.parametrize(
    ("a", "b", "evidence", "said"),
    [
        ([0], [0], [1.0], "two different rows"),
        ([0], [3], [1.0], "from 0 to 2"),
        ([0, 1], [1, 0], [1.0, 1.0], "comes twice"),
        ([0], [1], [float("nan")], "leave out"),
        ([0, 1], [1, 2], [1.0], "do not fit"),
    ],
)
def test_what_cannot_be_is_refused(a: list[int], b: list[int], evidence: list[float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cliques(3, a, b, evidence)


def test_as_many_works_as_rows_are_needed() -> None:
    with pytest.raises(UsageError, match="one a row"):
        cliques(3, [0], [1], [1.0], together=[0, 1])


def test_components_hang_together_by_any_pair() -> None:
    assert components(6, [4, 1, 5], [2, 2, 0]).tolist() == [0, 1, 1, 3, 1, 0]
