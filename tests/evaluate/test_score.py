"""Anybody's distances judged: by hand, against scikit-learn and pytorch-metric-learning, and by their laws."""

from __future__ import annotations

import doctest
import importlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluate.pml import pml_accuracy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from covsearch import evaluate
from covsearch.errors import CovsearchError, UsageError
from covsearch.evaluate.detection import Answers, detected_at
from covsearch.evaluate.score import RetrievalScore, differences, retrieval

Table = NDArray[np.float64]
WORKS = ["a", "a", "a", "b", "b", "c"]
BY_HAND = np.array(
    [
        [9, 1, 4, 2, 3, 5],  # covers at ranks 1 and 4
        [1, 9, 2, 3, 4, 5],  # 1 and 2
        [5, 4, 9, 1, 2, 3],  # 4 and 5
        [1, 2, 3, 9, 4, 5],  # 4
        [5, 4, 3, 1, 9, 2],  # 1
        [0, 0, 0, 0, 0, 9],  # no query: c has no other performance
    ],
    dtype=np.float64,
)


def score(table: Any, works: Any, **options: Any) -> RetrievalScore:
    return retrieval(table, works, **{"replicates": 20, **options})


def values(found: RetrievalScore) -> dict[str, float]:
    return {name: rate.value for name, rate in found.figures.items()}


def test_a_case_by_hand() -> None:
    found = score(BY_HAND, WORKS)
    assert (found.performances, found.works, found.queries) == (6, 3, 5)
    precision = [(1 / 1 + 2 / 4) / 2, 1.0, (1 / 4 + 2 / 5) / 2, 1 / 4, 1.0]
    assert found["map"].value == pytest.approx(np.mean(precision))
    assert found["mr1"].value == pytest.approx((1 + 1 + 4 + 4 + 1) / 5)
    assert found["median_rank"].value == 1
    assert found["mrr"].value == pytest.approx((1 + 1 + 1 / 4 + 1 / 4 + 1) / 5)
    assert [found[f"precision@{k}"].value for k in (1, 5)] == pytest.approx([3 / 5, (2 + 2 + 2 + 1 + 1) / 25])
    assert [found[f"recall@{k}"].value for k in (1, 5)] == pytest.approx([(1 / 2 + 1 / 2 + 0 + 0 + 1) / 5, 1])
    above = [(1 + 4 - 3) / 2, 0, (4 + 5 - 3) / 2, 3, 0]  # how far covers stand below where they could, on average
    assert found["nar"].value == pytest.approx(np.mean(above) / 5)
    # 8 cover pairs; the non-covers of every row, the last one's too
    codes, off = np.array(WORKS), ~np.eye(6, dtype=bool)
    assert found["auc"].value == pytest.approx(roc_auc_score((codes[:, None] == codes)[off], -BY_HAND[off]))


def test_detection_by_hand() -> None:
    """Nearest covers 1 1 - - 1, nearest others 2 3 1 1 2: at no alarms nothing passes, at 40 % what is below 2."""
    found = score(BY_HAND, WORKS)
    assert found["detected@0.01"].value == 0
    present = Answers(-np.array([1, 1, 1, 1, 1.0]), np.zeros(5, bool), np.array([1, 1, 0, 0, 1], bool), np.arange(5))
    absent = Answers(-np.array([2, 3, 1, 1, 2.0]), np.zeros(5, bool), np.zeros(5, bool), np.arange(5))
    assert [detected_at(present, absent, share) for share in (0.01, 0.4)] == [0, 3 / 5]
    apart = np.where(np.equal.outer(WORKS, WORKS), 1.0, 2.0)
    assert score(apart, WORKS)["detected@0.01"].value == 1


def random_case(seed: int, size: int = 60, works: int = 20) -> tuple[Table, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((size, size)), rng.integers(works, size=size).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn(seed: int) -> None:
    table, work = random_case(seed)
    found, codes, off = score(table, work), np.array(work), ~np.eye(len(work), dtype=bool)
    rows = [(codes[off[q]] == codes[q], -table[q][off[q]]) for q in range(len(work)) if (codes == codes[q]).sum() > 1]
    expected = np.mean([average_precision_score(label, value) for label, value in rows])
    assert abs(found["map"].value - expected) < 1e-12
    assert abs(found["auc"].value - roc_auc_score((codes[:, None] == codes)[off], -table[off])) < 1e-12


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_vectors_equal_pytorch_metric_learning(metric: str) -> None:
    rng = np.random.default_rng(3)
    vectors, work = rng.standard_normal((60, 8)), rng.integers(25, size=60)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    points = unit if metric == "cosine" else vectors
    table = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    expected = pml_accuracy(table, work)
    names = ("mean_average_precision", "precision_at_1", "mean_reciprocal_rank")
    found = score(getattr(evaluate, metric)(vectors), work)
    for theirs, ours in zip(names, ("map", "precision@1", "mrr"), strict=True):
        assert found[ours].value == pytest.approx(expected[theirs], rel=1e-6)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Table, list[int]]:
    """Few distinct distances, so that most are tied; at least one work has two performances."""
    size = draw(st.integers(3, 8))
    work = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size).filter(lambda w: 1 < len(set(w)) < len(w)))
    numbers = draw(st.lists(st.integers(-3, 3), min_size=size * size, max_size=size * size))
    return np.array(numbers, dtype=np.float64).reshape(size, size), work


