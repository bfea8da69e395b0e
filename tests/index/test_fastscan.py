from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import faiss
import numpy as np
import pytest
from brute_force import rank_all
from published import random_head, unit_vectors

from covsearch.errors import ArtefactError, UsageError
from covsearch.index.fastscan import DRIFT, FACTOR, LEAST, FastScanIndex, build_fastscan, recipe
from covsearch.index.flat import FlatIndex
from covsearch.index.head import Head
from covsearch.index.searched import FLAT_LIMIT, build_searched, is_flat
from covsearch.ranking.nearest import Ranking

WIDE = np.random.default_rng(99).standard_normal((12, 128))


def songs(seed: int, works: int, versions: int = 5) -> np.ndarray:
    """Unit vectors like a model's: works fill few directions, and their versions lie close together."""
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal((works, 12)) @ WIDE
    made = np.repeat(centre, versions, axis=0) + 0.8 * rng.standard_normal((works * versions, 128))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def built() -> FastScanIndex:
    vectors = songs(0, 3000)  # far more than the candidates of a search
    return build_fastscan(vectors, random_head(np.random.default_rng(1)))


def test_most_of_the_true_nearest_are_found_and_have_the_heads_own_distances(built: FastScanIndex) -> None:
    assert len(built) > 5 * (FACTOR * 100 + LEAST)
    found = []
    for row in range(0, len(built), 500):
        u = built.vectors[row]
        ranking = built.rank(u, 100, exclude=row)
        assert len(ranking.rows) == 100
        assert row not in ranking.rows
        np.testing.assert_array_equal(ranking.distances, built.head.distances(u, built.vectors[ranking.rows]))
        assert (np.diff(ranking.distances) >= 0).all()
        true = rank_all(u, built.vectors, built.head)
        found.append(len(np.intersect1d(true[true != row][:100], ranking.rows)))
    assert np.mean(found) >= 98
    assert not built.exact


def test_where_all_rows_are_candidates_the_answer_is_that_of_brute_force(built: FastScanIndex) -> None:
    u, k = built.vectors[7], len(built) // FACTOR
    every = built.rank(u, k)
    np.testing.assert_array_equal(every.rows, rank_all(u, built.vectors, built.head)[:k])
    assert built.rank(u, 10**6).rows.tolist() == rank_all(u, built.vectors, built.head).tolist()


@pytest.mark.parametrize("count", [1, 2, 15, 16, 40])
@pytest.mark.parametrize("dim", [1, 8, 127, 128])
def test_few_rows_and_any_dimension_are_searched_too(count: int, dim: int) -> None:
    rng = np.random.default_rng(count)
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    head = Head(rng.normal(0.5, 1, dim).astype(np.float32), 0.0, dim)
    index = build_fastscan(vectors, head)
    index.check_rows()
    stored = faiss.deserialize_index(np.frombuffer(index.serialize(), np.uint8))
    again = FastScanIndex(vectors, head, stored, index.error)
    np.testing.assert_array_equal(again.rank(vectors[0], 3).rows, rank_all(vectors[0], vectors, head)[:3])


def test_a_stored_index_answers_as_before_and_equal_rows_come_in_row_order(built: FastScanIndex) -> None:
    stored = faiss.deserialize_index(np.frombuffer(built.serialize(), np.uint8))
    again = FastScanIndex(built.vectors, built.head, stored, built.error)
    one, other = again.rank(built.vectors[3], 50), built.rank(built.vectors[3], 50)
    np.testing.assert_array_equal(one.rows, other.rows)
    doubled = build_fastscan(np.repeat(built.vectors[:600], 5, axis=0), built.head)
    assert doubled.rank(built.vectors[9], 5).rows.tolist() == [45, 46, 47, 48, 49]


