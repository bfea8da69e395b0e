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


class StatisticsPooling(nn.Module):
    """Mean, generalised mean and standard deviation over real frames, concatenated: (B, C, T) -> (B, 3C).

    The generalised mean ``(mean of h^p)^(1/p)`` lies between mean (p = 1) and maximum; p is learned (GeM, Radenović
    et al. 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool `x` (B, C, T), never negative, where `mask` (B, 1, T) is one; None pools all T frames."""
        real = torch.ones_like(x[:, :1]) if mask is None else mask
        count = real.sum(2)  # (B, 1)
        p = self.p.clamp(1, 8)
        mean = (x * real).sum(2) / count  # (B, C)
        generalised = (((x + 1e-4).pow(p) * real).sum(2) / count).pow(1 / p)  # 0 has no gradient
        variance = ((x - mean[..., None]).square() * real).sum(2) / count
        return torch.cat([mean, generalised, (variance + 1e-5).sqrt()], dim=1)  # (B, 3C)


POOLINGS: dict[str, type[MaskedPooling]] = {"masked": MaskedPooling, "unmasked": UnmaskedPooling}
