"""Slow chroma: what an alignment compares, a byte a number."""

from __future__ import annotations

import numpy as np
import pytest
from collection import melody
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import FeatureConfig
from covsearch.dataset.frame_rate import DATACOS_RATE, SLOW_RATE
from covsearch.errors import ArtefactError
from covsearch.features.frames import prepare
from covsearch.features.slow import quantised, restored, slow_chroma, slow_rate


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40))
def test_a_number_comes_back_at_most_half_a_step_away(values: list[float]) -> None:
    given_values = np.array(values, dtype=np.float32)
    assert quantised(given_values).dtype == np.uint8
    assert np.abs(restored(quantised(given_values)) - given_values).max() <= 1 / 510 + 1e-7


def test_every_byte_comes_back_as_itself() -> None:
    steps = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(quantised(restored(steps)), steps)
    assert (restored(steps)[0], restored(steps)[-1]) == (0, 1)


def test_rounding_above_one_does_not_wrap_around() -> None:
    assert quantised(np.array([np.nextafter(np.float32(1), np.float32(2)), 1.003])).tolist() == [255, 255]


@pytest.mark.parametrize("features", ["hpcp", "crema", "hpcp+crema"])
def test_it_is_the_chroma_as_played_at_the_slow_rate(features: str) -> None:
    names = features.split("+")
    chroma = dict.fromkeys(names, melody(3, 20_000))
    frames, rate = slow_chroma(chroma, names, DATACOS_RATE)
    expected = prepare(chroma, FeatureConfig(features, 10**9, SLOW_RATE), DATACOS_RATE)
    assert (rate, frames.shape) == (SLOW_RATE, (625, 12 * len(names)))
    np.testing.assert_allclose(restored(frames), expected, atol=1 / 510 + 1e-6)


def test_hours_are_kept_whole_and_odd_rates_are_told() -> None:
    frames, rate = slow_chroma({"hpcp": melody(1, 40_000)}, ["hpcp"], 1.1 * SLOW_RATE)
    assert (len(frames), rate) == (40_000, 1.1 * SLOW_RATE)
    assert slow_rate(4.4 * SLOW_RATE) == pytest.approx(1.1 * SLOW_RATE)


def test_features_of_two_recordings_are_refused() -> None:
    with pytest.raises(ArtefactError, match="must be equally long"):
        slow_chroma({"hpcp": melody(1, 100), "crema": melody(1, 200)}, ["hpcp", "crema"], DATACOS_RATE)
