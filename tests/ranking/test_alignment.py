"""Alignment against a slow oracle cell by cell, and on performances whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from collection import any_chroma, melody
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.features.augment import rotate_key
from covsearch.ranking.alignment import ESSENTIA, NEAREST, PUBLISHED, GapCosts, align, local_alignment, trace
from covsearch.ranking.scores import qmax_scores
from covsearch.ranking.similarity import mutual_neighbours, stretch_similarity

both_costs = st.sampled_from([PUBLISHED, ESSENTIA])


def slow_alignment(matches: NDArray[np.bool_], costs: GapCosts = PUBLISHED) -> NDArray[np.float64]:
    """Equation 3 of Serrà et al. (2009), one cell after the other; outside of the matrix is 0 and no match."""
    score = np.zeros(matches.shape)

    def before(i: int, j: int) -> tuple[float, float]:
        inside = i >= 0 and j >= 0
        return (score[i, j], costs.onset if matches[i, j] else costs.extension) if inside else (0.0, costs.extension)

    for i in range(matches.shape[0]):
        for j in range(matches.shape[1]):
            some = [before(i - 1, j - 1), before(i - 2, j - 1), before(i - 1, j - 2)]
            if matches[i, j]:
                score[i, j] = max(value for value, _ in some) + 1
            else:
                score[i, j] = max(0, *(value - cost for value, cost in some))
    return score


def recurrence(seed: int, shape: tuple[int, int], density: float) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(shape) < density


cases = st.builds(recurrence, st.integers(0, 10**6), st.tuples(st.integers(1, 25), st.integers(1, 25)), st.floats(0, 1))


def earned(path: NDArray[np.int64], matches: NDArray[np.bool_], costs: GapCosts) -> float:
    """What a path is worth: its matches less what its gaps cost. It goes on in time and stays inside the matrix."""
    if not len(path):
        return 0.0
    assert all(step in ([1, 1], [2, 1], [1, 2]) for step in np.diff(path, axis=0).tolist())
    assert (path >= 0).all()
    assert (path < matches.shape).all()
    matched = matches[path[:, 0], path[:, 1]].tolist()
    assert matched[0]
    assert matched[-1]
    worth = 1.0
    for last, this in itertools.pairwise(matched):
        worth += 1 if this else -(costs.onset if last else costs.extension)
    return worth


@given(cases, both_costs)
def test_every_cell_equals_the_slow_oracle(matches: NDArray[np.bool_], costs: GapCosts) -> None:
    np.testing.assert_array_equal(local_alignment(matches, costs), slow_alignment(matches, costs))
    np.testing.assert_array_equal(local_alignment(matches.T, costs), slow_alignment(matches.T, costs))


@pytest.mark.parametrize("costs", [PUBLISHED, ESSENTIA])
def test_table_and_path_are_those_of_essentia(costs: GapCosts) -> None:
    """It begins in the third row and column, so nothing matches before."""
    pytest.importorskip("essentia", reason="the oracle, in the extra 'dev'")
    import essentia.standard as standard

    qmax = standard.CoverSongSimilarity(
        alignmentType="serra09", disOnset=costs.onset, disExtension=costs.extension, distanceType="symmetric"
    )
    for seed in range(10):
        matches = recurrence(seed, (60 + seed, 80), 0.05 + 0.04 * seed)
        matches[:2], matches[:, :2] = False, False
        theirs, _ = qmax(matches.astype(np.float32))
        ours = local_alignment(matches, costs)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(trace(ours, matches, costs), trace(theirs, matches, costs))
        assert earned(trace(ours, matches, costs), matches, costs) == theirs.max() > 1


@given(cases, both_costs)
def test_the_trace_earns_exactly_the_best_score(matches: NDArray[np.bool_], costs: GapCosts) -> None:
    score = local_alignment(matches, costs)
    path = trace(score, matches, costs)
    assert len(path) > 0 or not matches.any()
    assert earned(path, matches, costs) == score.max()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), lengths=st.tuples(st.integers(1, 150), st.integers(1, 150)), span=st.integers(1, 12))
def test_score_and_key_are_those_of_the_ranking(seed: int, lengths: tuple[int, int], span: int) -> None:
    a, b = any_chroma(seed, lengths[0]), any_chroma(seed + 1, lengths[1])
    for costs in (PUBLISHED, ESSENTIA):
        found, ranked = align(a, b, span, costs), qmax_scores(a, [b], span=min(span, *lengths), costs=costs)
        assert found.score == ranked.scores[0]
        assert found.score == 0 or found.semitones == ranked.semitones[0]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6), lengths=st.tuples(st.integers(1, 5_000), st.integers(1, 400)), span=st.integers(1, 12)
)
def test_any_lengths_silence_and_constant_chords_make_a_path_that_earns_its_score(
    seed: int, lengths: tuple[int, int], span: int
) -> None:
    a, b = any_chroma(seed, lengths[0]), any_chroma(seed + 1, lengths[1])
    found, back = align(a, b, span, ESSENTIA), align(b, a, span, ESSENTIA)
    assert (found.score, found.chance) == (back.score, back.chance)
    assert np.isfinite([found.score, found.chance]).all()
    assert found.similarity.shape == (lengths[0] - found.span + 1, lengths[1] - found.span + 1)
    levels = stretch_similarity(a, rotate_key(b, -found.semitones), found.span)
    np.testing.assert_array_equal(found.similarity, levels / np.float32(32_767))
    assert earned(found.path, mutual_neighbours(levels, NEAREST), ESSENTIA) == found.score


def test_score_and_chance_are_those_of_each_key_by_itself() -> None:
    for seed in range(20):
        a, b = melody(seed, 80), rotate_key(melody(seed + 100 * (seed % 2), 90), 3)
        found = align(a, b, 3)
        every = {}
        for key in range(12):
            matches = mutual_neighbours(stretch_similarity(a, rotate_key(b, -key), 3), NEAREST)
            every[key if key <= 6 else key - 12] = float(local_alignment(matches).max())
        assert found.score == every.pop(found.semitones)
        assert found.chance == max(every.values()) == every[found.chance_semitones]


def test_hours_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 32,767 frames of a track can be aligned, not 32,768: average some"):
        align(np.ones((32_768, 12), np.float32), melody(1, 5))


@pytest.mark.parametrize("semitones", [0, 4, 6, -5, -1])
def test_a_transposed_slower_version_is_found_in_its_key_and_place(semitones: int) -> None:
    song = melody(1, 300)
    version = np.concatenate([melody(2, 40), rotate_key(np.repeat(song[60:240], 2, axis=0)[::3][:120], semitones)])
    found = align(song, version)
    assert found.semitones == semitones
    assert found.score > 3 * found.chance
    middle = found.path[(found.path[:, 1] > 45) & (found.path[:, 1] < 140)]
    expected = 60 + (middle[:, 1] - 40) * 1.5  # two thirds of the frames
    assert len(middle) > 60
    assert np.abs(middle[:, 0] - expected).max() < 10


def test_strangers_align_no_further_than_chance() -> None:
    ratios = [align(melody(k, 300), melody(100 + k, 260)) for k in range(5)]
    assert np.mean([found.score / found.chance for found in ratios]) < 1.5


def test_a_performance_aligns_with_itself_from_end_to_end() -> None:
    song = melody(3, 200)
    found = align(song, song)
    assert found.semitones == 0
    assert found.path.tolist() == [[i, i] for i in range(200 - found.span + 1)]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 50), (50, 3)])
def test_the_shortest_tracks_are_compared_too(a: int, b: int) -> None:
    found = align(melody(1, a), melody(2, b))
    assert found.span == min(9, a, b)
    assert found.similarity.shape == (a - found.span + 1, b - found.span + 1)


def test_silence_aligns_with_nothing() -> None:
    found = align(np.zeros((40, 12), np.float32), melody(1, 60))
    assert (found.score, len(found.path)) == (0, 0)
