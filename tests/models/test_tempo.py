"""A performance at other tempi, and the embedding that is the mean over them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.embedding import embed_frames
from covsearch.errors import UsageError
from covsearch.models import Siamese
from covsearch.models.tempo import ratios, stretched


def test_tempi_are_spread_evenly_in_octaves() -> None:
    np.testing.assert_allclose(ratios(5), [2**-0.15, 2**-0.075, 1, 2**0.075, 2**0.15])
    assert ratios(1) == (1.0,)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.sampled_from((*ratios(5), 0.5, 2.0)))
def test_a_stretched_track_is_interpolated_and_knows_nothing_of_its_company(lengths: list[int], ratio: float) -> None:
    tracks = [np.random.default_rng(length).random((length, 12)) for length in lengths]
    batch = torch.zeros(len(tracks), max(lengths) + 3, 12, dtype=torch.float64)
    for row, track in zip(batch, tracks, strict=True):
        row[: len(track)] = torch.from_numpy(track)
    frames, longer = stretched(batch, torch.tensor(lengths), ratio)
    for row, track, length in zip(frames.numpy(), tracks, longer.tolist(), strict=True):
        assert length == int((len(track) - 1) * ratio) + 1
        expected = [np.interp(np.arange(length) / ratio, np.arange(len(track)), column) for column in track.T]
        np.testing.assert_allclose(row[:length], np.stack(expected, axis=1), atol=1e-5)
        assert not row[length:].any()


def test_an_embedding_is_the_mean_over_the_tempi() -> None:
    features = FeatureConfig("hpcp", 256, 2.69)
    torch.manual_seed(0)
    one = Siamese(ModelConfig("invariant", features=features)).eval()
    three = Siamese(ModelConfig("invariant", tempi=3, features=features)).eval()
    three.load_state_dict(one.state_dict())
    frames, length = torch.rand(1, 80, 12), torch.tensor([80])
    with torch.inference_mode():
        parts = [one.embed(*stretched(frames, length, ratio)).numpy()[0] for ratio in ratios(3)]
    mean = np.sum(parts, axis=0)
    (found,) = embed_frames(three, [frames[0].numpy().astype(np.float32)])  # type: ignore[list-item]
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize(("pooling", "tempi"), [("masked", 2), ("masked", 0), ("masked", 11), ("unmasked", 3)])
def test_tempi_that_cannot_be_are_refused(pooling: str, tempi: int) -> None:
    with pytest.raises(UsageError, match="tempi must be"):
        ModelConfig("invariant", pooling, tempi=tempi)