@settings(max_examples=15)
@given(cases(), st.integers(0, 2**32 - 1))
def test_neither_order_nor_scale_changes_a_figure(case: tuple[Table, list[int]], seed: int) -> None:
    table, work = case
    expected = values(score(table, work, replicates=1))
    order = np.random.default_rng(seed).permutation(len(work))
    moved = values(score(table[np.ix_(order, order)], [work[i] for i in order], replicates=1))
    scaled = values(score(np.exp(table) * 7 - 3, work, replicates=1))
    upside = values(score(-table, work, similarity=True, replicates=1))
    for other in (moved, scaled, upside):
        assert other == pytest.approx(expected, abs=1e-12)


@settings(max_examples=15)
@given(cases())
def test_breaking_ties_in_favour_of_covers_makes_nothing_worse(case: tuple[Table, list[int]]) -> None:
    table, work = case
    tied = values(score(table, work, replicates=1))
    codes = np.array(work)
    broken = values(score(table - 0.1 * (codes[:, None] == codes), work, replicates=1))
    assert broken["map"] >= tied["map"]
    assert broken["mr1"] <= tied["mr1"]
    assert broken["nar"] <= tied["nar"]
    assert broken["auc"] >= tied["auc"]


def test_one_distance_for_everything_is_the_worst_there_is() -> None:
    found = score(np.zeros((6, 6)), WORKS)
    assert found["map"].value == pytest.approx((3 * (1 / 4 + 2 / 5) / 2 + 2 * 1 / 5) / 5)
    assert (found["auc"].value, found["detected@0.05"].value) == (0.5, 0)


def test_mean_reciprocal_rank_is_over_queries_alone() -> None:
    """Performances without a cover neither count as found first nor lower the mean."""
    table = np.where(np.equal.outer(WORKS, WORKS), 1.0, 2.0)
    more = np.pad(table, (0, 4), constant_values=2.0)
    for case, works in ((table, WORKS), (more, [*WORKS, "d", "e", "f", "g"])):
        assert values(score(case, works))["mrr"] == 1
        assert values(score(case, works))["map"] == 1


def test_distances_may_come_in_any_way() -> None:
    table, work = random_case(1)
    expected = values(score(table, work))
    blocks: Iterator[Table] = (table[k : k + 7] for k in range(0, 60, 7))
    for given_as in (table.tolist(), iter(table), blocks, lambda queries: table[queries]):
        assert values(score(given_as, work)) == expected
    np.fill_diagonal(table, np.nan)  # nobody looks at it
    assert values(score(table, work)) == expected
    single = table.astype(np.float32)
    assert values(score(iter(single), work)) == values(score(single, work))


def test_parts_of_the_queries_are_still_searched_among_all() -> None:
    found = score(BY_HAND, WORKS, sources=["x", "y", "x", "y", "y", "x"])
    assert [(one.name, one.queries, one.works) for one in found.by_size] == [("2", 2, 1), ("3-5", 3, 1)]
    assert [one.figures["map"].value for one in found.by_size] == pytest.approx([(1 / 4 + 1) / 2, 2.075 / 3])
    assert [(one.name, one.queries) for one in found.by_source] == [("x", 2), ("y", 3)]
    assert found.by_source[0].figures["mr1"].value == 2.5


def test_intervals_are_over_works_and_hold_the_value() -> None:
    rng = np.random.default_rng(0)
    work = np.repeat(np.arange(80), 3)
    centres = rng.standard_normal((80, 6))
    found = score(evaluate.cosine(centres[work] + 0.7 * rng.standard_normal((240, 6))), work, replicates=200)
    for name, rate in found.figures.items():
        assert rate.ci.low <= rate.value <= rate.ci.high, name
    for name in ("map", "mr1", "mrr", "nar", "auc", "recall@5"):
        assert found[name].ci.low < found[name].ci.high, name
    again = score(evaluate.cosine(centres[work]), work, replicates=20)
    assert again["map"].value == again["map"].ci.low == again["map"].ci.high == 1


