from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, UsageError
from covsearch.index.segments import Segments

DIM = 24


def made(rng: np.random.Generator, count: int, most: int = 4, dim: int = DIM) -> Segments:
    """Tracks of 1 to `most` random segments."""
    first = np.cumsum([0, *rng.integers(1, most + 1, count)], dtype=np.int64)
    vectors = rng.normal(size=(first[-1], dim))
    return Segments((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), first)


def oracle(segments: Segments, own: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distance of every track, pair by pair."""
    pairs = [
        [float(np.sum(a.astype(np.float64) * b.astype(np.float64))) for a in own for b in segments.track(row)]
        for row in range(len(segments))
    ]
    return np.array([1 - max(cosines) for cosines in pairs])


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 50), st.booleans())
def test_the_ranking_is_the_oracles_ties_too(seed: int, count: int, k: int, exclude: bool) -> None:
    rng = np.random.default_rng(seed)
    segments = made(rng, count)
    segments = segments.take(rng.integers(0, count, count + 5).tolist())  # some twice
    row = int(rng.integers(len(segments)))
    own = segments.track(row)
    found = segments.search(own, k, exclude=row if exclude else None)
    distances = oracle(segments, own)
    order = [int(i) for i in np.lexsort((np.arange(len(segments)), distances)) if not (exclude and i == row)][:k]
    assert found.rows.tolist() == order
    np.testing.assert_array_equal(found.distances, distances[order])


def test_near_ties_that_float32_cannot_tell_apart_are_ranked_exactly() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(size=DIM)
    vectors = base + 1e-4 * rng.normal(size=(600, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    segments = Segments(vectors, np.arange(0, 601, 2))
    distances = oracle(segments, vectors[:1])
    found = segments.search(vectors[:1], 7)
    assert found.rows.tolist() == np.lexsort((np.arange(300), distances))[:7].tolist()


def test_the_only_track_has_no_match_and_none_may_be_asked_for() -> None:
    segments = made(np.random.default_rng(0), 1)
    assert len(segments.search(segments.track(0), 5, exclude=0).rows) == 0
    with pytest.raises(UsageError, match="at least 1 match must be asked for, not 0"):
        segments.search(segments.track(0), 0)


def test_taking_and_adding_keep_every_track(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    a, b = made(rng, 5), made(rng, 3)
    both = a + b
    assert (len(both), both.settings) == (8, a.settings)
    for row in range(8):
        np.testing.assert_array_equal(both.track(row), a.track(row) if row < 5 else b.track(row - 5))
    some = both.take([6, 1, 1])
    assert [some.track(row).tolist() for row in range(3)] == [both.track(row).tolist() for row in (6, 1, 1)]
    both.save(tmp_path / "s")
    again = Segments.load(tmp_path / "s", SimpleNamespace(dim=DIM))  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.vectors, both.vectors)
    np.testing.assert_array_equal(again.first, both.first)


def test_a_segment_that_is_not_of_unit_length_is_named() -> None:
    segments = made(np.random.default_rng(2), 3, most=2)
    segments.check(["x", "y", "z"])
    vectors = segments.vectors.copy()
    vectors[-1] *= 2
    with pytest.raises(ArtefactError, match=r"a segment of z: vector must be finite and of length 1, its length is 2"):
        replace(segments, vectors=vectors).check(["x", "y", "z"])


@pytest.mark.parametrize(
    ("vectors", "first", "message"),
    [
        (np.ones((3, 2)), [0, 1, 3], r"expected segments as float32 \(M, D\), not float64 \(3, 2\)"),
        (np.ones(3, np.float32), [0, 1, 3], r"not float32 \(3,\)"),
        (np.ones((3, 2), np.float32), [0, 1, 1, 3], "offsets must rise from 0 to the number of segments, 3"),
        (np.ones((3, 2), np.float32), [0, 2], "offsets must rise"),
        (np.ones((3, 2), np.float32), [1, 3], "offsets must rise"),
        (np.ones((0, 2), np.float32), [0], "offsets must rise"),
    ],
)
def test_what_does_not_fit_is_refused(vectors: NDArray[Any], first: list[int], message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        Segments(vectors, np.array(first, np.int64))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"vectors": np.eye(2, DIM, dtype=np.float32)}, r"expected first and vectors, found 'vectors'"),
        (
            {"vectors": np.eye(2, 9, dtype=np.float32), "first": np.arange(3)},
            "expected segments of 24 numbers, found 9",
        ),
        ({"vectors": np.full((2, DIM), np.nan, np.float32), "first": np.arange(3)}, "holds NaN or infinity"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, tensors: dict[str, NDArray[Any]], message: str) -> None:
    (tmp_path / "s").write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(ArtefactError, match=message):
        Segments.load(tmp_path / "s", SimpleNamespace(dim=DIM))  # type: ignore[arg-type]


def test_no_model_of_ours_makes_segments() -> None:
    with pytest.raises(UsageError, match="segments come with foreign vectors: run `covsearch build-index --vectors`"):
        Segments.settings_for(None, 1.0, None)  # type: ignore[arg-type]
