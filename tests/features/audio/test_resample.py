"""Resampling in blocks."""

from __future__ import annotations

import numpy as np
import soxr
from features.audio.sounds import tones
from hypothesis import given, settings
from hypothesis import strategies as st

from covsearch.features.audio.resample import resampled

SOUND = tones(1, rate=48_000)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=20), target=st.sampled_from([44_100, 16_000, 96_000]))
def test_blocks_change_nothing(cuts: list[int], target: int) -> None:
    found = np.concatenate(list(resampled(np.split(SOUND, sorted(cuts)), 48_000, target)))
    np.testing.assert_allclose(found, soxr.resample(SOUND, 48_000, target), atol=1e-6)
    assert len(found) == target


def test_equal_rates_pass_through() -> None:
    blocks = [SOUND[:100], SOUND[100:]]
    assert all(a is b for a, b in zip(resampled(blocks, 48_000, 48_000), blocks, strict=True))
