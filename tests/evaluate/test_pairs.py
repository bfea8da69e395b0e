"""Systems side by side: the head's scores, what is reported of each, and against what."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM
from covsearch.dataset.pairs import Pairs
from covsearch.errors import UsageError
from covsearch.evaluate import metrics, pairs
from covsearch.index.head import Head

WIDS = [f"W_{k // 3}" for k in range(30)]
A, B = np.triu_indices(30, 1)
LABEL = np.array([int(WIDS[i] != WIDS[j]) for i, j in zip(A, B, strict=True)])
WORKS = [WIDS[i] for i in A], [WIDS[j] for j in B]


def noisy(level: float, seed: int) -> NDArray[np.float64]:
    return LABEL + level * np.random.default_rng(seed).standard_normal(len(LABEL))


def test_head_scores_equal_the_head_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, EMBEDDING_DIM)).astype(np.float32)
    head = Head(rng.standard_normal(EMBEDDING_DIM).astype(np.float32), -0.7)  # some weights are negative
    monkeypatch.setattr(pairs, "_CHUNK", 100)
    found = pairs.head_scores(vectors, Pairs(A, B, LABEL), head, "cnn")
    expected = [head.scores(vectors[i], vectors[j : j + 1])[0] for i, j in zip(A, B, strict=True)]
    np.testing.assert_allclose(found.score, expected, rtol=1e-10)
    assert found.probability is not None
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-found.score)), atol=1e-12)
    back = pairs.head_scores(vectors, Pairs(B, A, LABEL), head, "cnn")
    np.testing.assert_array_equal(back.score, found.score)


def test_scores_keep_an_order_that_probabilities_round_away() -> None:
    vectors = np.zeros((3, EMBEDDING_DIM), dtype=np.float32)
    vectors[1, 0], vectors[2, 0] = 1, 2
    head = Head(np.full(EMBEDDING_DIM, 50, dtype=np.float32), 0.0)
    some = Pairs(np.array([0, 0]), np.array([1, 2]), np.array([0, 1]))
    found = pairs.head_scores(vectors, some, head, "cnn")
    assert found.probability is not None
    assert found.probability[0] == found.probability[1] == 1
    assert metrics.auc(found.score, some.label) == 1


def test_reports_carry_what_the_metrics_say() -> None:
    p = np.clip(noisy(0.3, 1), 0, 1)
    systems = [pairs.PairScores("cnn", p, p), pairs.PairScores("mean chroma", noisy(0.8, 2))]
    (model, chroma), draws = pairs.compare_systems(systems, LABEL, *WORKS, reference="mean chroma", replicates=50)
    assert model.accuracy == metrics.accuracy(p, LABEL)
    assert model.auc == metrics.auc(p, LABEL)
    assert model.difference == pytest.approx(model.auc - chroma.auc)
    assert model.difference_ci == draws.difference("cnn", "mean chroma")
    assert model.difference is not None
    assert model.difference_ci is not None
    assert model.difference_ci.low < model.difference < model.difference_ci.high
    assert (model.ci, chroma.ci) == (draws.interval("cnn"), draws.interval("mean chroma"))
    assert np.trapezoid(chroma.roc.found, chroma.roc.false_alarms) == pytest.approx(chroma.auc)
    # a distance has no 0.5, and the reference no difference to itself
    assert (chroma.accuracy, chroma.difference, chroma.difference_ci) == (None, None, None)


def test_reference_must_be_one_of_the_systems_and_names_distinct() -> None:
    one = pairs.PairScores("cnn", noisy(1, 1))
    for systems in ([one], [one, one, pairs.PairScores("mean chroma", one.score)]):
        with pytest.raises(UsageError, match="distinct names and one must be 'mean chroma', got"):
            pairs.compare_systems(systems, LABEL, *WORKS, reference="mean chroma")
