"""Chamfer similarity of windows, against double loops and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from published import unit_vectors

from covsearch.errors import ArtefactError
from covsearch.index.windows import Windows, best_passage, chamfer, chamfer_to_all, rerank_windows


def random_windows(seed: int, sizes: list[int]) -> Windows:
    rng = np.random.default_rng(seed)
    first = np.cumsum([0, *sizes])
    start = np.concatenate([33.4 * np.arange(size) for size in sizes])
    return Windows(unit_vectors(rng, int(first[-1])), first, start)


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
    one_by_one = [slow_chamfer(query, windows.of(row).vectors) for row in range(len(windows))]
    np.testing.assert_allclose(chamfer_to_all(query, windows.vectors, windows.first), one_by_one, atol=1e-6)


@given(seed=st.integers(0, 10**6), sizes=sizes, data=st.data())
def test_candidates_come_in_the_order_of_the_double_loop(seed: int, sizes: list[int], data: st.DataObject) -> None:
    windows = random_windows(seed, sizes)
    query = windows.of(0).vectors
    rows = data.draw(st.lists(st.integers(0, len(sizes) - 1), unique=True))
    order, similarity = rerank_windows(query, windows, np.array(rows, np.int64))
    assert sorted(order.tolist()) == list(range(len(rows)))
    slow = [slow_chamfer(query, windows.of(row).vectors) for row in rows]
    np.testing.assert_allclose(similarity, [slow[k] for k in order], atol=1e-6)
    assert (np.diff(similarity) <= 0).all()


def test_equal_candidates_keep_the_order_they_came_in() -> None:
    vector = unit_vectors(np.random.default_rng(0), 1)
    windows = Windows(np.repeat(vector, 5, axis=0), np.arange(6), np.zeros(5))
    order, _ = rerank_windows(vector, windows, np.array([3, 1, 4, 0]))
    assert order.tolist() == [0, 1, 2, 3]


@given(seed=st.integers(0, 10**6), m=st.integers(1, 7), n=st.integers(1, 7))
def test_the_best_passage_is_the_most_similar_pair_of_windows(seed: int, m: int, n: int) -> None:
    a, b = random_windows(seed, [m]), random_windows(seed + 1, [n])
    cosine = {(i, j): float(np.dot(a.vectors[i], b.vectors[j])) for i in range(m) for j in range(n)}
    i, j = max(cosine, key=cosine.__getitem__)
    found = best_passage(a, b)
    assert (found.a, found.b) == (a.start[i], b.start[j])
    assert found.cosine == pytest.approx(cosine[i, j], abs=1e-6)


def test_the_windows_of_one_performance_are_its_own() -> None:
    windows = random_windows(3, [2, 1, 4])
    own = windows.of(2)
    np.testing.assert_array_equal(own.vectors, windows.vectors[3:7])
    assert own.start.tolist() == windows.start[3:7].tolist()
    assert (len(windows), len(own), own.first.tolist()) == (3, 1, [0, 4])


@pytest.mark.parametrize("first", [[0, 3], [1, 5], [0, 2, 2, 5], [0, 3, 2, 5], [0], []])
def test_offsets_that_do_not_fit_are_refused(first: list[int]) -> None:
    vectors = unit_vectors(np.random.default_rng(0), 5)
    with pytest.raises(ArtefactError, match="5 vectors, 5 starts and their offsets do not fit"):
        Windows(vectors, np.array(first, np.int64), np.zeros(5))
    with pytest.raises(ArtefactError, match="5 vectors, 4 starts"):
        Windows(vectors, np.array([0, 5]), np.zeros(4))
