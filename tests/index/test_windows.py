"""Chamfer similarity of windows, against double loops and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from published import unit_vectors

from covsearch.errors import ArtefactError
from covsearch.features.windows import Cuts, WindowRecipe
from covsearch.index.windows import Windows, chamfer, chamfer_to_all, passages, rerank_windows

RECIPE = WindowRecipe(2.7)


def random_windows(seed: int, sizes: list[int]) -> Windows:
    rng = np.random.default_rng(seed)
    first = np.cumsum([0, *sizes])
    start = np.concatenate([33.4 * np.arange(size) for size in sizes])
    return Windows(unit_vectors(rng, int(first[-1])), Cuts(first, start, RECIPE))


def slow_chamfer(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    def half(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
        return sum(max(float(np.dot(x.astype(float), y)) for y in others) for x in some) / len(some)

    return (half(a, b) + half(b, a)) / 2


sizes = st.lists(st.integers(1, 7), min_size=1, max_size=12)


@given(seed=st.integers(0, 10**6), m=st.integers(1, 7), n=st.integers(1, 7))
def test_chamfer_equals_the_double_loop_and_is_symmetric(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = unit_vectors(rng, m), unit_vectors(rng, n)
    assert chamfer(a, b) == pytest.approx(slow_chamfer(a, b), abs=1e-6)
    assert chamfer(a, b) == pytest.approx(chamfer(b, a), abs=1e-6)
    assert chamfer(a, a) == pytest.approx(1, abs=1e-6)
    assert chamfer(a, a[::-1]) == pytest.approx(1, abs=1e-6)  # the order of parts does not matter


@given(seed=st.integers(0, 10**6), sizes=sizes, m=st.integers(1, 5))
def test_all_at_once_equals_one_by_one(seed: int, sizes: list[int], m: int) -> None:
    windows = random_windows(seed, sizes)
    query = unit_vectors(np.random.default_rng(seed + 1), m)
    one_by_one = [slow_chamfer(query, windows.take([row]).vectors) for row in range(len(windows))]
    np.testing.assert_allclose(chamfer_to_all(query, windows.vectors, windows.cuts.first), one_by_one, atol=1e-6)


@given(seed=st.integers(0, 10**6), sizes=sizes, data=st.data())
def test_candidates_come_in_the_order_of_the_double_loop(seed: int, sizes: list[int], data: st.DataObject) -> None:
    windows = random_windows(seed, sizes)
    query = windows.take([0])
    rows = data.draw(st.lists(st.integers(0, len(sizes) - 1), unique=True, min_size=1))
    order, similarity = rerank_windows(query, windows.take(rows))
    assert sorted(order.tolist()) == list(range(len(rows)))
    slow = [slow_chamfer(query.vectors, windows.take([row]).vectors) for row in rows]
    np.testing.assert_allclose(similarity, [slow[k] for k in order], atol=1e-6)
    assert (np.diff(similarity) <= 0).all()


def test_equal_candidates_keep_the_order_they_came_in() -> None:
    vector = unit_vectors(np.random.default_rng(0), 1)
    windows = Windows(np.repeat(vector, 5, axis=0), Cuts(np.arange(6), np.zeros(5), RECIPE))
    order, _ = rerank_windows(windows.take([0]), windows.take([3, 1, 4, 0]))
    assert order.tolist() == [0, 1, 2, 3]


@given(seed=st.integers(0, 10**6), m=st.integers(1, 7), n=st.integers(1, 7))
def test_passages_are_each_others_best_and_the_most_alike_pair_comes_first(seed: int, m: int, n: int) -> None:
    a, b = random_windows(seed, [m]), random_windows(seed + 1, [n])
    cosine = a.vectors @ b.vectors.T
    mutual = [
        (cosine[i, j], a.cuts.start[i], b.cuts.start[j])
        for i in range(m)
        for j in range(n)
        if cosine[i, j] == max(cosine[i]) == max(cosine[:, j])
    ]
    found = passages(a, b)
    assert [(p.cosine, p.a, p.b) for p in found] == sorted(mutual, reverse=True)
    assert found[0].cosine == cosine.max()


def test_of_equal_passages_the_earliest_comes_first() -> None:
    vectors = np.repeat(unit_vectors(np.random.default_rng(0), 1), 4, axis=0)
    same = Windows(vectors, Cuts(np.array([0, 4]), 30.0 * np.arange(4), RECIPE))
    assert [(p.a, p.b) for p in passages(same, same)] == [(0.0, 0.0)]


def test_windows_of_two_collections_are_one_collections_and_can_be_taken_apart_again() -> None:
    a, b = random_windows(0, [1, 3]), random_windows(1, [2, 1, 4])
    both = a + b
    assert both.cuts.first.tolist() == [0, 1, 4, 6, 7, 11]
    for rows, part in (([0, 1], a), ([2, 3, 4], b)):
        taken = both.take(rows)
        np.testing.assert_array_equal(taken.vectors, part.vectors)
        np.testing.assert_array_equal(taken.cuts.first, part.cuts.first)
        np.testing.assert_array_equal(taken.cuts.start, part.cuts.start)


def test_taken_windows_are_those_of_each_performance_in_the_order_asked() -> None:
    windows = random_windows(3, [2, 1, 4])
    taken = windows.take([2, 0])
    np.testing.assert_array_equal(taken.vectors, windows.vectors[[3, 4, 5, 6, 0, 1]])
    assert taken.cuts.start.tolist() == windows.cuts.start[[3, 4, 5, 6, 0, 1]].tolist()
    assert (len(windows), len(taken), taken.cuts.first.tolist()) == (3, 2, [0, 4, 6])


@pytest.mark.parametrize("first", [[0, 3], [1, 5], [0, 2, 2, 5], [0, 3, 2, 5], [0], []])
def test_offsets_that_do_not_fit_are_refused(first: list[int]) -> None:
    vectors = unit_vectors(np.random.default_rng(0), 5)
    with pytest.raises(ArtefactError, match="offsets must rise from 0 to the number of windows, 5"):
        Windows(vectors, Cuts(np.array(first, np.int64), np.zeros(5), RECIPE))


@pytest.mark.parametrize("shape", [(5, 64), (5,), (5, 128, 1)])
def test_vectors_of_another_kind_are_refused(shape: tuple[int, ...]) -> None:
    cuts = Cuts(np.array([0, 5]), np.zeros(5), RECIPE)
    with pytest.raises(ArtefactError, match=r"expected float32 of shape \(M, 128\), not float32 \(5"):
        Windows(np.zeros(shape, np.float32), cuts)
    with pytest.raises(ArtefactError, match=r"expected float32 of shape \(M, 128\), not float64"):
        Windows(np.zeros((5, 128)), cuts)  # type: ignore[arg-type]


@pytest.mark.parametrize("start", [np.zeros(4), np.zeros(5, np.int64), np.zeros((5, 1))])
def test_starts_that_do_not_fit_are_refused(start: NDArray[np.float64]) -> None:
    vectors = unit_vectors(np.random.default_rng(0), 5)
    with pytest.raises(ArtefactError, match=r"5 vectors and .* starts do not fit"):
        Windows(vectors, Cuts(np.array([0, 5]), start, RECIPE))
