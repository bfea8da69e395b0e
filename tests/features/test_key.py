"""Key estimation follows the music; normalised performances are the same in every key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import FeatureConfig
from covsearch.features.augment import rotate_key
from covsearch.features.frames import prepare
from covsearch.features.key import MAJOR, MINOR, major_tonic, to_c

C_MAJOR, A_MINOR = [0, 2, 4, 5, 7, 9, 11], [9, 11, 0, 2, 4, 5, 8]


def scale(notes: list[int], tonic_weight: float = 3.0) -> np.ndarray:
    frames = np.eye(12, dtype=np.float32)[notes]
    frames[0] *= tonic_weight
    return frames


@pytest.mark.parametrize("semitones", range(12))
def test_known_keys(semitones: int) -> None:
    assert major_tonic(np.roll(scale(C_MAJOR), semitones, axis=1)) == semitones
    assert major_tonic(np.roll(scale(A_MINOR), semitones, axis=1)) == semitones  # A minor's relative major is C


def test_profiles_against_a_slow_correlation() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = rng.random((20, 12)).astype(np.float32)
        mean = x.astype(np.float64).mean(axis=0)
        fits = [np.corrcoef(mean, np.roll(MAJOR, k))[0, 1] for k in range(12)]
        fits += [np.corrcoef(mean, np.roll(MINOR, k + 9))[0, 1] for k in range(12)]
        assert major_tonic(x) == int(np.argmax(fits)) % 12


@given(seed=st.integers(0, 10**6), semitones=st.integers(0, 11), width=st.sampled_from([12, 24]))
def test_normalised_frames_are_the_same_in_every_key(seed: int, semitones: int, width: int) -> None:
    frames = np.random.default_rng(seed).random((30, width), dtype=np.float32)
    transposed = rotate_key(frames, semitones)
    np.testing.assert_array_equal(to_c(transposed), to_c(frames))


def test_silence_and_flat_chroma_stay_where_they_are() -> None:
    assert major_tonic(np.zeros((5, 12), np.float32)) == 0
    assert major_tonic(np.ones((5, 12), np.float32)) == 0


def test_prepare_normalises_only_when_told() -> None:
    hpcp = np.roll(scale(C_MAJOR), 3 + 5, axis=1)  # F major, bin 0 = A
    played = prepare({"hpcp": hpcp}, FeatureConfig("hpcp"), 86.13)
    normalised = prepare({"hpcp": hpcp}, FeatureConfig("hpcp", key="normalised"), 86.13)
    assert major_tonic(played) == 5
    assert major_tonic(normalised) == 0
    np.testing.assert_array_equal(np.roll(played, -5, axis=1), normalised)
