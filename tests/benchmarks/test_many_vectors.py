"""Vectors drawn from embedded covers, and how engines are judged over them, at small sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from published import random_head, unit_vectors

from benchmarks import many_vectors
from benchmarks.drawn_vectors import VERSIONS, Real, described, draw
from benchmarks.many_vectors import EXACT, judge, markdown
from benchmarks.provenance import RESULTS
from covsearch.evaluate.distractors import songs_of
from covsearch.index.head import Head


def covers(songs: int = 20, versions: int = 9, spread: float = 0.03) -> Real:
    rng = np.random.default_rng(0)
    vectors = np.tile(unit_vectors(rng, songs), (versions, 1)) + spread * rng.standard_normal((songs * versions, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Real(vectors.astype(np.float32), np.tile(np.arange(songs), versions))


def test_real_vectors_come_first_and_a_smaller_number_gives_the_first_of_a_larger() -> None:
    real = covers()
    vectors, works = draw(real, 1000, 3)
    np.testing.assert_array_equal(vectors[:180], real.vectors)
    np.testing.assert_array_equal(works[:180], real.works)
    assert (vectors.dtype, vectors.shape) == (np.float32, (1000, 128))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    fewer, first = draw(real, 700, 3)
    np.testing.assert_array_equal(fewer, vectors[:700])
    np.testing.assert_array_equal(first, works[:700])
    assert not np.array_equal(draw(real, 1000, 4)[0][180:], vectors[180:])
    assert len(np.unique(vectors, axis=0)) == 1000
    assert np.bincount(works)[20:-1].tolist() == [VERSIONS] * (820 // VERSIONS)
    assert draw(real, 50, 3)[0].shape == (50, 128)


def test_drawn_works_lie_between_real_ones_and_have_real_versions() -> None:
    real, head = covers(), Head(np.full(128, 0.5, np.float32), 0.0)
    vectors, works = draw(real, 4180, 0)
    alike = [described(v, w, head, 0) for v, w in ((real.vectors, real.works), (vectors[180:], works[180:]))]
    assert alike[1]["within_works"] == pytest.approx(alike[0]["within_works"], rel=0.35)
    assert alike[1]["within_works"] < alike[1]["between_any"] / 5
    centre = vectors[180 : 180 + VERSIONS].mean(axis=0)
    nearest = np.sort(real.centres() @ centre)[-2:]  # the two it lies between; random directions have cosines near 0
    assert nearest.min() > 0.1 or nearest.max() > 0.95


def test_the_description_is_of_distances_and_directions() -> None:
    vectors = np.repeat(np.eye(4, 128, dtype=np.float32), 50, axis=0)
    said = described(vectors, np.repeat(np.arange(4), 50), Head(np.full(128, 2.0, np.float32), 0.0), 0)
    assert (said["within_works"], said["between_any"]) == (0.0, 4.0)
    assert said["directions"] == pytest.approx(3, rel=0.05)  # four corners of a tetrahedron


def test_the_songs_of_distractors_are_all_songs_round_after_round() -> None:
    songs = songs_of(0, 25, 10, 7)
    assert sorted(songs[:10]) == sorted(songs[10:20]) == list(range(10))
    assert songs[:10] != songs[10:20]
    assert songs_of(8, 9, 10, 7) == songs[8:17]


def test_recall_and_versions_are_shares_of_what_is_there() -> None:
    works = np.array([0, 0, 0, 1, 1, 2])
    exact = np.array([[1, 3], [4, 0], [0, 1]])
    found = np.array([[1, 2], [0, 5], [0, 1]])
    said = judge(found, exact, works, np.array([0, 3, 5]), covers=3)  # row 5 is alone in its work
    assert said["recall"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert (said["recall_of_covers"], said["least_recall"]) == (0.5, 0.5)
    assert (said["versions"], said["versions_exact"]) == (0.5, 0.75)
    assert said["versions_of_covers"] == 1


def test_every_engine_answers_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(many_vectors, "embedded_covers", lambda *_: covers())
    out = tmp_path / "many.json"
    arguments = ["--count", "2000", "3000", "--covers", "180", "--queries", "8", "--commands", "1", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["many_vectors", *arguments])
    many_vectors.main()
    result = json.loads(out.read_text())
    assert [(row["vectors"], row["engine"]) for row in result["runs"]] == [
        (count, name) for count in (2000, 3000) for name in many_vectors.ENGINES
    ]
    for row in result["runs"]:
        assert row["recall"] > 0.98
        assert row["versions_exact"] > 0.9
        assert row["p50_ms"] > 0
        assert row["own_mb"] > 10
        assert {"embeddings.safetensors", "index.faiss", "ids.json"} <= set(row["bytes"])
        if row["engine"] == EXACT:
            assert (row["recall"], row["versions"]) == (1, row["versions_exact"])
    assert result["command"]["vectors"] == 3000
    assert result["command"]["others"]["cpu_s"] > 0
    page = out.with_suffix(".md").read_text()
    assert page == markdown(result)
    assert capsys.readouterr().out.endswith(page + "\n")


def test_the_committed_results_find_what_they_should() -> None:
    result = json.loads((RESULTS / "many_vectors.json").read_text(encoding="utf-8"))
    assert (RESULTS / "many_vectors.md").read_text(encoding="utf-8") == markdown(result)
    million = {row["engine"]: row for row in result["runs"] if row["vectors"] == 1_000_000}
    assert set(many_vectors.ENGINES) <= set(million)
    found = million["FastScan"]
    assert found["recall"] >= 0.98
    assert found["versions"] == pytest.approx(found["versions_exact"], abs=0.01)


def test_a_head_with_negative_weights_is_described_too() -> None:
    rng = np.random.default_rng(1)
    real = covers()
    assert np.isfinite(list(described(real.vectors, real.works, random_head(rng), 0).values())).all()
