"""Normalisation that does not see padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUPS = 8  # divides the channels of every branch


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose training statistics are taken over real frames only.

    Maps are (B, C, T) or (B, C, P, T), with masks that have 1 for C and P. Equal to ``nn.BatchNorm1d`` and
    ``nn.BatchNorm2d`` when nothing is masked, and in evaluation; the output is zero where masked.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (3, 4):
            raise ValueError(f"expected a map of 3 or 4 dimensions, got {input.dim()}")

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise `x` (B, C, ..., T) with `mask` (B, 1, ..., T) of ones (real) and zeros (padding)."""
        if mask is None:
            return super().forward(x)
        mask = mask.to(x.dtype)
        if not self.training or bool(mask.all()):  # torch's own way is one pass over memory, this one is five
            return super().forward(x) * mask
        axes = (0, *range(2, x.dim()))
        shape = (-1, *(1,) * (x.dim() - 2))
        count = mask.sum(dtype=torch.float32) * (x.numel() // (x.shape[1] * mask.numel()))
        mean = (x * mask).sum(axes, dtype=torch.float32) / count  # (C,)
        centred = (x - mean.view(shape).to(x.dtype)) * mask
        variance = centred.square().sum(axes, dtype=torch.float32) / count  # (C,)
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return centred * scale.view(shape).to(x.dtype) + self.bias.view(shape).to(x.dtype) * mask

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
        grouped = x.reshape(x.shape[0], self.num_groups, -1, x.shape[-1])  # (B, G, C/G * P, T)
        real = mask.reshape(x.shape[0], 1, 1, -1)
        count = real.sum((2, 3), keepdim=True) * grouped.shape[2]
        centred = grouped - (grouped * real).sum((2, 3), keepdim=True) / count
        variance = (centred.square() * real).sum((2, 3), keepdim=True) / count
        normed: Tensor = (centred * torch.rsqrt(variance + self.eps)).reshape(x.shape)
        shape = (-1, *(1,) * (x.dim() - 2))
        return torch.addcmul(self.bias.view(shape), normed, self.weight.view(shape)) * mask


def make_norm(kind: str, channels: int) -> MaskedBatchNorm | MaskedGroupNorm:
    """``batch`` (Table 1) or ``group`` (8 groups) over `channels`."""
    return MaskedBatchNorm(channels) if kind == "batch" else MaskedGroupNorm(GROUPS, channels)
