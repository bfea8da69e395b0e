"""Masked normalisation against torch's own on the real frames."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from covsearch.models.norm import MaskedBatchNorm, MaskedGroupNorm


def masked_input() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    x = torch.randn(4, 16, 30) * 2 + 1
    mask = (torch.arange(30) < torch.tensor([30, 21, 8, 1])[:, None]).float()[:, None]
    return x, mask


def test_batch_norm_over_real_frames_equals_torchs_on_the_packed_frames() -> None:
    x, mask = masked_input()
    ours, theirs = MaskedBatchNorm(16).train(), nn.BatchNorm1d(16).train()
    with torch.no_grad():
        for layer in (ours, theirs):
            layer.weight.copy_(torch.linspace(0.5, 2, 16))
            layer.bias.copy_(torch.linspace(-1, 1, 16))
    real = mask[:, 0].bool()
    packed = theirs(x.transpose(1, 2)[real])
    torch.testing.assert_close(ours(x, mask).transpose(1, 2)[real], packed, atol=1e-5, rtol=1e-5)
    assert ours(x, mask).transpose(1, 2)[~real].abs().max() == 0


def test_batch_norm_keeps_torchs_running_statistics() -> None:
    x, mask = masked_input()
    ours, theirs = MaskedBatchNorm(16).train(), nn.BatchNorm1d(16).train()
    for _ in range(3):
        ours(x, mask)
        theirs(x.transpose(1, 2)[mask[:, 0].bool()])
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    assert ours.num_batches_tracked == theirs.num_batches_tracked


@pytest.mark.parametrize("training", [True, False])
def test_maps_over_pitch_and_time_are_torchs_when_nothing_is_masked(training: bool) -> None:
    torch.manual_seed(1)
    x = torch.randn(3, 16, 12, 9) * 2 + 1
    ours, theirs = MaskedBatchNorm(16).train(training), nn.BatchNorm2d(16).train(training)
    everything = torch.ones(3, 1, 1, 9)
    for mask in (None, everything):
        torch.testing.assert_close(ours(x, mask), theirs(x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    groups = MaskedGroupNorm(8, 16)
    torch.testing.assert_close(groups(x, everything), nn.GroupNorm(8, 16)(x), atol=1e-5, rtol=1e-5)


def test_maps_over_pitch_and_time_are_normalised_by_real_frames() -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 16, 12, 9) * 2 + 1
    lengths = (9, 4)
    mask = (torch.arange(9) < torch.tensor(lengths)[:, None]).float()[:, None, None]
    batch, theirs = MaskedBatchNorm(16)(x, mask), nn.BatchNorm2d(16)
    packed = theirs(torch.cat([x[i, ..., :n] for i, n in enumerate(lengths)], dim=2)[None])
    torch.testing.assert_close(batch[0], packed[0, ..., :9], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(batch[1, ..., :4], packed[0, ..., 9:], atol=1e-5, rtol=1e-5)
    assert not batch[1, ..., 4:].any()
    group = MaskedGroupNorm(8, 16)(x, mask)
    torch.testing.assert_close(group[1:, ..., :4], nn.GroupNorm(8, 16)(x[1:, ..., :4]), atol=1e-5, rtol=1e-4)
    assert not group[1, ..., 4:].any()


@pytest.mark.parametrize("length", [1, 8, 30])
def test_group_norm_over_real_frames_equals_torchs_on_the_cut_track(length: int) -> None:
    x, _ = masked_input()
    mask = (torch.arange(30) < length).float()[None, None].expand(4, 1, 30)
    ours, theirs = MaskedGroupNorm(8, 16), nn.GroupNorm(8, 16)
    torch.testing.assert_close(ours(x, mask)[..., :length], theirs(x[..., :length]), atol=1e-5, rtol=1e-4)
