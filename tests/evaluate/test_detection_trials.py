"""The searches of detection: what is in each collection, and that the answers are those of the real stage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from covsearch.decision import decide
from covsearch.errors import UsageError
from covsearch.evaluate import detection_trials
from covsearch.evaluate.detection_trials import FAR, Bench, lay_out, run_trials
from covsearch.features.slow import quantised
from covsearch.index.calibration import Calibration, read_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.stages import Question, Scope, by_alignment
from covsearch.store import in_memory

WORKS, VERSIONS, OTHERS = 6, 3, 9
MODEL = load_checkpoint(bundled_checkpoint()).fingerprint


def track(seed: int, version: int) -> NDArray[np.float32]:
    """A melody; its versions are noisy and of another length."""
    notes = np.repeat(np.random.default_rng(seed).integers(12, size=30), 6)[: 150 + 8 * version]
    noise = np.random.default_rng([seed, version]).random((len(notes), 12))
    return (0.7 * np.eye(12)[notes] + 0.3 * noise).astype(np.float32)


def chroma(tracks: Sequence[NDArray[np.float32]]) -> Chroma:
    first = np.cumsum([0, *map(len, tracks)], dtype=np.int64)
    return Chroma(quantised(np.concatenate(tracks)), first, np.full(len(tracks), 2.69))


def vectors(seeds: Sequence[int]) -> NDArray[np.float32]:
    rows = np.array([np.random.default_rng(seed).normal(size=128) for seed in seeds])
    rows += 0.3 * np.random.default_rng(0).normal(size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def bench(order: Sequence[int] = range(WORKS * VERSIONS), distractors: bool = True) -> Bench:
    """Six works in three versions, in any order, and nine distractors."""
    calibration = read_calibration(bundled_checkpoint(), MODEL)
    assert isinstance(calibration, Calibration)
    names = [f"P_{k}" for k in range(WORKS * VERSIONS)]
    works = [f"W_{k // VERSIONS}" for k in range(WORKS * VERSIONS)]
    every = vectors([k // VERSIONS for k in range(WORKS * VERSIONS)])
    tracks = [track(k // VERSIONS, k % VERSIONS) for k in range(WORKS * VERSIONS)]
    rows = list(order)
    added = (vectors(range(90, 90 + OTHERS)), chroma([track(90 + k, 0) for k in range(OTHERS)]))
    return lay_out(
        [names[row] for row in rows],
        [works[row] for row in rows],
        every[rows],
        chroma([tracks[row] for row in rows]),
        Head(np.ones(128, dtype=np.float32), 0.0),
        calibration,
        distractors=added if distractors else None,
        seed=3,
    )


def test_answers_do_not_depend_on_the_order_of_the_collection() -> None:
    one, other = (run_trials(bench(order), 7) for order in (range(18), np.random.default_rng(0).permutation(18)))
    for name in ("present", "absent", "itself"):
        for key, values in vars(getattr(one, name)).items():
            assert np.array_equal(values, vars(getattr(other, name))[key]), (name, key)


@pytest.mark.parametrize("size", [1, 2, 7, 17, 20])
def test_what_is_in_the_collections(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, set[int]]] = []
    real = detection_trials._ask

    def ask(table: Bench, query: int, rows: NDArray[np.int64], wanted: object) -> object:
        seen.append((query, set(rows.tolist())))
        assert len(rows) == size
        return real(table, query, rows, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(detection_trials, "_ask", ask)
    table = bench()
    run_trials(table, size)
    for k in range(18):
        (query, present), (same, absent) = seen[2 * k : 2 * k + 2]
        covers = set(np.flatnonzero(table.work == table.work[query]).tolist()) - {query}
        assert query == same == k
        assert len(present & covers) == min(size, 2)
        assert not absent & (covers | {query})
        assert query not in present
        assert max(absent) < 18 or size > 15  # distractors only where the other works are used up
        assert (seen[36 + k][0], k in seen[36 + k][1]) == (k, True)


def test_an_answer_is_that_of_the_real_stage_in_the_collection() -> None:
    table = bench()
    query, rows = 4, [0, 5, 7, 20]
    found = detection_trials._ask(table, query, np.array(rows), table.covers(query))
    collection = in_memory(("a", "b", "c", "d"), table.vectors[rows], table.head)
    searched = Scope(collection, table.chroma.take(rows), None, table.calibration)
    ranked = by_alignment(searched, Question(table.vectors[query], table.chroma.track(query)), 10, None)
    assert ranked.ratio is not None
    told = decide(ranked.ratio, ranked.best, table.calibration.by_alignment, ranked.same, searched=4)
    assert found.decided().probability == told.probability[:1]
    assert found.right == (int(table.work[rows[int(ranked.ranking.rows[0])]]) == int(table.work[query]))
    assert found.right


def test_every_cover_is_found_and_every_recording_knows_itself() -> None:
    trials = run_trials(bench(), 7)
    assert trials.present.right.all()
    assert trials.itself.right.all()
    assert trials.itself.called.all()
    assert trials.far.all()
    assert (trials.itself.probability == 1).all()
    assert not trials.absent.right.any()


def test_among_more_performances_a_match_is_worth_less() -> None:
    found = detection_trials._ask(bench(), 4, np.array([0, 5, 7, 20]), [5])
    near, far = (found.decided(rule=False, among=n).probability[0] for n in (4, FAR))
    assert 0 < far < near
    assert found.decided(rule=False, among=4).probability == found.decided(rule=False).probability


def test_more_performances_raise_the_level_as_in_a_search_of_so_many() -> None:
    found = detection_trials._ask(bench(), 4, np.array([0, 5, 7, 20]), [5])
    chance, ratio = found.ranked.chance, found.ranked.ratio
    assert chance is not None
    assert ratio is not None
    alone = chance.probability(ratio, np.empty(0), FAR)  # so few performances show no level of the query's own
    assert found.decided(rule=False, among=FAR).probability == pytest.approx(alone.tolist())


def test_at_most_so_many_queries_are_asked() -> None:
    trials = run_trials(bench(), 2, 5)
    assert (len(trials.present.work), len(trials.absent.work), len(trials.itself.work)) == (5, 5, 5)
    assert np.array_equal(trials.present.work, trials.absent.work)


def test_without_distractors_own_size_lacks_the_covers_and_more_is_refused() -> None:
    table = bench(distractors=False)
    assert (table.own, table.largest) == (17, 15)
    assert len(run_trials(table, 17, 2).absent.work) == 2
    with pytest.raises(UsageError, match="expected a collection of 1 to 17 performances, not 18: add distractors"):
        run_trials(table, 18)


def test_collections_without_covers_or_without_other_works_are_refused() -> None:
    table = bench()
    for wids in (["a"] * 3, ["a", "b", "c"]):
        with pytest.raises(UsageError, match="expected covers and other works"):
            lay_out(
                ["x", "y", "z"], wids, table.vectors[:3], table.chroma.take([0, 1, 2]), table.head, table.calibration
            )
