"""Distances between vectors against their definitions, and rows from an iterator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from covsearch.errors import ArtefactError, CovsearchError, UsageError
from covsearch.evaluate.cliques import band, check_protocol, clique_sizes
from covsearch.evaluate.distances import as_distances, between, cosine, euclidean

VECTORS = np.random.default_rng(0).standard_normal((40, 7)) * 3
ALL = np.arange(40)


def test_cosine_is_one_less_the_cosine() -> None:
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    np.testing.assert_allclose(cosine(VECTORS)(ALL), 1 - unit @ unit.T, atol=1e-12)
    np.testing.assert_array_equal(cosine(VECTORS * np.arange(1, 41)[:, None])(ALL), cosine(VECTORS)(ALL))


def test_euclidean_is_the_squared_distance_up_to_scale() -> None:
    expected = ((VECTORS[:, None] - VECTORS) ** 2).sum(axis=2)
    found = euclidean(VECTORS)(ALL)
    np.testing.assert_allclose(found * np.square(VECTORS).sum(axis=1).max(), expected, atol=1e-9)
    huge = euclidean(VECTORS.astype(np.float64) * 1e200)(ALL)
    np.testing.assert_allclose(huge, found, atol=1e-11)


@pytest.mark.parametrize("make", [cosine, euclidean])
def test_no_block_changes_a_distance_and_equal_vectors_are_tied(make: Any) -> None:
    twice = np.concatenate([VECTORS, VECTORS])
    distances = make(twice)
    whole = distances(np.arange(80))
    for some in (np.array([3]), np.array([5, 60, 7]), np.arange(64)):
        np.testing.assert_array_equal(distances(some), whole[some])
    np.testing.assert_array_equal(whole[:, :40], whole[:, 40:])
    assert (np.diag(whole) == 0).all()


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros(3), r"shape \(N, D\), one row a performance, got \(3,\)"),
        (np.zeros((0, 3)), r"got \(0, 3\)"),
        ([[1, 2], [np.nan, 1]], "row 1 of the vectors has NaN or infinity"),
        ([["a"]], "expected an array of numbers, got <U1"),
    ],
)
def test_vectors_that_cannot_be(vectors: Any, message: str) -> None:
    for metric in ("cosine", "euclidean"):
        with pytest.raises(CovsearchError, match=message):
            between(vectors, metric)


def test_a_vector_of_zeros_has_a_place_but_no_direction() -> None:
    zero = [[1.0, 0.0], [0.0, 0.0]]
    assert euclidean(zero)(np.arange(2)).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ArtefactError, match="row 1 of the vectors is all zeros"):
        cosine(zero)
    with pytest.raises(UsageError, match="metric must be one of"):
        between(zero, "manhattan")


def test_the_caller_keeps_his_array() -> None:
    table = np.full((3, 3), 5.0)
    as_distances(table, 3)(np.arange(3))
    assert (table == 5).all()


def test_protocol_and_bands() -> None:
    works = [*np.repeat(np.arange(1_000), 13).tolist(), *range(1_000, 3_000)]
    check_protocol("datacos", works)
    assert clique_sizes(works) == {13: 1_000, 1: 2_000}
    with pytest.raises(UsageError, match=r"this has 15,000 performances \(1 work of 14, 998 works of 13, 1 work of 12"):
        check_protocol("datacos", [1, *works[1:]])
    with pytest.raises(UsageError, match="2 other sizes"):
        check_protocol("datacos", np.repeat(np.arange(6), np.arange(1, 7)))
    assert [band(size) for size in (3, 5, 6, 10, 11, 20, 21)] == ["3-5"] * 2 + ["6-10"] * 2 + ["11-20"] * 2 + [
        "21 or more"
    ]
