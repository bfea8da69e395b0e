"""The laws of the key-invariant branch, and its parts against slow oracles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.features.augment import rotate_key
from covsearch.models.invariant import WIDTHS, CircularBlock, Halve, InvariantCNN, standardise
from covsearch.models.pooling import StatisticsPooling

NORMS = st.sampled_from(["batch", "group"])
FEATURES = st.sampled_from(["hpcp", "hpcp+crema"])


def branch(features: str = "hpcp", norm: str = "batch", pooling: str = "masked", frames: int = 400) -> InvariantCNN:
    """As after a training: running statistics that are not 0 and 1, and biases that padding would show."""
    torch.manual_seed(0)
    config = FeatureConfig(features, frames, 2.69)
    model = InvariantCNN(ModelConfig("invariant", pooling=pooling, norm=norm, features=config))
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.uniform_(-0.3, 0.3)
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("bias"):
                parameter.uniform_(-0.5, 0.5)
    return model.eval()


def music(frames: int, width: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.rand(frames, width, generator=torch.Generator().manual_seed(1000 * seed + frames))


def embed(model: InvariantCNN, *tracks: torch.Tensor, extra: int = 0) -> torch.Tensor:
    batch = nn.utils.rnn.pad_sequence(list(tracks), batch_first=True)
    with torch.inference_mode():
        return model(nn.functional.pad(batch, (0, 0, 0, extra)), torch.tensor([len(track) for track in tracks]))


@settings(max_examples=15)
@given(length=st.integers(1, 200), features=FEATURES, norm=NORMS, seed=st.integers(0, 99))
def test_the_vector_is_the_same_in_all_twelve_keys(length: int, features: str, norm: str, seed: int) -> None:
    model = branch(features, norm)
    track = music(length, 12 * len(features.split("+")), seed)
    keys = [torch.from_numpy(rotate_key(track.numpy(), semitones)) for semitones in range(12)]
    vectors = embed(model, *keys)
    torch.testing.assert_close(vectors, vectors[:1].expand(12, -1), atol=1e-5, rtol=0)


@settings(max_examples=25)
@given(length=st.integers(1, 200), extra=st.integers(0, 300), features=FEATURES, norm=NORMS)
def test_the_vector_is_the_same_under_padding(length: int, extra: int, features: str, norm: str) -> None:
    model, track = branch(features, norm), music(length, 12 * len(features.split("+")))
    torch.testing.assert_close(embed(model, track), embed(model, track, extra=extra), atol=1e-5, rtol=0)


@settings(max_examples=15)
@given(lengths=st.lists(st.integers(1, 200), min_size=2, max_size=5), norm=NORMS)
def test_the_vector_is_the_same_alone_or_in_any_batch(lengths: list[int], norm: str) -> None:
    model = branch(norm=norm)
    tracks = [music(length, seed=i) for i, length in enumerate(lengths)]
    alone = torch.cat([embed(model, track) for track in tracks])
    torch.testing.assert_close(embed(model, *tracks), alone, atol=1e-5, rtol=0)


def test_what_is_behind_the_length_does_not_matter() -> None:
    model, track = branch(), music(150)
    garbage = track.clone()
    garbage[90:] = 7
    with torch.inference_mode():
        vector = model(garbage[None], torch.tensor([90]))
    torch.testing.assert_close(vector, embed(model, track[:90]), atol=1e-6, rtol=0)


def test_different_music_has_different_vectors() -> None:
    vectors = embed(branch(), music(80, seed=1), music(80, seed=2), torch.flip(music(80, seed=1), [1]))
    assert (torch.pdist(vectors) > 1e-2).all()


@pytest.mark.parametrize("mode", ["batch", "group", "training"])
def test_silence_and_single_frames_have_unit_vectors(mode: str) -> None:
    model = branch(norm="group" if mode == "group" else "batch").train(mode == "training")
    batch = torch.zeros(3, 40, 12)
    batch[1, 0, 3] = 1
    batch[2, :20] = 1 / 12  # every pitch alike: nothing is left when the mean is gone
    vectors = model(batch, torch.tensor([40, 1, 20]))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    vectors[:, 0].sum().backward()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in model.parameters())


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("pooling", ["masked", "unmasked"])
def test_the_gradient_reaches_every_parameter(norm: str, pooling: str) -> None:
    model = branch("hpcp+crema", norm, pooling).train()
    tracks = nn.utils.rnn.pad_sequence([music(n, 24) for n in (64, 50, 9)], batch_first=True)
    vectors = model(tracks, torch.tensor([64, 50, 9]))
    (vectors * torch.linspace(-1, 1, 128)).square().sum().backward()
    unreached = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert unreached == []


def test_a_training_step_does_not_see_padding() -> None:
    tracks = nn.utils.rnn.pad_sequence([music(n) for n in (64, 50, 9)], batch_first=True)
    found = []
    for extra in (0, 64):
        model = branch().train()
        model.dropout.p = 0.0
        padded = nn.functional.pad(tracks, (0, 0, 0, extra))
        model(padded, torch.tensor([64, 50, 9]))[:, 0].sum().backward()
        found.append([model.blocks[0].conv.weight.grad, *(block.norm.running_var for block in model.blocks)])
    for short, long in zip(*found, strict=True):
        torch.testing.assert_close(short, long, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("stride", "halves"), [(2, False), (1, True), (1, False)])
def test_a_block_is_convolution_normalisation_relu_and_pooling(stride: int, halves: bool) -> None:
    torch.manual_seed(3)
    block = CircularBlock(2, 8, 3, "batch", stride, Halve() if halves else nn.Identity()).train()
    x, everything = torch.randn(2, 12, 2, 16), torch.ones(2, 1, 1, 16)
    got, mask = block(x, everything)
    h = torch.relu(nn.BatchNorm2d(8)(block.conv(x).transpose(1, 2)))
    if halves:
        h = nn.functional.max_pool2d(h, (1, 2))
    torch.testing.assert_close(got.transpose(1, 2), h, atol=1e-5, rtol=1e-5)
    assert mask.shape[3] == got.shape[3]
    torch.testing.assert_close(block(x, None)[0], got, atol=1e-5, rtol=1e-5)


@given(st.integers(1, 30), st.integers(0, 9), st.floats(1e-2, 1e2))
def test_standardised_tracks_have_no_mean_and_no_scale(length: int, silent: int, gain: float) -> None:
    x = torch.rand(1, 12, 2, length + silent, generator=torch.Generator().manual_seed(length)) * gain
    mask = (torch.arange(length + silent) < length).float()[None, None, None]
    found = standardise(x, mask)
    assert not found[..., length:].any()
    torch.testing.assert_close(found[..., :length], standardise(x[..., :length], None), atol=1e-4, rtol=1e-4)
    assert found.mean(1).abs().max() < 1e-4
    torch.testing.assert_close(found[..., :length].square().mean((1, 3)).sqrt(), torch.ones(1, 2), atol=1e-3, rtol=0)


def test_statistics_against_numpy_and_blind_to_padding() -> None:
    pooling, x = StatisticsPooling(), torch.rand(2, 5, 20)
    mask = (torch.arange(20) < torch.tensor([20, 7])[:, None]).float()[:, None]
    pooled = pooling(x * mask, mask).detach().numpy()
    for row, length in enumerate((20, 7)):
        real = x[row, :, :length].double().numpy()
        generalised = np.mean((real + 1e-4) ** 3, axis=1) ** (1 / 3)
        expected = np.concatenate([real.mean(1), generalised, np.sqrt(real.var(1) + 1e-5)])
        np.testing.assert_allclose(pooled[row], expected, atol=1e-5)
    torch.testing.assert_close(pooling(x, None), pooling(x, torch.ones(2, 1, 20)))


def test_the_exponent_stays_between_mean_and_maximum() -> None:
    pooling, x = StatisticsPooling(), torch.rand(1, 4, 50)
    pooling.p.data.fill_(-5.0)
    torch.testing.assert_close(pooling(x, None)[:, 4:8], x.mean(2), atol=2e-4, rtol=0)
    pooling.p.data.fill_(99.0)
    assert (pooling(x, None)[:, 4:8] < x.amax(2) + 2e-4).all()


def test_unmasked_pooling_takes_padding_for_music() -> None:
    model, track = branch(pooling="unmasked"), music(100)
    assert (embed(model, track) - embed(model, track, extra=300)).abs().max() > 1e-3


def test_batches_are_padded_to_whole_steps() -> None:
    assert branch().batch_frames([10, 17]) == 24
    assert branch().batch_frames([8, 1]) == 8
    assert branch(pooling="unmasked").batch_frames([10, 17]) == 400


def test_parameter_count() -> None:
    """Convolutions as wide as the circle, a pair for each norm, one exponent, one dense layer."""
    convolutions = 12 * (1 * 32 * 5 + 32 * 48 * 3 + 48 * 64 * 3 + 64 * 96 * 3)
    expected = convolutions + 2 * sum(WIDTHS) + 1 + (3 * 96 * 128 + 128)
    assert sum(parameter.numel() for parameter in branch().parameters()) == expected == 426_465
