"""One recording is told from another version of the same song."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from covsearch.features.augment import rotate_key
from covsearch.ranking.same_recording import same_recording


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def track(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.random((600, 12)).astype(np.float32) ** 3


def test_a_recording_is_itself(track: NDArray[np.float32]) -> None:
    assert same_recording(track, track)


def test_coded_otherwise_it_still_is(track: NDArray[np.float32], rng: np.random.Generator) -> None:
    noisy = np.clip(track + rng.normal(0, 0.03, track.shape), 0, 1).astype(np.float32)
    assert same_recording(track, noisy)


def test_silence_before_or_behind_does_not_matter(track: NDArray[np.float32]) -> None:
    silence = np.zeros((3, 12), np.float32)
    assert same_recording(track, np.concatenate([silence, track]))
    assert same_recording(np.concatenate([silence, track]), track)
    assert same_recording(track, np.concatenate([track, silence]))


def test_another_key_tempo_or_part_is_another_recording(track: NDArray[np.float32]) -> None:
    assert not same_recording(track, rotate_key(track, 1))
    assert not same_recording(track, track[::2])
    assert not same_recording(track, track[:300])
    assert not same_recording(track, track[::-1])


def test_two_silences_are_the_same() -> None:
    assert same_recording(np.zeros((5, 12), np.float32), np.zeros((6, 12), np.float32))
    assert not same_recording(np.zeros((1, 12), np.float32), np.ones((1, 12), np.float32))
