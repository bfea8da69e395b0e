"""The laws of the key-invariant branch: rotation, padding and company do not change an embedding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.embedding import embed_frames
from covsearch.features.augment import rotate_key
from covsearch.models import Siamese
from covsearch.models.invariant import InvariantCNN
from covsearch.models.norm import make_norm
from covsearch.models.pooling import MomentPooling


def model(features: str = "hpcp", norm: str = "batch", pooling: str = "masked", tempi: int = 1) -> Siamese:
    torch.manual_seed(0)
    config = ModelConfig("invariant", pooling, norm, tempi=tempi, features=FeatureConfig(features, 256, 2.69))
    made = Siamese(config)
    with torch.no_grad():
        for _ in range(20):  # running statistics as of a trained network, without which all vectors are all but equal
            made.embed(torch.rand(8, 96, 24 if "+" in features else 12), torch.randint(20, 96, (8,)))
    return made.eval()


def track(seed: int, length: int, width: int = 12) -> NDArray[np.float16]:
    return np.random.default_rng(seed).random((length, width)).astype(np.float16)


MODELS = {(features, norm): model(features, norm) for features in ("hpcp", "hpcp+crema") for norm in ("batch", "group")}
MODELS["hpcp", "at three tempi"] = model(tempi=3)
whichever = st.sampled_from(sorted(MODELS))
lengths = st.integers(1, 120)


@settings(max_examples=25)
@given(whichever, st.integers(0, 10**6), lengths)
def test_an_embedding_is_the_same_in_all_twelve_keys(which: tuple[str, str], seed: int, length: int) -> None:
    x = track(seed, length, 24 if "+" in which[0] else 12).astype(np.float32)
    keys = [rotate_key(x, k).astype(np.float16) for k in range(12)]
    vectors = embed_frames(MODELS[which], keys)
    np.testing.assert_allclose(vectors, np.repeat(vectors[:1], 12, axis=0), atol=1e-5)


@settings(max_examples=25)
@given(whichever, st.integers(0, 10**6), lengths, st.integers(1, 200))
def test_an_embedding_is_the_same_under_more_padding(which: tuple[str, str], seed: int, length: int, more: int) -> None:
    x = torch.from_numpy(track(seed, length, 24 if "+" in which[0] else 12).astype(np.float32))[None]
    padded = nn.functional.pad(x, (0, 0, 0, more))
    with torch.inference_mode():
        a, b = (MODELS[which].embed(frames, torch.tensor([length])) for frames in (x, padded))
    np.testing.assert_allclose(a, b, atol=1e-5)


@settings(max_examples=15)
@given(whichever, st.lists(st.tuples(st.integers(0, 10**6), lengths), min_size=2, max_size=5))
def test_an_embedding_is_the_same_alone_and_in_any_batch(which: tuple[str, str], tracks: list[tuple[int, int]]) -> None:
    width = 24 if "+" in which[0] else 12
    sequences = [track(seed, length, width) for seed, length in tracks]
    together = embed_frames(MODELS[which], sequences)
    alone = np.concatenate([embed_frames(MODELS[which], [sequence]) for sequence in sequences])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_vectors_are_unit_and_tell_tracks_apart() -> None:
    vectors = embed_frames(MODELS["hpcp", "batch"], [track(seed, 90) for seed in range(4)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.linalg.norm(vectors[0] - vectors[1]) > 1e-3


@pytest.mark.parametrize("which", sorted(MODELS))
def test_silence_and_a_single_frame_are_finite(which: tuple[str, str]) -> None:
    width = 24 if "+" in which[0] else 12
    tracks = [np.zeros((40, width), np.float16), track(0, 1, width), np.zeros((1, width), np.float16)]
    for batch in (tracks, *([one] for one in tracks)):
        vectors = embed_frames(MODELS[which], batch)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)  # so neither NaN nor infinite


def test_a_training_step_with_silence_and_a_single_frame_has_a_finite_gradient() -> None:
    branch = InvariantCNN(ModelConfig("invariant")).train()
    x = torch.zeros(3, 40, 12)
    x[2, 0] = torch.rand(12)
    branch(x, torch.tensor([40, 1, 1]))[:, 0].sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in branch.parameters())
    assert all(bool(torch.isfinite(buffer).all()) for buffer in branch.buffers())


def test_reordering_pitches_other_than_by_rotation_matters() -> None:
    x = track(3, 64)
    mirrored = np.ascontiguousarray(x[:, ::-1])
    a, b = embed_frames(MODELS["hpcp", "batch"], [x, mirrored])
    assert np.abs(a - b).max() > 1e-4


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_gradient_reaches_every_parameter(norm: str) -> None:
    branch = InvariantCNN(ModelConfig("invariant", norm=norm)).train()
    x = torch.rand(4, 40, 12)
    branch(x, torch.tensor([40, 33, 17, 8])).square().mul(torch.rand(4, 128)).sum().backward()
    missing = [name for name, p in branch.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("lengths", [[40, 40], [40, 1]], ids=["full", "padded"])
def test_a_step_in_lower_precision_has_float32_vectors_and_nearly_the_same_gradient(
    norm: str, lengths: list[int]
) -> None:
    x = torch.from_numpy(np.stack([track(seed, 40) for seed in range(2)]).astype(np.float32))
    x[1, lengths[1] :] = 0
    weights = torch.rand(2, 128, generator=torch.Generator().manual_seed(0))
    gradients = []
    for half in (False, True):
        torch.manual_seed(0)
        branch = InvariantCNN(ModelConfig("invariant", norm=norm)).train()
        branch.dropout.p = 0.0
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            vectors = branch(x, torch.tensor(lengths))
        assert vectors.dtype == torch.float32
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
        (vectors * weights).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in branch.parameters()]))
    assert float(nn.functional.cosine_similarity(*gradients, dim=0)) > 0.98


def test_lower_precision_gives_nearly_the_same_vector() -> None:
    x, length = torch.from_numpy(track(5, 80).astype(np.float32))[None], torch.tensor([80])
    with torch.inference_mode():
        full = MODELS["hpcp", "batch"].embed(x, length)
        with torch.autocast("cpu", torch.bfloat16):
            half = MODELS["hpcp", "batch"].embed(x, length)
    assert half.dtype == torch.float32
    assert float((full * half).sum()) > 0.99


def test_unmasked_pooling_always_sees_as_many_frames() -> None:
    made = model(pooling="unmasked")
    assert made.batch_frames([3, 40]) == 256
    a, b = (embed_frames(made, [x]) for x in (track(0, 40), np.pad(track(0, 40), ((0, 100), (0, 0)))))
    assert np.isfinite(a).all()
    assert np.abs(a - b).max() > 1e-6  # the same music, more zeros: another loudness per pooled frame


def test_the_masked_norm_over_pitch_and_time_equals_torch_where_nothing_is_masked() -> None:
    x = torch.randn(3, 32, 12, 20)
    mask = torch.ones(3, 1, 1, 20)
    ours, theirs = make_norm("batch", 32), nn.BatchNorm2d(32)
    torch.testing.assert_close(ours(x, mask), theirs(x))
    mask[1, :, :, 10:] = 0
    got = ours.train()(x * mask, mask)
    real = torch.cat([x[0], x[1, :, :, :10], x[2]], dim=2).flatten(1)  # (32, real frames x 12)
    expected = (x - real.mean(1)[:, None, None]) * torch.rsqrt(real.var(1, unbiased=False) + ours.eps)[:, None, None]
    torch.testing.assert_close(got, expected * mask, atol=1e-5, rtol=1e-4)


def test_the_masked_norm_learns_what_torchs_does_from_the_real_frames() -> None:
    """A track that is all padding takes the masked way, of whose result the others must be torch's own."""
    x = torch.randn(3, 32, 12, 20) * 2 + 1
    mask = torch.tensor([1.0, 0.0, 1.0])[:, None, None, None].expand(3, 1, 1, 20)
    ours, theirs = make_norm("batch", 32), nn.BatchNorm2d(32)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    got, expected = ours(a, mask)[[0, 2]], theirs(b[[0, 2]])
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    for output in (got, expected):
        (output**3).sum().backward()
    torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("length", [1, 7, 20])
def test_group_norm_over_pitch_and_time_equals_torchs_on_the_cut_track(length: int) -> None:
    x = torch.randn(2, 32, 12, 20)
    mask = (torch.arange(20) < length).float().expand(2, 1, 1, 20)
    got = make_norm("group", 32)(x, mask)
    torch.testing.assert_close(got[..., :length], nn.GroupNorm(8, 32)(x[..., :length]), atol=1e-5, rtol=1e-4)
    assert got[..., length:].abs().sum() == 0


def test_the_pooled_moments_are_those_of_the_real_frames() -> None:
    x = torch.rand(2, 5, 9)
    mask = torch.ones(2, 1, 9)
    mask[0, :, 4:] = 0
    pooled = MomentPooling()(x * mask, mask)
    some = x[0, :, :4]
    general = ((some + 1e-4) ** 3).mean(1) ** (1 / 3)
    expected = torch.cat([some.mean(1), general, (some.var(1, unbiased=False) + 1e-5).sqrt()])
    torch.testing.assert_close(pooled[0], expected)
