"""Normalisation that does not see padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUPS = 8  # divides 32, 64, 128 and 256


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose training statistics are taken over real frames only.

    Equal to ``nn.BatchNorm1d`` when nothing is masked, and in evaluation; the output is zero where masked.
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise `x` (B, C, T) with `mask` (B, 1, T) of ones (real) and zeros (padding)."""
        if mask is None:
            return super().forward(x)
        if not self.training:
            return super().forward(x) * mask
        count = mask.sum()
        mean = (x * mask).sum((0, 2)) / count  # (C,)
        centred = (x - mean[:, None]) * mask  # (B, C, T)
        variance = centred.square().sum((0, 2)) / count  # (C,)
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return centred * scale[:, None] + self.bias[:, None] * mask

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked.add_(1)


class MaskedGroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He 2018) with statistics over each track's real frames only."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise `x` (B, C, T) with `mask` (B, 1, T) of ones (real) and zeros (padding)."""
        if mask is None:
            return super().forward(x)
        grouped = x.reshape(x.shape[0], self.num_groups, -1, x.shape[2])  # (B, G, C/G, T)
        real = mask[:, None]  # (B, 1, 1, T)
        count = real.sum((2, 3), keepdim=True) * grouped.shape[2]
        centred = grouped - (grouped * real).sum((2, 3), keepdim=True) / count
        variance = (centred.square() * real).sum((2, 3), keepdim=True) / count
        normed: Tensor = (centred * torch.rsqrt(variance + self.eps)).flatten(1, 2)  # (B, C, T)
        return torch.addcmul(self.bias[:, None], normed, self.weight[:, None]) * mask


def make_norm(kind: str, channels: int) -> MaskedBatchNorm | MaskedGroupNorm:
    """``batch`` (Table 1) or ``group`` (8 groups) over `channels`."""
    return MaskedBatchNorm(channels) if kind == "batch" else MaskedGroupNorm(GROUPS, channels)