def test_differences_are_paired_and_corrected() -> None:
    rng = np.random.default_rng(2)
    work = np.repeat(np.arange(60), 2)
    clean = rng.standard_normal((60, 8))[work]
    noise = rng.standard_normal((2, 120, 8))
    systems = {
        "good": score(evaluate.cosine(clean + 0.5 * noise[0]), work, replicates=200),
        "bad": score(evaluate.cosine(clean + 1.5 * noise[0]), work, replicates=200),
        "worse": score(evaluate.cosine(clean + 1.5 * noise[1]), work, replicates=200),
    }
    first, second, third = differences(systems, draws=999)
    assert [(one.first, one.second) for one in (first, second, third)] == [
        ("good", "bad"),
        ("good", "worse"),
        ("bad", "worse"),
    ]
    assert first.value == pytest.approx(systems["good"]["map"].value - systems["bad"]["map"].value)
    assert (first.p, first.p_holm, second.p_holm) == (0.001, 0.003, 0.003)
    assert first.ci.low > 0
    assert third.p_holm == third.p > 0.01
    with pytest.raises(UsageError, match="the same works in the same order"):
        differences({"one": systems["good"], "other": score(BY_HAND, WORKS)})
    assert differences({"one": systems["good"]}) == ()


def test_to_dict_is_json_and_complete() -> None:
    found = score(BY_HAND, WORKS, sources=["x"] * 6)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["ties"] == "against the system"
    assert told["queries_are"] == "every performance whose work has another one"
    assert told["bootstrap"] == {"over": "works", "level": 0.95, "replicates": 20, "seed": 0}
    assert told["figures"]["map"] == {
        "value": found["map"].value,
        "ci": [found["map"].ci.low, found["map"].ci.high],
    }
    assert [part["name"] for part in told["by_source"]] == ["x"]
    with pytest.raises(UsageError, match="there is no figure 'mapp'; there are map"):
        found["mapp"]


@pytest.mark.parametrize(
    ("table", "works", "options", "message"),
    [
        (np.zeros((3, 2)), [0, 0, 1], {}, r"shape \(3, 3\), one row and one column .* of 3 works, got \(3, 2\)"),
        (np.zeros((4, 4)), [0, 0, 1], {}, r"of 3 works, got \(4, 4\)"),
        ([[0.0, 1.0], [1.0]], [0, 0], {}, "expected an array of numbers"),
        ([["x", "y"], ["y", "x"]], [0, 0], {}, "expected an array of numbers, got <U1"),
        (np.where(np.eye(3)[::-1] > 0, np.nan, 1), [0, 0, 1], {}, "row 0, column 2 of the distances is nan"),
        (np.full((3, 3), np.inf), [0, 0, 1], {}, "row 0, column 1 of the distances is inf: expected finite"),
        (np.zeros((3, 3)), [0, 1, 2], {}, "none of 3 performances has a cover"),
        (np.zeros((2, 2)), [[0, 0]], {}, r"one work for each performance, \(N,\), got \(1, 2\)"),
        (np.zeros((2, 2)), [0, 0], {"sources": ["x"]}, "as many sources as works, 2, got 1"),
        (np.zeros((2, 2)), [0, 0], {"replicates": 0}, "at least 1 replicate"),
        (np.zeros((2, 2)), [0, 0], {"protocol": "datacos"}, r"1,000 works of 13, 2,000 works of 1\); this has 2 perf"),
        (np.zeros((2, 2)), [0, 0], {"protocol": "covers80"}, "protocol must be one of"),
        (iter(np.zeros((2, 3))), [0, 0, 1], {}, "expected 3 rows, one for each work, but 2 came"),
        (iter(np.zeros((4, 3))), [0, 0, 1], {}, "expected 3 rows, one for each work, but more came"),
        (iter(np.zeros((3, 4))), [0, 0, 1], {}, r"blocks of rows of 3 distances, got \(1, 4\) after row 0"),
    ],
)
def test_what_cannot_be_judged_is_said(table: Any, works: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CovsearchError, match=message):
        score(table, works, **options)


def test_all_of_one_work_has_ranks_but_nothing_to_tell_apart() -> None:
    found = score(np.zeros((3, 3)), [5, 5, 5])
    assert found["map"].value == 1
    assert "auc" not in found.figures
    assert "detected@0.01" not in found.figures


def test_a_mapped_matrix_is_never_in_memory_whole(tmp_path: Path) -> None:
    size = 3_000
    np.save(tmp_path / "d.npy", np.random.default_rng(0).random((size, size), dtype=np.float32))
    mapped, work = np.load(tmp_path / "d.npy", mmap_mode="r"), [*np.repeat(np.arange(50), 2), *range(50, 2_950)]
    tracemalloc.start()
    found = score(mapped, work, replicates=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.queries == 100
    assert peak < size * size * 4


@pytest.mark.parametrize("module", ["cliques", "distances", "score", "significance"])
def test_examples_in_the_docs_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"covsearch.evaluate.{module}"), extraglobs={"np": np})
    assert found.attempted > 0
    assert found.failed == 0


def test_the_room_exports_plain_functions() -> None:
    assert evaluate.retrieval is retrieval
    assert evaluate.differences is differences
    assert set(evaluate.__all__) <= set(dir(evaluate))
    with pytest.raises(AttributeError, match="no attribute 'map'"):
        evaluate.map  # noqa: B018
