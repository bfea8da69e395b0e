"""Scores of alignments alone: against a loop, and the laws that a ranking rests on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from collection import any_chroma as chroma
from collection import melody
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.features.augment import rotate_key
from covsearch.features.frames import block_means, means_of, unit_norm
from covsearch.features.slow import restored
from covsearch.ranking import score_kernel, scores
from covsearch.ranking.alignment import ESSENTIA, PUBLISHED, GapCosts, align, local_alignment
from covsearch.ranking.scores import QmaxScores, qmax_scores

Frames = NDArray[np.float32]


def whole(x: Frames, span: int) -> NDArray[np.float64]:
    """Unit frames as whole numbers, by numpy alone."""
    length = np.floor(np.sqrt(2**24 / (span + 1)) - np.sqrt(x.shape[1]) / 2)
    norms = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return np.rint(x * np.divide(length, norms, out=np.zeros_like(norms), where=norms > 0))


def slow_qmax(a: Frames, b: Frames, span: int, nearest: float, costs: GapCosts) -> float:
    """One key: whole numbers in int64, thresholds by sorting, the recurrence cell by cell."""
    x, y = whole(a, span).astype(np.int64), whole(b, span).astype(np.int64)
    single = x @ y.T
    rows, columns = len(a) - span + 1, len(b) - span + 1
    total = sum(single[k : k + rows, k : k + columns] for k in range(span))
    most = span * (np.sqrt(2**24 / (span + 1)) // 1) ** 2 * 1.01
    assert np.abs(total).max() <= most
    length = np.floor(np.sqrt(2**24 / (span + 1)) - np.sqrt(a.shape[1]) / 2)
    factor = np.float32(32_767 / (span * (length + np.sqrt(a.shape[1]) / 2) ** 2))
    level = (total.astype(np.float32) * factor).astype(np.int64)
    matches = np.zeros((rows, columns), bool)
    for i, j in itertools.product(range(rows), range(columns)):
        before_row = (level[i] >= level[i, j]).sum() <= max(1, round(nearest * columns))
        before_column = (level[:, j] >= level[i, j]).sum() <= max(1, round(nearest * rows))
        matches[i, j] = level[i, j] > 0 and before_row and before_column
    score = np.zeros((rows + 2, columns + 2))
    padded = np.pad(matches, ((2, 0), (2, 0)))
    for i, j in itertools.product(range(2, rows + 2), range(2, columns + 2)):
        before = [(i - 1, j - 1), (i - 2, j - 1), (i - 1, j - 2)]
        if padded[i, j]:
            score[i, j] = max(score[k] for k in before) + 1
        else:
            score[i, j] = max(0, *(score[k] - (costs.onset if padded[k] else costs.extension) for k in before))
    return float(score.max())


def slow_fits(a: Frames, b: Frames, span: int) -> NDArray[np.float64]:
    x = whole(a, span).sum(axis=0)
    return np.array([x @ rotate_key(whole(b, span), -key).sum(axis=0) for key in range(12)])


def keyless(found: QmaxScores) -> list[float]:
    return found.scores.tolist()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    span=st.integers(1, 10),
    nearest=st.floats(0.02, 0.6),
    blocks=st.integers(1, 2),
    costs=st.sampled_from([ESSENTIA, PUBLISHED]),
)
def test_scores_equal_the_loop(
    seed: int, lengths: tuple[int, int], span: int, nearest: float, blocks: int, costs: GapCosts
) -> None:
    a, b = chroma(seed, lengths[0], blocks), chroma(seed + 1, lengths[1], blocks)
    found = qmax_scores(a, [b], span=span, nearest=nearest, costs=costs, threads=1)
    if min(lengths) < span:
        assert (found.scores[0], found.semitones[0]) == (0, 0)
        return
    fits = slow_fits(a, b, span)
    order = np.argsort(-fits, kind="stable")
    close = fits[order[0]] - fits[order[1]] <= 0.1 * (fits[order[0]] - fits.mean())
    keys = order[: 2 if close else 1].tolist()
    expected = [slow_qmax(a, rotate_key(b, -key), span, nearest, costs) for key in keys]
    assert found.scores[0] == max(expected)
    assert found.semitones[0] % 12 == (keys[int(np.argmax(expected))] if max(expected) else 0)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6), lengths=st.tuples(st.integers(1, 5_000), st.integers(1, 400)), span=st.integers(1, 12)
)
def test_lengths_silence_and_constant_chords_give_the_same_for_both_orders(
    seed: int, lengths: tuple[int, int], span: int
) -> None:
    a, b = chroma(seed, lengths[0]), chroma(seed + 1, lengths[1])
    (there,), (back,) = qmax_scores(a, [b], span=span).scores, qmax_scores(b, [a], span=span).scores
    assert there == back
    assert 0 <= there <= min(lengths)


def test_neither_track_s_key_changes_a_score_and_the_key_is_told() -> None:
    query = unit_norm(np.random.default_rng(5).random((120, 24), dtype=np.float32))
    candidates = [np.random.default_rng(k).random((60 + 11 * k, 24), dtype=np.float32) for k in range(12)]
    plain = qmax_scores(query, candidates, span=5)
    for up, other in [(1, 0), (0, 6), (7, 11)]:
        found = qmax_scores(rotate_key(query, up), [rotate_key(one, other) for one in candidates], span=5)
        assert keyless(found) == keyless(plain)
        assert ((found.semitones - plain.semitones - other + up) % 12 == 0).all()


@pytest.mark.parametrize("semitones", [0, 1, 6, -5])
def test_a_transposed_version_scores_as_the_song_itself(semitones: int) -> None:
    song = melody(1, 300)
    version, stranger = rotate_key(song, semitones)[40:], melody(2, 300)
    found = qmax_scores(song, [version, stranger], span=9)
    assert found.semitones[0] == semitones
    assert found.scores[0] == 252  # every one of its stretches
    assert found.scores[1] < 120


def test_the_second_key_counts_where_it_is_close_and_better() -> None:
    """Versions of which half is another tune: the mean chroma then often fits a wrong key best."""
    rng = np.random.default_rng(0)
    tried = []
    for seed in range(60):
        a, b = melody(seed, 80), rotate_key(melody(seed, 80), 3)
        b = b[rng.permutation(80)] if seed % 2 else np.concatenate([b[:50], melody(seed + 100, 40)])
        fits = slow_fits(a, b, 3)
        order = np.argsort(-fits)
        (score,), (key,) = (lambda r: (r.scores, r.semitones))(qmax_scores(a, [b], span=3))
        first, second = (slow_qmax(a, rotate_key(b, -int(k)), 3, 0.095, ESSENTIA) for k in order[:2])
        close = fits[order[0]] - fits[order[1]] <= 0.1 * (fits[order[0]] - fits.mean())
        tried.append((bool(close), second > first))
        assert score == (max(first, second) if close else first)
        assert qmax_scores(a, [b], span=3, close=0).scores[0] == first
        assert qmax_scores(a, [b], span=3, close=99).scores[0] == max(first, second)
        assert key % 12 == order[1 if close and second > first else 0]
    assert {(True, True), (True, False), (False, False)} <= set(tried)


def test_threads_order_and_company_change_nothing() -> None:
    query = melody(0, 150)
    candidates = [chroma(k, 20 + 9 * k) for k in range(40)]
    alone = [qmax_scores(query, [one], span=5, threads=1).scores[0] for one in candidates]
    assert keyless(qmax_scores(query, candidates, span=5, threads=1)) == alone
    assert keyless(qmax_scores(query, candidates, span=5, threads=7)) == alone
    assert keyless(qmax_scores(query, candidates[::-1], span=5)) == alone[::-1]
    assert len(set(alone)) > 15


def test_hours_are_compared_in_coarser_frames_both_alike() -> None:
    rng = np.random.default_rng(3)
    hours = (rng.random((9_000, 12)) * np.geomspace(1, 4, 12)).astype(np.float32)
    song = hours[2_100:3_600]
    short = [block_means(hours, 4_096), means_of(song, 3)]
    assert [len(one) for one in short] == [3_000, 500]
    found, coarse = qmax_scores(hours, [song, melody(9, 30)], span=3), qmax_scores(short[0], short[1:], span=3)
    assert found.scores[0] == coarse.scores[0] == qmax_scores(song, [hours], span=3).scores[0] > 490
    assert len(melody(9, 4_096)) == scores.MOST_FRAMES  # the longest that is compared as it is
    as_it_is = qmax_scores(melody(9, 4_096), [song[:40]], span=3).scores[0]
    assert as_it_is != qmax_scores(means_of(melody(9, 4_096), 2), [means_of(song[:40], 2)], span=3).scores[0]


def exact_matches(a: Frames, b: Frames, span: int) -> NDArray[np.bool_]:
    """Mutual neighbours by cosines in float64 and thresholds by sorting: nothing is rounded."""
    single = unit_norm(a.astype(np.float64)) @ unit_norm(b.astype(np.float64)).T  # type: ignore[arg-type]
    rows, columns = len(a) - span + 1, len(b) - span + 1
    similarity = np.sum([single[k : k + rows, k : k + columns] for k in range(span)], axis=0)
    across, down = max(1, round(0.095 * columns)), max(1, round(0.095 * rows))
    by_row, by_column = np.sort(similarity, axis=1)[:, -across - 1, None], np.sort(similarity, axis=0)[None, -down - 1]
    return np.asarray((similarity > by_row) & (similarity > by_column))


def test_rounding_hardly_moves_a_score() -> None:
    """Exact similarities and thresholds, in the key that was found."""
    query, candidates = melody(0, 200), [melody(k, 150 + k) for k in range(1, 30)]
    found = qmax_scores(query, candidates, span=5)
    exact = []
    for one, key in zip(candidates, found.semitones.tolist(), strict=True):
        exact.append(local_alignment(exact_matches(query, rotate_key(one, -key), 5), ESSENTIA).max())
    difference = np.abs(found.scores - exact) / exact
    assert np.median(difference) < 0.02
    assert difference.max() < 0.1


def test_sums_of_the_largest_frames_are_exact() -> None:
    for span, width in itertools.product((1, 3, 9, 40), (12, 24)):
        length = score_kernel.length_of_unit(span, width)
        assert (span + 1) * (length + np.sqrt(width) / 2) ** 2 <= 2**24
        frames = np.eye(width, dtype=np.float32)[np.zeros(60, int)]
        units = score_kernel.whole_units(frames, length)
        similarity = score_kernel.stretches(units, np.ascontiguousarray(units.T), 0, span, length)
        assert len(np.unique(similarity)) == 1
        assert 0.97 * 32_767 < similarity[0, 0] <= 32_767


def test_means_are_made_first_and_further_ones_of_these() -> None:
    song, other = melody(1, 150), melody(1, 150)[20:]
    found = qmax_scores(song, [other, other[:2]], span=3, block=3)
    assert found.scores[0] == qmax_scores(means_of(song, 3), [means_of(other, 3)], span=3).scores[0] > 20
    assert found.scores[1] == 0
    kept = np.random.default_rng(0).integers(0, 256, (9_000, 12)).astype(np.uint8)
    hours, part = restored(kept), restored(kept[3_000:6_000])
    twice = [means_of(means_of(one, 2), 2) for one in (hours, part)]
    expected = qmax_scores(twice[0], twice[1:], span=3).scores[0]
    assert qmax_scores(kept, [kept[3_000:6_000]], span=3, block=2).scores[0] == expected > 700
    with pytest.raises(UsageError, match="block must be at least 1 frame, not 0"):
        qmax_scores(song, [other], span=3, block=0)


def test_short_silent_and_no_candidates() -> None:
    song, silence = melody(1, 50), np.zeros((50, 12), np.float32)
    chord = np.ones((50, 12), np.float32)
    found = qmax_scores(song, [song[:4], silence, silence[:0], chord, song[:5]], span=5)
    assert found.scores.tolist() == [0, 0, 0, 0, 1]
    assert found.semitones.tolist()[:4] == [0, 0, 0, 0]
    assert keyless(qmax_scores(silence, [song, silence], span=5)) == [0, 0]
    assert qmax_scores(song, [], span=5).scores.shape == (0,)
    broken = song.copy()
    broken[10:20] = np.nan
    assert np.isfinite(qmax_scores(song, [broken], span=5).scores).all()


@pytest.mark.parametrize(
    ("query", "candidate", "span", "match"),
    [
        ((9, 12), (9, 24), 3, r"multiple of 12, not \(9, 12\), \(9, 24\)"),
        ((9, 10), (9, 10), 3, "multiple of 12"),
        ((12,), (12,), 3, "multiple of 12"),
        ((9, 12), (9, 12), 0, "span must be at least 1 frame, not 0"),
    ],
)
def test_frames_that_do_not_fit_together_are_refused(
    query: tuple[int, ...], candidate: tuple[int, ...], span: int, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        qmax_scores(np.ones(query, np.float32), [np.ones(candidate, np.float32)], span=span)


def test_warming_compiles_every_loop() -> None:
    """Whatever kind of array and number comes later: nothing is compiled a second time."""
    scores.warm()
    loops = [
        score_kernel.length_of_unit,
        score_kernel.whole_units,
        score_kernel.pitch_sums,
        score_kernel.best_of_keys,
        score_kernel.qmax_in_key,
        score_kernel.stretches,
        score_kernel.thresholds,
        score_kernel.matches,
        score_kernel.recurrence,
        score_kernel.followed_back,
    ]
    before = [len(loop.signatures) for loop in loops]
    assert min(before) >= 1
    fixed = melody(1, 60)
    fixed.flags.writeable = False
    costs = GapCosts(onset=1, extension=1)
    found = qmax_scores(fixed, [fixed, fixed[::2], fixed.astype(np.float64)], span=np.int32(3), close=0, costs=costs)  # type: ignore[arg-type]
    assert found.scores[0] == found.scores[2] > found.scores[1] > 0
    kept = np.rint(255 * fixed).astype(np.uint8)
    assert qmax_scores(kept, [kept, kept[::2]], span=4, block=3).scores[0] > 0
    assert align(fixed, kept[::2], np.int64(4), costs).score > 0  # type: ignore[arg-type]
    assert [len(loop.signatures) for loop in loops] == before
