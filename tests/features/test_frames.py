"""Frames: unit norm, block means, pitch origin, padding, transposition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError
from covsearch.features.augment import crop, rotate_key, stretch
from covsearch.features.frames import align_pitch_origin, block_means, pad, prepare, unit_norm

chroma = arrays(np.float32, st.tuples(st.integers(1, 60), st.just(12)), elements=st.floats(0, 1, width=32))


@given(chroma)
def test_frames_have_unit_norm_and_silence_stays_silence(x: np.ndarray) -> None:
    x[::3] = 0
    norms = np.linalg.norm(unit_norm(x).astype(np.float64), axis=1)
    expected = (np.abs(x) > 0).any(axis=1).astype(float)
    tiny = (x.astype(np.float64) ** 2).sum(axis=1) < 1e-30  # float32 cannot hold the unit vector of a denormal
    np.testing.assert_allclose(norms[~tiny], expected[~tiny], atol=1e-5)
    assert (unit_norm(x)[expected == 0] == 0).all()


@given(chroma, st.integers(1, 70))
def test_block_means_against_a_loop(x: np.ndarray, frames: int) -> None:
    block = max(1, -(-len(x) // frames))
    slow = [x[i : i + block].astype(np.float64).mean(axis=0) for i in range(0, len(x), block)]
    got = block_means(x, frames)
    assert len(got) <= frames
    np.testing.assert_allclose(got, slow, atol=1e-6)


def test_short_sequences_are_left_alone() -> None:
    x = np.random.default_rng(0).random((2000, 12), dtype=np.float32)
    assert block_means(x, 2000) is x
    assert len(block_means(np.concatenate([x, x[:1]]), 2000)) == 1001


def test_pitch_origin_is_c_everywhere() -> None:
    """HPCP's bin 0 is A, so C is its bin 3; CREMA and CENS start at C."""
    x = np.eye(12, dtype=np.float32)[[3, 10, 7]]  # C, G, E in HPCP
    assert align_pitch_origin(x, "hpcp").argmax(axis=1).tolist() == [0, 7, 4]
    assert align_pitch_origin(x, "crema").argmax(axis=1).tolist() == [3, 10, 7]
    assert align_pitch_origin(x, "cens").argmax(axis=1).tolist() == [3, 10, 7]


def test_features_are_stacked_on_one_pitch_axis() -> None:
    c_major = np.zeros((50, 12), dtype=np.float32)
    c_major[:, [0, 4, 7]] = 1
    both = prepare({"hpcp": np.roll(c_major, 3, axis=1), "crema": c_major}, FeatureConfig("hpcp+crema"), 86.13)
    assert both.shape == (50, 24)
    np.testing.assert_array_equal(both[:, :12], both[:, 12:])


def test_features_of_nearly_equal_length_are_cut_to_the_shorter() -> None:
    rng = np.random.default_rng(0)
    hpcp, crema = rng.random((15227, 12), dtype=np.float32), rng.random((15226, 12), dtype=np.float32)
    assert prepare({"hpcp": hpcp, "crema": crema}, FeatureConfig("hpcp+crema"), 86.13).shape == (1904, 24)


def test_features_of_different_recordings_are_refused() -> None:
    hpcp, crema = np.ones((100, 12), np.float32), np.ones((90, 12), np.float32)
    with pytest.raises(ArtefactError, match=r"must be equally long.*'hpcp': 100, 'crema': 90"):
        prepare({"hpcp": hpcp, "crema": crema}, FeatureConfig("hpcp+crema"), 86.13)


@given(
    st.integers(1, 3000),
    st.floats(1, 200),
    st.floats(0.5, 20),
    st.integers(20, 200),
)
def test_a_rate_decides_the_block_up_to_the_most_frames(length: int, stored: float, rate: float, most: int) -> None:
    x = np.random.default_rng(length).random((length, 12), dtype=np.float32)
    block = max(1, round(stored / rate), -(-length // most))
    unit = unit_norm(x)
    slow = [np.roll(unit[i : i + block].mean(axis=0), 9) for i in range(0, length, block)]
    frames = prepare({"hpcp": x}, FeatureConfig("hpcp", most, rate), stored)
    assert len(frames) <= most
    np.testing.assert_allclose(frames, slow, atol=1e-5)


def test_without_a_rate_the_stored_one_does_not_matter() -> None:
    x = {"hpcp": np.random.default_rng(0).random((500, 12), dtype=np.float32)}
    config = FeatureConfig("hpcp", 100)
    np.testing.assert_array_equal(prepare(x, config, 86.13), prepare(x, config, 10.77))


def test_a_rate_below_one_frame_a_track_gives_one_frame() -> None:
    x = {"hpcp": np.random.default_rng(0).random((500, 12), dtype=np.float32)}
    assert prepare(x, FeatureConfig("hpcp", 100, 1e-320), 86.13).shape == (1, 12)


def test_padding_is_on_the_right_and_long_tracks_are_cut() -> None:
    a, b = np.ones((3, 12), np.float16), np.full((9, 12), 0.5, np.float16)
    batch = pad([a, b], 6)
    assert batch.shape == (2, 6, 12)
    assert batch.dtype == np.float32
    assert batch[0, :, 0].tolist() == [1, 1, 1, 0, 0, 0]
    assert batch[1, :, 0].tolist() == [0.5] * 6


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
