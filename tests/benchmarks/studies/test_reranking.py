"""The ways to rank are those that their names say."""

from __future__ import annotations

import numpy as np

from benchmarks.studies.reranking import markdown, rankings
from benchmarks.studies.window_distances import window_distances
from covsearch.index.head import Head


def test_every_way_ranks_what_it_is_named_after() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(14, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ways = rankings(Head(np.ones(128, np.float32), 0.0), vectors, window_distances(vectors, np.arange(15)))
    queries = np.array([2, 5])
    cosine = ways["one vector, cosine"](queries)
    np.testing.assert_allclose(cosine, [[1 - vectors[q] @ v for v in vectors] for q in queries], atol=1e-6)
    # with all weights 1 the head's distance is twice the cosine's, and so is one window a track added to it
    np.testing.assert_allclose(ways["one vector, learned head"](queries), 2 * cosine, atol=1e-5)
    np.testing.assert_allclose(ways["windows"](queries), cosine, atol=1e-5)
    np.testing.assert_allclose(ways["windows and one vector, cosine"](queries), 2 * cosine, atol=1e-5)
    assert sum("local scaling" in name for name in ways) == 3


def test_the_table_has_a_row_a_way() -> None:
    table = markdown("m", {"a": {"x": 0.5, "y": 0.25}, "b": {"x": 1.0, "y": 0.0}})
    assert table.splitlines()[2:] == ["| x | 0.500 | 1.000 |", "| y | 0.250 | 0.000 |"]
