"""The report's residual 1-D CNN branch, Table 1 layers 1-17."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.config import EMBEDDING_DIM, ModelConfig
from covsearch.models.norm import make_norm
from covsearch.models.pooling import POOLINGS

CHANNELS = (32, 64, 128, 256)
TIME_POOL = 4
STRIDE = TIME_POOL ** len(CHANNELS)  # one step of the last feature map spans 256 frames


class ResBlock1D(nn.Module):
    """Conv1d(k3)+norm+ReLU twice with a 1x1 skip (He et al. 2016), dropout, then MaxPool 4 (Table 1, layers 3-4).

    The convolutions have no bias: the normalisation behind each would cancel it.
    """

    def __init__(self, inputs: int, outputs: int, norm: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = make_norm(norm, outputs)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = make_norm(norm, outputs)
        self.skip = nn.Conv1d(inputs, outputs, 1, bias=False)
        self.dropout = nn.Dropout(0.2)
        self.pool = nn.MaxPool1d(TIME_POOL)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map `x` (B, inputs, T), `mask` (B, 1, T) to (B, outputs, T // 4) and the mask at that rate."""
        h = F.relu(self.norm1(self.conv1(x), mask))  # (B, outputs, T)
        h = F.relu(self.norm2(self.conv2(h), mask) + self.skip(x))  # (B, outputs, T)
        h = self.pool(self.dropout(h))  # (B, outputs, T // 4)
        return h, None if mask is None else self.pool(mask)


class ResidualCNN(nn.Module):
    """Frames and lengths to unit vectors: (B, T, F), (B,) -> (B, 128).

    Four residual blocks F -> 32 -> 64 -> 128 -> 256, global mean and maximum, Dense 512, ReLU, dropout 0.3, Dense
    128, L2. With masked pooling the vector depends on nothing behind a track's last frame: padding is zeroed
    after every layer, and T is brought to a multiple of 256 so that no pooling window is cut off. With
    unmasked pooling it is the report's network, which sees the zeros up to ``config.features.frames``.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.masked = config.pooling == "masked"
        self.frames = config.features.frames
        widths = (config.features.width, *CHANNELS)
        blocks = [ResBlock1D(i, o, config.norm) for i, o in itertools.pairwise(widths)]
        self.blocks = nn.ModuleList(blocks)
        self.pooling = POOLINGS[config.pooling]()
        self.dense1 = nn.Linear(2 * CHANNELS[-1], 512)
        self.dropout = nn.Dropout(0.3)
        self.dense2 = nn.Linear(512, EMBEDDING_DIM)

    def batch_frames(self, lengths: Sequence[int]) -> int:
        """How far a batch of tracks must be padded: a multiple of 256 when masked, else always `frames`."""
        return -(-max(lengths) // STRIDE) * STRIDE if self.masked else self.frames

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embed `frames` (B, T, F), zero behind each of `lengths` (B,), as unit vectors (B, 128)."""
        x = frames.transpose(1, 2)  # (B, F, T)
        mask = None
        if self.masked:
            x = F.pad(x, (0, -x.shape[2] % STRIDE))
            mask = (torch.arange(x.shape[2], device=x.device) < lengths[:, None]).to(x.dtype)[:, None]  # (B, 1, T)
            x = x * mask
        for block in self.blocks:
            x, mask = block(x, mask)  # (B, C, T // 4^k)
        pooled = self.pooling(x, mask)  # (B, 512)
        hidden = self.dropout(F.relu(self.dense1(pooled)))  # (B, 512)
        return F.normalize(self.dense2(hidden), dim=1)  # (B, 128)
