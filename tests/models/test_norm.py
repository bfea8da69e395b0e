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


@pytest.mark.parametrize("length", [1, 8, 30])
def test_group_norm_over_real_frames_equals_torchs_on_the_cut_track(length: int) -> None:
    x, _ = masked_input()
    mask = (torch.arange(30) < length).float()[None, None].expand(4, 1, 30)
    ours, theirs = MaskedGroupNorm(8, 16), nn.GroupNorm(8, 16)
    torch.testing.assert_close(ours(x, mask)[..., :length], theirs(x[..., :length]), atol=1e-5, rtol=1e-4)
