from __future__ import annotations

import numpy as np
import pytest
from brute_force import rank_all
from hypothesis import given, settings
from hypothesis import strategies as st
from published import random_head, unit_vectors

from benchmarks.studies.two_stage import CANDIDATES, Embedded, alike, markdown, rerank, study
from covsearch.index.flat import FlatIndex


@pytest.fixture(scope="module")
def real() -> Embedded:
    """Works of three in the first 20 of 128 dimensions, closer to each other than to the rest."""
    rng = np.random.default_rng(0)
    work = np.repeat(np.arange(100), 3)
    vectors = np.zeros((300, 128))
    vectors[:, :20] = rng.standard_normal((100, 20))[work] + 0.3 * rng.standard_normal((300, 20))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return Embedded(vectors, work, random_head(rng, signed=False), "cnn-1")


def test_made_vectors_have_the_spread_of_the_real_ones(real: Embedded) -> None:
    vectors = alike(real, [3] * 200, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.abs(vectors[:, 20:]).max() < 1e-3
    for some, work in ((vectors, np.repeat(np.arange(200), 3)), (real.vectors, real.work)):
        cosine, same = some @ some.T, work[:, None] == work
        assert cosine[same].mean() > 0.85
        assert abs(cosine[~same].mean()) < 0.05


def test_the_study_knows_what_is_exact_and_what_more_candidates_bring(real: Embedded) -> None:
    result = study(real, [3] * 250, queries=40, seed=2)
    assert [case["negative_weights"] > 0 for case in result["cases"]] == [False, False, True] * 2
    for case in result["cases"]:
        recall = [case["ways"][str(n)]["recall_at_10"] for n in CANDIDATES]
        assert case["ways"]["exact"]["recall_at_10"] == case["ways"]["all"]["recall_at_10"] == 1
        assert recall == sorted(recall)
        assert all(way["p50_ms"] > 0 for way in case["ways"].values())
    positive, signed = (result["cases"][k]["ways"]["50"]["recall_at_10"] for k in (4, 5))
    assert positive > signed
    assert markdown(result).count("\n| ") == 6


@given(seed=st.integers(0, 10**6), n=st.integers(2, 200), k=st.integers(1, 20), extra=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_two_stage_search_ranks_exactly_the_cosine_neighbours(seed: int, n: int, k: int, extra: int) -> None:
    rng = np.random.default_rng(seed)
    flat = FlatIndex(unit_vectors(rng, n), random_head(rng))
    row = int(rng.integers(n))
    u = flat.vectors[row]
    by_cosine = np.argsort(-(flat.vectors.astype(np.float64) @ u.astype(np.float64)), kind="stable")
    neighbours = by_cosine[by_cosine != row][: k + extra]
    order = np.lexsort((neighbours, flat.head.distances(u, flat.vectors[neighbours])))[:k]
    assert rerank(flat, u, k, k + extra, exclude=row).rows.tolist() == neighbours[order].tolist()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("distinct", [1, 7, 120])
def test_two_stage_search_over_all_candidates_is_the_exact_one(signed: bool, distinct: int) -> None:
    rng = np.random.default_rng(10)
    vectors = unit_vectors(rng, distinct)[rng.integers(distinct, size=120)]
    flat = FlatIndex(vectors, random_head(rng, signed=signed))
    for row in range(0, 120, 10):
        u = vectors[row]
        exact = flat.rank(u, 10, exclude=row)
        for candidates in (119, 10**6):
            found = rerank(flat, u, 10, candidates, exclude=row)
            assert (found.rows.tolist(), found.distances.tolist()) == (exact.rows.tolist(), exact.distances.tolist())
        assert exact.rows.tolist() == [i for i in rank_all(u, vectors, flat.head).tolist() if i != row][:10]
