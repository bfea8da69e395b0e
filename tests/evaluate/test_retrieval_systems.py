"""Systems: the same distances whoever asks, and costs that are those of the size asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from collection import melody, write_collection
from numpy.typing import NDArray

from covsearch.dataset.datacos import open_dataset
from covsearch.evaluate import retrieval_systems
from covsearch.evaluate.ranks import Distances
from covsearch.evaluate.retrieval_baselines import Description, Kept, fourier_magnitude
from covsearch.evaluate.retrieval_systems import baseline_systems, disturbed, vector_system


def test_a_larger_collection_is_made_of_disturbed_copies() -> None:
    rows = [fourier_magnitude(melody(k, 90)) for k in range(4)]
    larger = disturbed(rows, 50, 1)
    near = np.array([[np.abs(copy - row).max() for row in rows] for copy in larger])  # (50, 4)
    assert (near.min(axis=1) > 0).all()
    assert (near.min(axis=1) < 0.05).all()
    assert set(near.argmin(axis=1).tolist()) == {0, 1, 2, 3}
    assert len({copy.tobytes() for copy in larger}) == 50
    assert {(copy.shape, copy.dtype) for copy in larger} == {((525,), np.dtype(np.float32))}
    assert disturbed([], 50, 1) == []


def test_a_query_is_timed_in_the_collection_asked_for_in_blocks_of_what_ranking_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(retrieval_systems.time, "process_time", lambda: clock[0])
    asked: list[tuple[int, int, int]] = []

    def compare(rows: list[Description], size: int, seed: int) -> Distances:
        def distances(queries: NDArray[np.int64]) -> NDArray[np.float64]:
            asked.append((len(rows), size, len(queries)))
            clock[0] += len(queries) * size / 1000
            return np.zeros((len(queries), size))

        return distances

    system = vector_system("x", Kept([np.ones(3)] * 5, 0.25), compare, 5)  # type: ignore[arg-type]
    assert (system.name, system.track_seconds, system.measured, asked) == ("x", 0.25, True, [])
    assert system.query_seconds_at(300) == pytest.approx(0.3)
    assert asked == [(300, 300, 64)] * 4
    assert system.query_seconds_at(70) == pytest.approx(0.07)
    assert asked[4:] == [(70, 70, 64), (70, 70, 6)]


def test_what_aligns_is_said_to_take_its_pairs(tmp_path: Path) -> None:
    dataset = open_dataset(write_collection(tmp_path / "some", works=3, versions=2, frames=60), ("hpcp",))
    pids = tuple(dataset.performances)
    qmax, noise = baseline_systems(["Qmax", "random"], dataset, pids, "hpcp")
    assert [one.name for one in (qmax, noise)] == ["Qmax", "random"]
    assert [one.measured for one in (qmax, noise)] == [False, True]
    assert qmax.query_seconds_at(15_000) == pytest.approx(150 * qmax.query_seconds_at(100))
    assert 0 < qmax.query_seconds_at(1) < 0.1
    assert qmax.distances(np.arange(6)).shape == (6, 6)
    assert noise.query_seconds_at(100) > 0
