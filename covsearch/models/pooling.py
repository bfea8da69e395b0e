"""From a feature map over time to one vector a track."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskedPooling(nn.Module):
    """Mean and maximum over real frames, concatenated: (B, C, T) -> (B, 2C)."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool `x` (B, C, T), zero where `mask` (B, 1, T) is zero and never negative (after a ReLU)."""
        if mask is None:
            return torch.cat([x.mean(2), x.amax(2)], dim=1)
        # x >= 0 and padding is 0, so the maximum over everything is the maximum over real frames
        return torch.cat([x.sum(2) / mask.sum(2), x.amax(2)], dim=1)  # (B, 2C)


class UnmaskedPooling(MaskedPooling):
    """The report's baseline: padding is pooled like music, so that length leaks into the vector."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool `x` (B, C, T) over all T frames, whatever `mask` says."""
        return super().forward(x, None)


class MomentPooling(nn.Module):
    """Mean, generalised mean with a learned exponent, and standard deviation over real frames: (B, C, T) -> (B, 3C)."""

    def __init__(self) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool `x` (B, C, T), never negative, where `mask` (B, 1, T) is one."""
        count = mask.sum(2)  # (B, 1)
        mean = (x * mask).sum(2) / count
        p = self.exponent.clamp(1, 8)
        general = (((x + 1e-4) ** p * mask).sum(2) / count) ** (1 / p)  # at 0 the power has no gradient
        deviation = (((x - mean[:, :, None]).square() * mask).sum(2) / count + 1e-5).sqrt()
        return torch.cat([mean, general, deviation], dim=1)  # (B, 3C)


POOLINGS: dict[str, type[MaskedPooling]] = {"masked": MaskedPooling, "unmasked": UnmaskedPooling}