def test_the_codes_do_not_depend_on_threads() -> None:
    code = (
        "import faiss, hashlib, numpy as np, sys; faiss.omp_set_num_threads(int(sys.argv[1]))\n"
        "from covsearch.index.fastscan import build_fastscan; from covsearch.index.head import Head\n"
        "v = np.random.default_rng(0).standard_normal((3000, 128)).astype(np.float32)\n"
        "print(hashlib.sha256(build_fastscan(v, Head(np.ones(128, np.float32), 0.0)).serialize()).hexdigest())\n"
    )
    runs = [subprocess.run([sys.executable, "-c", code, n], capture_output=True, text=True) for n in ("1", "3")]
    assert [run.stderr for run in runs] == ["", ""]
    assert len(runs[0].stdout) == 65
    assert runs[0].stdout == runs[1].stdout


def test_rows_that_are_like_the_others_are_added_without_learning_again(built: FastScanIndex) -> None:
    more = np.concatenate([built.vectors[1000:], songs(5, 300)])
    kept, fresh = build_fastscan(more, built.head, built), build_fastscan(more, built.head)
    assert kept.error == built.error != fresh.error
    kept.check_rows()
    u = more[2000]
    np.testing.assert_array_equal(kept.rank(u, 20).distances[:5], fresh.rank(u, 20).distances[:5])
    same = build_fastscan(built.vectors, built.head, built)
    assert same.serialize() == built.serialize()


def test_rows_unlike_the_others_make_it_learn_again(built: FastScanIndex) -> None:
    other = unit_vectors(np.random.default_rng(3), 6000)  # in all directions
    mixed = np.concatenate([built.vectors[:9000], other])
    again = build_fastscan(mixed, built.head, built)
    assert again.error > DRIFT * built.error
    assert again.serialize() == build_fastscan(mixed, built.head).serialize()


def test_another_head_makes_it_learn_again(built: FastScanIndex) -> None:
    head = Head(built.head.alpha[::-1].copy(), 0.0)
    assert build_fastscan(built.vectors, head, built).serialize() == build_fastscan(built.vectors, head).serialize()


def test_codes_of_other_rows_are_found(built: FastScanIndex) -> None:
    built.check_rows()
    moved = built.vectors.copy()
    moved[[70_0, 70_1]] = moved[[12_000, 700]]
    with pytest.raises(ArtefactError, match="row 700 has a code that is not of its vector"):
        FastScanIndex(moved, built.head, built._index, built.error).check_rows()


def test_a_vector_that_is_not_finite_is_refused_when_it_is_looked_at(built: FastScanIndex) -> None:
    broken = built.vectors.copy()
    broken[42, 5] = np.nan
    index = FastScanIndex(broken, built.head, built._index, built.error)
    with pytest.raises(ArtefactError, match="the vector of row 42 is not finite"):
        index.rank(built.vectors[42], 5)


@pytest.mark.parametrize("u", [np.zeros(127, np.float32), np.zeros((1, 128), np.float32), np.full(128, np.nan)])
def test_a_query_that_is_no_finite_vector_is_refused(built: FastScanIndex, u: np.ndarray) -> None:
    with pytest.raises(ArtefactError, match="a query vector must be 128 finite numbers"):
        built.rank(u, 1)


def test_a_query_that_overflows_and_one_for_no_match_are_refused(built: FastScanIndex) -> None:
    large = FastScanIndex(built.vectors, Head(np.full(128, 1e30, np.float32), 0.0), built._index, built.error)
    with pytest.raises(ArtefactError, match="not finite"):
        large.rank(np.full(128, 1e20, np.float32), 1)
    with pytest.raises(UsageError, match="at least 1 match must be asked for, not 0"):
        built.rank(built.vectors[0], 0)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (faiss.IndexFlatIP(129), "expected a FastScan index of inner products, got IndexFlatIP"),
        (faiss.IndexPQFastScan(130, 65, 4), "expected a FastScan index of inner products, got IndexPQFastScan"),
        (
            faiss.IndexPQFastScan(128, 64, 4, faiss.METRIC_INNER_PRODUCT),
            "expected 5 rows of 65 × 4 bits in 130 dimensions, the FAISS index has 0 rows of 64 × 4 bits in 128",
        ),
        (
            faiss.IndexPQFastScan(130, 65, 4, faiss.METRIC_INNER_PRODUCT),
            "expected 5 rows of 65 × 4 bits in 130 dimensions, the FAISS index has 0 rows of 65 × 4 bits in 130",
        ),
    ],
)
def test_an_index_of_another_kind_or_size_is_refused(index: faiss.Index, message: str) -> None:
    rng = np.random.default_rng(16)
    with pytest.raises(ArtefactError, match=message):
        FastScanIndex(unit_vectors(rng, 5), random_head(rng), index, 0.0)


