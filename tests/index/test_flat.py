from __future__ import annotations

import subprocess
import sys

import faiss
import numpy as np
import pytest
from brute_force import rank_all
from hypothesis import example, given, settings
from hypothesis import strategies as st
from published import random_head, unit_vectors

from covsearch.errors import ArtefactError, UsageError
from covsearch.index.flat import FlatIndex
from covsearch.index.head import Head
from covsearch.ranking.nearest import Ranking


def oracle(flat: FlatIndex, u: np.ndarray, k: int, exclude: int | None = None) -> list[int]:
    rows = rank_all(u, flat.vectors, flat.head)
    return rows[rows != exclude][:k].tolist()


def check(flat: FlatIndex, ranking: Ranking, u: np.ndarray, k: int, exclude: int | None) -> None:
    assert ranking.rows.tolist() == oracle(flat, u, k, exclude)
    np.testing.assert_array_equal(ranking.distances, flat.head.distances(u, flat.vectors[ranking.rows]))


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 300),
    distinct=st.integers(1, 300),
    k=st.integers(1, 320),
    negative=st.sampled_from([0.0, 0.3, 1.0]),
    scale=st.sampled_from([1e-6, 1.0, 1e4]),
    spread=st.sampled_from([0.0, 1e-7, 1e-3, 1.0]),
    exclude=st.booleans(),
)
@example(seed=0, n=300, distinct=1, k=5, negative=0.3, scale=1.0, spread=1.0, exclude=True)
@example(seed=1, n=300, distinct=300, k=10, negative=0.3, scale=1.0, spread=1e-7, exclude=True)
@settings(max_examples=150, deadline=None)
def test_the_exact_search_equals_brute_force_with_ties_duplicates_and_negative_weights(
    seed: int, n: int, distinct: int, k: int, negative: float, scale: float, spread: float, exclude: bool
) -> None:
    rng = np.random.default_rng(seed)
    centre = unit_vectors(rng, 1)
    pool = centre + spread * unit_vectors(rng, min(n, distinct)) if spread < 1 else unit_vectors(rng, min(n, distinct))
    pool = (pool / np.linalg.norm(pool, axis=1, keepdims=True)).astype(np.float32)
    vectors = pool[rng.integers(0, len(pool), n)]
    alpha = scale * np.abs(rng.normal(1, 1, 128)) * np.where(rng.random(128) < negative, -3, 1)
    flat = FlatIndex(vectors, Head(alpha.astype(np.float32), 0.0))
    row = int(rng.integers(n))
    without = row if exclude else None
    check(flat, flat.rank(vectors[row], k, exclude=without), vectors[row], k, without)


def test_more_nearly_equal_rows_than_float32_can_tell_apart_are_still_ranked_exactly() -> None:
    """4,000 vectors within 1e-6 of each other: FAISS's own order is wrong here, and the first request too small."""
    rng = np.random.default_rng(5)
    vectors = unit_vectors(rng, 1) + 1e-6 * rng.standard_normal((4000, 128))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    head = random_head(rng)
    flat = FlatIndex(vectors, head)
    question = np.append(2 * head.alpha * vectors[0], np.float32(-1)).astype(np.float32)
    by_faiss = faiss.deserialize_index(np.frombuffer(flat.serialize(), np.uint8)).search(question[None], 10)[1][0]
    assert by_faiss.tolist() != oracle(flat, vectors[0], 10)
    check(flat, flat.rank(vectors[0], 10), vectors[0], 10, None)


def test_a_large_collection_is_ranked_as_by_brute_force() -> None:
    rng = np.random.default_rng(6)
    flat = FlatIndex(unit_vectors(rng, 15_000), random_head(rng))
    for row in rng.integers(0, 15_000, 20).tolist():
        check(flat, flat.rank(flat.vectors[row], 10, exclude=row), flat.vectors[row], 10, row)


def test_with_negative_weights_an_item_need_not_be_its_own_nearest_but_is_never_returned_when_excluded() -> None:
    rng = np.random.default_rng(7)
    flat = FlatIndex(unit_vectors(rng, 50), Head(-np.ones(128, np.float32), 0.0))
    assert flat.rank(flat.vectors[3], 1).rows[0] != 3
    everything = flat.rank(flat.vectors[3], 100, exclude=3).rows
    assert sorted(everything.tolist()) == [row for row in range(50) if row != 3]


def test_equal_rows_come_in_row_order() -> None:
    rng = np.random.default_rng(8)
    flat = FlatIndex(np.repeat(unit_vectors(rng, 1), 90, axis=0), random_head(rng))
    assert flat.rank(flat.vectors[0], 5, exclude=2).rows.tolist() == [0, 1, 3, 4, 5]


def test_a_collection_of_one_has_no_matches_for_itself() -> None:
    rng = np.random.default_rng(9)
    flat = FlatIndex(unit_vectors(rng, 1), random_head(rng))
    ranking = flat.rank(flat.vectors[0], 10, exclude=0)
    assert ranking.rows.tolist() == []
    assert ranking.distances.tolist() == []


