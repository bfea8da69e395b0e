"""The ways score the same pairs, and the committed results meet their goals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from collection import melody

from benchmarks import alignment
from benchmarks.alignment import GOALS, OTHER, OURS, PLAIN, SETTINGS, agreement, compare_at, markdown, plain_qmax
from benchmarks.provenance import RESULTS
from covsearch.features.augment import rotate_key
from covsearch.ranking.alignment import ESSENTIA, local_alignment
from covsearch.ranking.similarity import mutual_neighbours, stretch_similarity


def test_plain_numpy_scores_as_the_matrices_do() -> None:
    a, b = melody(1, 90), melody(1, 90)[10:70] + np.float32(0.1)
    b = b + np.random.default_rng(0).random(b.shape, dtype=np.float32)
    matches = mutual_neighbours(stretch_similarity(a, b, 5), 0.095)
    assert plain_qmax(a, rotate_key(b, 4), 5) == local_alignment(matches, ESSENTIA).max() > 20


def test_every_way_scores_the_same_medleys() -> None:
    queries, candidates = alignment.medleys(2, seed=1)
    assert [one.shape for one in (*queries, *candidates)] == [(645, 12)] * 2 + [(600, 12)] * 2
    rows = compare_at(0.90, 3, 3, (queries, candidates), rounds=1)
    assert [row["way"] for row in rows][:2] == [OURS, PLAIN]
    assert (rows[0]["pairs"], rows[0]["equal"], rows[0]["times_covsearch"]) == (4, 1, 1)
    assert all(row["median_difference"] < 0.1 and row["ms_a_pair"] > 0 for row in rows)


def test_agreement_counts_what_it_says() -> None:
    found = agreement(np.array([[10.0, 5.0], [0.0, 9.0]]), np.array([[10.0, 4.0], [0.0, 6.0]]))
    assert (found["pairs"], found["equal"], found["median_difference"]) == (4, 0.5, 0.125)
    assert found["correlation"] == pytest.approx(np.corrcoef([10, 5, 0, 9], [10, 4, 0, 6])[0, 1], abs=1e-5)


def test_the_committed_results_meet_their_goals() -> None:
    result = json.loads((RESULTS / "alignment.json").read_text(encoding="utf-8"))
    assert (RESULTS / "alignment.md").read_text(encoding="utf-8") == markdown(result)
    rows = {(row["frames_per_s"], row["way"]): row for row in result["rows"]}
    assert set(rows) == {(rate, way) for rate, _, _ in SETTINGS for way in (OURS, PLAIN, OTHER)}
    for rate, most in GOALS.items():
        assert rows[rate, OURS]["ms_a_pair"] <= most
    assert all(row["pairs"] >= 100 for row in rows.values())
    assert all(row["median_difference"] < 0.05 for row in rows.values())
