from __future__ import annotations

import numpy as np
import pytest
from published import random_head

from benchmarks.studies.two_stage import CANDIDATES, Embedded, alike, markdown, study


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