@given(seed=st.integers(0, 10**6), n=st.integers(1, 200), k=st.integers(1, 20))
def test_with_positive_weights_the_exact_ranking_is_by_euclidean_distance_of_weighted_vectors(
    seed: int, n: int, k: int
) -> None:
    """So an L2 index over √α∘v would be exact too; the one index that there is need not know the sign."""
    rng = np.random.default_rng(seed)
    flat = FlatIndex(unit_vectors(rng, n), random_head(rng, signed=False))
    weighted = np.sqrt(flat.head.alpha.astype(np.float64)) * flat.vectors
    u = int(rng.integers(n))
    l2 = np.linalg.norm(weighted - weighted[u], axis=1)
    ranking = flat.rank(flat.vectors[u], k)
    np.testing.assert_allclose(np.sqrt(ranking.distances), np.sort(l2)[:k], atol=1e-9)


def test_a_stored_index_answers_as_before() -> None:
    rng = np.random.default_rng(11)
    flat = FlatIndex(unit_vectors(rng, 200), random_head(rng))
    stored = faiss.deserialize_index(np.frombuffer(flat.serialize(), np.uint8))
    again = FlatIndex(flat.vectors, flat.head, stored)
    check(again, again.rank(flat.vectors[5], 7, exclude=5), flat.vectors[5], 7, 5)


@pytest.mark.parametrize("u", [np.zeros(127, np.float32), np.zeros((1, 128), np.float32), np.full(128, np.nan)])
def test_a_query_that_is_no_finite_vector_is_refused(u: np.ndarray) -> None:
    rng = np.random.default_rng(12)
    flat = FlatIndex(unit_vectors(rng, 5), random_head(rng))
    with pytest.raises(ArtefactError, match="a query vector must be 128 finite numbers"):
        flat.rank(u, 1)


def test_a_query_that_overflows_is_refused() -> None:
    rng = np.random.default_rng(13)
    flat = FlatIndex(unit_vectors(rng, 5), Head(np.full(128, 1e30, np.float32), 0.0))
    with pytest.raises(ArtefactError, match="not finite"), np.errstate(over="ignore"):
        flat.rank(np.full(128, 1e20, np.float32), 1)


def test_asking_for_no_match_is_a_usage_error() -> None:
    rng = np.random.default_rng(14)
    flat = FlatIndex(unit_vectors(rng, 5), random_head(rng))
    with pytest.raises(UsageError, match="at least 1 match must be asked for, not 0"):
        flat.rank(flat.vectors[0], 0)


def test_weights_beyond_float32_are_refused_when_the_index_is_made() -> None:
    vectors = unit_vectors(np.random.default_rng(15), 5) * np.float32(1e3)
    with pytest.raises(ArtefactError, match="not finite in float32"):
        FlatIndex(vectors, Head(np.full(128, 3e38, np.float32), 0.0))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (faiss.IndexFlatIP(128), "expected 5 rows of 129 dimensions, the FAISS index has 0 rows of 128"),
        (faiss.IndexFlatIP(129), "expected 5 rows of 129 dimensions, the FAISS index has 0 rows of 129"),
        (faiss.IndexFlatL2(129), "expected a flat inner-product index, got IndexFlatL2"),
        (faiss.IndexHNSWFlat(129, 8), "expected a flat inner-product index, got IndexHNSWFlat"),
    ],
)
def test_an_index_of_another_kind_or_size_is_refused(index: faiss.Index, message: str) -> None:
    rng = np.random.default_rng(16)
    with pytest.raises(ArtefactError, match=message):
        FlatIndex(unit_vectors(rng, 5), random_head(rng), index)


def test_the_checks_hold_under_python_O() -> None:
    code = (
        "import numpy as np, faiss; from covsearch.index.flat import FlatIndex; from covsearch.index.head import Head\n"
        "from covsearch.errors import ArtefactError\n"
        "head = Head(np.ones(128, np.float32), 0.0); v = np.eye(128, dtype=np.float32)[:3]\n"
        "try: FlatIndex(v, head, faiss.IndexFlatIP(128))\n"
        "except ArtefactError: print('index refused')\n"
        "try: FlatIndex(v, head).rank(np.ones(64, np.float32), 1)\n"
        "except ArtefactError: print('query refused')\n"
    )
    run = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["index refused", "query refused"]


def test_rows_are_compared_in_numpy_also_where_faiss_answers_in_tensors() -> None:
    """pytorch-metric-learning imports FAISS's helpers for torch, which change what FAISS returns."""
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import numpy as np; import faiss.contrib.torch_utils\n"
        "from covsearch.index.flat import FlatIndex; from covsearch.index.head import Head\n"
        "vectors = np.eye(3, 128, dtype=np.float32)\n"
        "head = Head(np.linspace(-1, 2, 128).astype(np.float32), 0.0)\n"
        "FlatIndex(vectors, head).check_rows()\n"
        "try: FlatIndex(vectors[::-1].copy(), head, FlatIndex(vectors, head)._index).check_rows()\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "ArtefactError row 0 is not [v, Σ α v²] of that row's vector under the head\n"


def test_a_search_leaves_faisss_threads_as_they_were() -> None:
    rng = np.random.default_rng(0)
    flat = FlatIndex(unit_vectors(rng, 50), random_head(rng))
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        flat.rank(flat.vectors[0], 5)
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
