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


POOLINGS: dict[str, type[MaskedPooling]] = {"masked": MaskedPooling, "unmasked": UnmaskedPooling}
