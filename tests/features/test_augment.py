"""Laws of every change that leaves the composition what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.features.augment import crop, drop_frames, mask_pitch, mask_time, rotate_key, stretch

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def track(frames: int, seed: int, width: int = 12) -> np.ndarray:
    """Frames that all differ, none of them silent."""
    return np.random.default_rng([seed, 7]).uniform(0.01, 1, (frames, width)).astype(np.float32)


@given(st.integers(-30, 30), st.integers(-30, 30), st.sampled_from([12, 24]))
def test_rotations_add_up_and_leave_the_other_block_alone(first: int, second: int, width: int) -> None:
    x = np.random.default_rng(1).random((5, width), dtype=np.float32)
    np.testing.assert_array_equal(rotate_key(rotate_key(x, first), second), rotate_key(x, first + second))
    np.testing.assert_array_equal(rotate_key(x, -24), x)
    slow = np.concatenate([np.roll(x[:, i : i + 12], first, axis=1) for i in range(0, width, 12)], axis=1)
    np.testing.assert_array_equal(rotate_key(x, first), slow)


@given(st.integers(1, 90), st.integers(0, 1000))
def test_stretched_and_cropped_tracks_stay_tracks(frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((frames, 12), dtype=np.float32)
    longer = stretch(x, rng)
    assert longer.dtype == np.float32
    assert min(frames, 16) <= len(longer) <= 2 * frames
    np.testing.assert_allclose(longer[[0, -1]], x[[0, -1]], atol=1e-6)
    assert x.min() - 1e-6 <= longer.min()
    assert longer.max() <= x.max() + 1e-6
    part = crop(x, rng)
    assert min(frames, 16, int(0.6 * frames) or 1) <= len(part) <= frames
    starts = [i for i in range(frames - len(part) + 1) if np.array_equal(x[i : i + len(part)], part)]
    assert starts


def test_stretching_to_the_same_length_changes_nothing() -> None:
    class Even:
        def normal(self, *_: float) -> float:
            return 0.0

    x = np.random.default_rng(0).random((50, 12), dtype=np.float32)
    np.testing.assert_allclose(stretch(x, Even()), x, atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("augment", [stretch, crop, drop_frames, mask_time, mask_pitch])
def test_chance_comes_from_the_generator_and_the_track_itself_stays(augment: Augment) -> None:
    x = track(60, 0, 24)
    before = x.copy()
    got = [augment(x, np.random.default_rng(seed)) for seed in (3, 3, *range(20))]
    np.testing.assert_array_equal(got[0], got[1])
    assert any(not np.array_equal(got[0], other) for other in got[2:])
    assert {one.dtype for one in got} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(x, before)


@given(st.integers(1, 200), st.integers(0, 1000))
def test_dropped_frames_leave_the_others_in_order(frames: int, seed: int) -> None:
    x = track(frames, seed)
    got = drop_frames(x, np.random.default_rng(seed))
    rest = iter(x)
    assert all(any(np.array_equal(frame, other) for other in rest) for frame in got)
    assert min(frames, max(16, 0.85 * frames)) <= len(got) <= frames


def test_frames_are_dropped_everywhere() -> None:
    x = np.arange(100, dtype=np.float32)[:, None].repeat(12, axis=1)
    rng = np.random.default_rng(0)
    gone: Counter[int] = Counter()
    for _ in range(1000):
        gone.update(set(range(100)) - set(drop_frames(x, rng)[:, 0].astype(int).tolist()))
    assert set(gone) == set(range(100))
    assert sum(gone.values()) / 1000 == pytest.approx(7, abs=0.5)  # 0 to 14 of 100


@given(st.integers(1, 200), st.integers(0, 1000))
def test_blurred_stretches_keep_the_mean_of_the_track(frames: int, seed: int) -> None:
    x = track(frames, seed, 24)
    got = mask_time(x, np.random.default_rng(seed))
    np.testing.assert_allclose(got.mean(axis=0, dtype=np.float64), x.mean(axis=0, dtype=np.float64), atol=1e-6)
    changed = (got != x).any(axis=1)
    assert changed.sum() <= 3 * (frames // 10)
    constant = (got[1:] == got[:-1]).all(axis=1)  # frames of a track differ, those of a blurred stretch do not
    assert constant.sum() >= changed.sum() - 6  # overlaps can cut three stretches into six pieces


def test_blurring_happens() -> None:
    x = track(100, 0)
    changed = [(mask_time(x, np.random.default_rng(seed)) != x).any(axis=1).sum() for seed in range(300)]
    assert np.mean(changed) == pytest.approx(1.5 * 5, abs=1.5)  # 0-3 stretches of 0-10 frames
    assert max(changed) > 20


@given(st.integers(1, 40), st.sampled_from([12, 24]), st.integers(0, 1000))
def test_silenced_pitches_are_the_same_in_every_block(frames: int, width: int, seed: int) -> None:
    x = track(frames, seed, width)
    got = mask_pitch(x, np.random.default_rng(seed))
    assert got.shape == x.shape
    silent = (got == 0).all(axis=0).reshape(-1, 12)
    assert (silent == silent[0]).all()
    assert silent[0].sum() <= 2
    kept = ~silent.reshape(-1)
    np.testing.assert_array_equal(got[:, kept], x[:, kept])


def test_every_pitch_is_silenced_now_and_then() -> None:
    silent = [(mask_pitch(track(3, 0), np.random.default_rng(seed)) == 0).all(axis=0) for seed in range(300)]
    assert np.stack(silent).any(axis=0).all()
    assert {int(one.sum()) for one in silent} == {0, 1, 2}
