"""Ranks and what follows from them: against a slow oracle, two libraries, and their laws."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from evaluate.pml import pml_accuracy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import bootstrap_means, percentile_interval
from covsearch.evaluate.ranks import Distances, Ranks, rank_covers, retrieval_metrics

Table = NDArray[np.float64]


def asked(table: Table) -> Distances:
    return lambda queries: table[queries]


def ranked(table: Table, work: Sequence[int], block: int = 64) -> Ranks:
    return rank_covers(asked(table), work, block=block)


def random_case(seed: int, size: int = 40, works: int = 12) -> tuple[Table, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((size, size)), rng.integers(works, size=size).tolist()


def slow_ranks(table: Table, work: Sequence[int]) -> dict[int, list[int]]:
    """Sort everything but the query, covers behind non-covers where distances are equal."""
    found = {}
    for q in range(len(work)):
        others = [i for i in range(len(work)) if i != q]
        order = sorted(others, key=lambda i: (table[q][i], work[i] == work[q]))
        ranks = [k for k, i in enumerate(order, 1) if work[i] == work[q]]
        if ranks:
            found[q] = ranks
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Table, list[int]]:
    """Few distinct distances, so that most are tied, of either sign; at least one work has two performances."""
    size = draw(st.integers(2, 9))
    work = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(lambda w: len(set(w)) < len(w)))
    values = draw(st.lists(st.integers(-3, 3), min_size=size * size, max_size=size * size))
    return np.array(values, dtype=np.float64).reshape(size, size), work


@given(cases(), st.integers(1, 10))
def test_equals_the_slow_oracle_with_ties_in_blocks_of_any_size(case: tuple[Table, list[int]], block: int) -> None:
    table, work = case
    ranks, slow = ranked(table, work, block), slow_ranks(table, work)
    assert ranks.query.tolist() == list(slow)
    assert ranks.rank.tolist() == [r for one in slow.values() for r in one]
    assert ranks.covers.tolist() == [len(one) for one in slow.values()]
    near = [sorted(table[q][i] for i in range(len(work)) if i != q and work[i] == work[q]) for q in slow]
    assert ranks.distance.tolist() == [distance for one in near for distance in one]
    precision = [sum(n / r for n, r in enumerate(one, 1)) / len(one) for one in slow.values()]
    np.testing.assert_allclose(ranks.average_precision(), precision)
    metrics = retrieval_metrics(ranks)
    first = [one[0] for one in slow.values()]
    assert metrics.map == pytest.approx(np.mean(precision))
    assert (metrics.mr1, metrics.median_rank) == (pytest.approx(np.mean(first)), np.median(first))
    assert metrics.mrr == pytest.approx(np.mean([1 / r for r in first]))
    assert metrics.p1 == pytest.approx(np.mean([r == 1 for r in first]))
    assert metrics.p10 == pytest.approx(np.mean([sum(r <= 10 for r in one) / 10 for one in slow.values()]))
    for k, recall in metrics.recall.items():
        assert recall == pytest.approx(np.mean([np.mean([r <= k for r in one]) for one in slow.values()]))
    k, curve = ranks.recall_curve()
    assert k.tolist() == sorted({r for one in slow.values() for r in one})
    expected = [np.mean([np.mean([r <= at for r in one]) for one in slow.values()]) for at in k]
    np.testing.assert_allclose(curve, expected)


@given(cases())
def test_no_monotone_scale_changes_a_rank(case: tuple[Table, list[int]]) -> None:
    table, work = case
    expected = ranked(table, work).rank.tolist()
    for scaled in (table * 1e-300, np.exp(table) - 1e6, table**3 * 1e200 + 5):
        assert ranked(scaled, work).rank.tolist() == expected


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_collection_changes_no_rank(case: tuple[Table, list[int]], random: object) -> None:
    table, work = case
    order = np.random.default_rng(random.getrandbits(32)).permutation(len(work))  # type: ignore[attr-defined]
    before = dict(zip(*_by_query(ranked(table, work)), strict=True))
    after = ranked(table[np.ix_(order, order)], [work[i] for i in order])
    queries, ranks = _by_query(after)
    assert {int(order[q]): one for q, one in zip(queries, ranks, strict=True)} == before


def _by_query(ranks: Ranks) -> tuple[list[int], list[list[int]]]:
    return ranks.query.tolist(), [part.tolist() for part in np.split(ranks.rank, ranks.start[1:])]


@given(cases(), st.integers(-4, 4))
def test_a_distractor_never_improves_and_is_no_query(case: tuple[Table, list[int]], distance: int) -> None:
    table, work = case
    before = ranked(table, work)
    after = ranked(np.pad(table, (0, 1), constant_values=distance), [*work, 99])
    assert after.query.tolist() == before.query.tolist()
    assert (after.rank >= before.rank).all()
    assert (after.average_precision() <= before.average_precision()).all()


@given(cases(), st.integers(-9, 9))
def test_the_query_itself_is_left_out_whatever_its_distance(case: tuple[Table, list[int]], own: int) -> None:
    table, work = case
    changed = table.copy()
    np.fill_diagonal(changed, own)
    assert ranked(changed, work).rank.tolist() == ranked(table, work).rank.tolist()


def test_one_distance_for_everything_gets_the_worst_ranks() -> None:
    ranks = ranked(np.zeros((6, 6)), [0, 0, 0, 1, 2, 3])
    assert ranks.rank.tolist() == [4, 5] * 3
    assert retrieval_metrics(ranks).map == pytest.approx((1 / 4 + 2 / 5) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn_without_ties(seed: int) -> None:
    table, work = random_case(seed)
    ranks = ranked(table, work)
    codes, keep = np.array(work), ~np.eye(len(work), dtype=bool)
    rows = [(codes[keep[q]] == work[q], -table[q][keep[q]]) for q in ranks.query.tolist()]
    expected = [average_precision_score(label, score) for label, score in rows]
    np.testing.assert_allclose(ranks.average_precision(), expected, rtol=1e-12)
    labels, scores = (np.array(x) for x in zip(*rows, strict=True))
    assert retrieval_metrics(ranks).map == pytest.approx(label_ranking_average_precision_score(labels, scores))


@pytest.mark.parametrize("seed", range(3))
def test_equals_pytorch_metric_learning_on_vectors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((60, 8))
    work = rng.integers(25, size=60)
    table = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    found = pml_accuracy(table, work)
    metrics = retrieval_metrics(ranked(table, work.tolist()))
    assert metrics.map == pytest.approx(found["mean_average_precision"], rel=1e-6)
    assert metrics.p1 == pytest.approx(found["precision_at_1"], rel=1e-6)
    assert metrics.mrr == pytest.approx(found["mean_reciprocal_rank"], rel=1e-6)


def test_a_block_at_a_time_is_asked_for_and_told() -> None:
    table, work = random_case(7)
    sizes, told = [], []

    def distances(queries: NDArray[np.int64]) -> Table:
        sizes.append(len(queries))
        return table[queries]

    ranks = rank_covers(distances, work, block=16, progress=lambda stage, done, total: told.append((done, total)))
    total = len(ranks.query)
    assert sizes == [16] * (total // 16) + [total % 16] * (total % 16 > 0)
    assert told[-1] == (total, total)


def test_fifteen_thousand_performances_are_ranked_in_a_few_blocks_of_memory() -> None:
    size, work = 15_000, [*np.repeat(np.arange(50), 2).tolist(), *range(50, 14_950)]
    values = np.random.default_rng(0).random(size)
    tracemalloc.start()
    ranks = rank_covers(lambda queries: np.abs(values[queries, None] - values), work)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(ranks.query), ranks.collection) == (100, size)
    assert peak < 6 * 64 * size * 8  # all distances would be 235 blocks


@pytest.mark.parametrize(
    ("table", "work", "message"),
    [
        (np.zeros((3, 3)), [0, 1, 2], "none of 3 performances has a cover"),
        (np.zeros((3, 2)), [0, 0, 1], r"2 queries to 3 performances expected, got \(2, 2\)"),
        (np.full((3, 3), np.nan), [0, 0, 1], "must be finite"),
        (np.full((3, 3), np.inf), [0, 0, 1], "must be finite"),
    ],
)
def test_what_cannot_be_ranked_is_said(table: Table, work: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ranked(table, work)


def test_bootstrap_draws_works_and_weighs_their_queries() -> None:
    """Two works, of two and three queries: a draw is one of them twice or both, and nothing between."""
    work = np.array([4, 4, 7, 7, 7])
    precision = {"a": np.array([0.2, 0.4, 0.5, 0.7, 0.9]), "b": np.array([0.1, 0.3, 0.4, 0.6, 0.8])}
    drawn = bootstrap_means(precision, work, replicates=200, seed=1)
    assert sorted(set(np.round(drawn["a"], 9))) == [0.3, 0.54, 0.7]
    np.testing.assert_allclose(drawn["a"] - drawn["b"], 0.1)  # paired: the same works for both
    again = bootstrap_means({"b": precision["b"]}, work, replicates=200, seed=1)
    np.testing.assert_array_equal(again["b"], drawn["b"])
    with pytest.raises(UsageError, match="at least 1 replicate"):
        bootstrap_means(precision, work, replicates=0)


def test_bootstrap_interval_is_as_wide_as_theory_says() -> None:
    """Works whose queries all score alike: the standard error is that of the works, not of the queries."""
    rng = np.random.default_rng(0)
    of_work = rng.random(200)
    drawn = bootstrap_means({"a": np.repeat(of_work, 4)}, np.repeat(np.arange(200), 4), replicates=1000)["a"]
    interval = percentile_interval(drawn)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * of_work.std() / np.sqrt(200), rel=0.1)


def test_some_performances_ask_alone() -> None:
    table = np.random.default_rng(5).random((9, 9))
    work = [0, 0, 1, 1, 2, 2, 2, 3, 4]
    everyone = rank_covers(lambda queries: table[queries], work)
    some = rank_covers(lambda queries: table[queries], work, queries=np.array([1, 5, 8]))  # the last has no cover
    assert some.query.tolist() == [1, 5]
    for query in (1, 5):
        assert ranks_of(some, query) == ranks_of(everyone, query)
    with pytest.raises(UsageError, match="has a cover"):
        rank_covers(lambda queries: table[queries], work, queries=np.array([7, 8]))


def ranks_of(ranks: Ranks, query: int) -> list[int]:
    """Of the covers of one query."""
    place = ranks.query.tolist().index(query)
    return ranks.rank[ranks.start[place] : ranks.start[place] + ranks.covers[place]].tolist()
