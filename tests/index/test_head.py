from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from published import random_head, unit_vectors

from covsearch.errors import ArtefactError
from covsearch.index.head import Head, load_head, save_head


def slow_distance(head: Head, u: np.ndarray, v: np.ndarray) -> float:
    """The definition, term by term, correctly rounded."""
    return math.fsum(float(a) * (float(x) - float(y)) ** 2 for a, x, y in zip(head.alpha, u, v, strict=True))


def test_distances_and_scores_are_the_definition() -> None:
    rng = np.random.default_rng(1)
    head, vectors = random_head(rng), unit_vectors(rng, 30)
    expected = [slow_distance(head, vectors[0], v) for v in vectors]
    np.testing.assert_allclose(head.distances(vectors[0], vectors), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(head.scores(vectors[0], vectors), np.array(expected) + head.beta, rtol=1e-12)


def test_a_rows_distance_does_not_depend_on_the_rows_around_it() -> None:
    rng = np.random.default_rng(2)
    head, vectors = random_head(rng), unit_vectors(rng, 101)
    whole = head.distances(vectors[7], vectors)
    for rows in ([0], [100], [3, 50, 99], list(range(1, 101, 2))):
        np.testing.assert_array_equal(head.distances(vectors[7], vectors[rows]), whole[rows])


def test_identical_vectors_have_distance_zero_and_only_the_bias_as_score() -> None:
    rng = np.random.default_rng(3)
    head, vectors = random_head(rng), unit_vectors(rng, 1)
    assert head.distances(vectors[0], vectors).tolist() == [0.0]
    assert head.scores(vectors[0], vectors).tolist() == [head.beta]


@given(st.floats(-800, 800))
def test_probability_is_the_logistic_function_at_every_magnitude(s: float) -> None:
    exact = 1 / (1 + math.exp(-s)) if s > -700 else math.exp(s)
    assert Head.probability(np.array([s]))[0] == pytest.approx(exact, rel=1e-14, abs=1e-320)


def test_probability_is_near_zero_for_covers_and_near_one_for_non_covers() -> None:
    np.testing.assert_array_equal(Head.probability(np.array([-np.inf, 0.0, np.inf])), [0.0, 0.5, 1.0])


def test_a_saved_head_comes_back_equal(tmp_path: Path) -> None:
    head = random_head(np.random.default_rng(4))
    save_head(tmp_path / "head", head)
    loaded = load_head(tmp_path / "head")
    np.testing.assert_array_equal(loaded.alpha, head.alpha)
    assert loaded.beta == head.beta


@pytest.mark.parametrize(
    ("alpha", "beta", "message"),
    [
        (np.ones(127), 0.0, r"must have shape \(128,\), not \(127,\)"),
        (np.full(128, np.nan), 0.0, "must be finite"),
        (np.ones(128), np.inf, "must be finite"),
    ],
)
def test_a_head_that_cannot_be_is_refused(alpha: np.ndarray, beta: float, message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        Head(alpha.astype(np.float32), beta)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not safetensors",
        safetensors.numpy.save({"alpha": np.ones(128, np.float32)}),
        safetensors.numpy.save({"alpha": np.ones(128, np.float32), "beta": np.zeros(2)}),
    ],
)
def test_a_file_that_holds_no_head_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "head.safetensors"
    path.write_bytes(data)
    with pytest.raises(ArtefactError, match=r"head\.safetensors: expected .* run `covsearch build-index`"):
        load_head(path)


@pytest.mark.parametrize("dtype", [np.complex64, np.int32, np.bool_])
def test_a_head_of_other_numbers_is_refused(tmp_path: Path, dtype: type) -> None:
    tensors = {"alpha": np.ones(128, dtype), "beta": np.ones(1, dtype)}
    (tmp_path / "head.safetensors").write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(ArtefactError, match="expected floats, got"):
        load_head(tmp_path / "head.safetensors")