def test_a_collection_is_flat_up_to_the_limit() -> None:
    rng = np.random.default_rng(0)
    vectors, head = unit_vectors(rng, 50), random_head(rng)
    assert build_searched(vectors, head).exact
    assert build_searched(vectors, head, limit=50).exact
    assert not build_searched(vectors, head, limit=49).exact
    assert FLAT_LIMIT == 300_000


@pytest.mark.parametrize(
    "changes", [{"error": None}, {"error": float("nan")}, {"error": -0.1}, {"error": 1}, {"dim": 129}, {"seed": 1}]
)
def test_a_recipe_that_is_neither_is_refused(changes: dict[str, object]) -> None:
    good = {**recipe(128), "error": 0.1}
    assert not is_flat(good, 128)
    with pytest.raises(ArtefactError, match=r"this covsearch searches 128 dimensions, .* or .*; index has"):
        is_flat({**good, **changes}, 128)
    with pytest.raises(ArtefactError, match="index has"):
        is_flat(recipe(128), 128)


Shard = tuple[int, FlatIndex | FastScanIndex]
_SHARDS: list[Shard] = []


def _open(parts: list[tuple[int, np.ndarray, bytes, float | None]], head: Head) -> None:
    """In a process: its shards, by the number of their first row."""
    for first, vectors, stored, error in parts:
        index = faiss.deserialize_index(np.frombuffer(stored, np.uint8))
        opened = FlatIndex(vectors, head, index) if error is None else FastScanIndex(vectors, head, index, error)
        _SHARDS.append((first, opened))


def _ask(u: np.ndarray, k: int) -> list[Ranking]:
    found = [(first, shard.rank(u, k)) for first, shard in _SHARDS]
    return [Ranking(one.rows + first, one.distances) for first, one in found]


def _merged(found: list[Ranking], k: int) -> Ranking:
    rows, distances = (np.concatenate([getattr(one, name) for one in found]) for name in ("rows", "distances"))
    order = np.lexsort((rows, distances))[:k]
    return Ranking(rows[order], distances[order])


@pytest.mark.parametrize("flat", [True, False])
def test_four_shards_in_two_processes_answer_as_one(built: FastScanIndex, flat: bool) -> None:
    """Flat: to the bit. FastScan: never worse, as each shard looks at as many candidates as the whole does."""
    vectors, head = built.vectors, built.head
    vectors = np.concatenate([vectors[:500], vectors[:500], vectors[1000:]])  # with ties across shards
    whole = FlatIndex(vectors, head) if flat else build_fastscan(vectors, head, built)
    size = len(vectors) // 4
    shards = []
    for first in range(0, len(vectors), size):
        own = vectors[first : first + size]
        shard = FlatIndex(own, head) if flat else build_fastscan(own, head, built)
        shards.append((first, own, shard.serialize(), None if flat else built.error))
    context = get_context("spawn")
    pools = [ProcessPoolExecutor(1, context, _open, (shards[part::2], head)) for part in (0, 1)]
    try:
        for row in (0, 600, 7000, 14_999):
            u = vectors[row]
            asked = [pool.submit(_ask, u, 100) for pool in pools]
            merged = _merged([one for job in asked for one in job.result()], 100)
            alone = whole.rank(u, 100)
            if flat:
                np.testing.assert_array_equal(merged.rows, alone.rows)
                np.testing.assert_array_equal(merged.distances, alone.distances)
            else:
                assert (merged.distances <= alone.distances).all()
    finally:
        for pool in pools:
            pool.shutdown()
