"""Normalisation that does not see padding, of feature maps over time (B, C, T) or over pitch and time (B, C, P, T)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

GROUPS = 8  # divides the channels of every branch


class MaskedBatchNorm(_BatchNorm):
    """Batch normalisation whose training statistics are taken over real frames only.

    Equal to ``nn.BatchNorm1d`` or ``nn.BatchNorm2d`` when nothing is masked, and in evaluation; the output is zero
    where masked.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Maps of any number of axes are normalised alike."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise `x` (B, C, ..., T) with `mask` (B, 1, ..., T) of ones (real) and zeros (padding)."""
        if mask is None:
            return super().forward(x)
        if not self.training:
            return super().forward(x) * mask
        over = [axis for axis in range(x.dim()) if axis != 1]
        shape = (-1, *[1] * (x.dim() - 2))
        count = mask.sum() * x.shape[2:-1].numel()
        mean = (x * mask).sum(over) / count  # (C,)
        centred = (x - mean.view(shape)) * mask  # (B, C, ..., T)
        variance = centred.square().sum(over) / count  # (C,)
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return torch.addcmul(self.bias.view(shape) * mask, centred, scale.view(shape))

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
        """Normalise `x` (B, C, ..., T) with `mask` (B, 1, ..., T) of ones (real) and zeros (padding)."""
        if mask is None:
            return super().forward(x)
        grouped = x.reshape(x.shape[0], self.num_groups, -1, x.shape[-1])  # (B, G, C/G * ..., T)
        real = mask.reshape(len(x), 1, 1, -1)  # (B, 1, 1, T)
        count = real.sum((2, 3), keepdim=True) * grouped.shape[2]
        centred = grouped - (grouped * real).sum((2, 3), keepdim=True) / count
        variance = (centred.square() * real).sum((2, 3), keepdim=True) / count
        normed = (centred * torch.rsqrt(variance + self.eps)).reshape(x.shape)  # (B, C, ..., T)
        shape = (-1, *[1] * (x.dim() - 2))
        return torch.addcmul(self.bias.view(shape), normed, self.weight.view(shape)) * mask


def make_norm(kind: str, channels: int) -> MaskedBatchNorm | MaskedGroupNorm:
    """``batch`` (Table 1) or ``group`` (8 groups) over `channels`."""
    return MaskedBatchNorm(channels) if kind == "batch" else MaskedGroupNorm(GROUPS, channels)
