"""A branch that knows a song in any key: circular convolution over pitch, and a maximum over pitch at the end.

Transposing a track rolls its 12 pitch classes. A circular convolution over pitch rolls its output with its input, all
that lies between works on every pitch alike, and a maximum does not care in which pitch it is found: so the vector is
the same in all 12 keys, whatever the weights are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.config import EMBEDDING_DIM, ModelConfig
from covsearch.dataset.chroma import BINS
from covsearch.models.circular import CircularConv
from covsearch.models.norm import make_norm
from covsearch.models.pooling import StatisticsPooling

WIDTHS = (32, 48, 64, 96)
KERNELS = (5, 3, 3, 3)  # in time
STRIDE = 8  # of the last feature map: 2 by the first convolution's stride, 2 by each of two poolings


class Halve(nn.Module):
    """The larger of every two frames: (..., T) -> (..., T / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Halve `x`, whose T is even; max_pool2d, and torch.maximum backwards, take longer."""
        even, odd = x[..., ::2], x[..., 1::2]
        return even + F.relu(odd - even)


class CircularBlock(nn.Module):
    """Convolution over all 12 pitches in a circle and `kernel` frames, normalisation, ReLU and `pool`.

    No bias: the normalisation behind the convolution would cancel it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, norm: str, stride: int, pool: nn.Module) -> None:
        super().__init__()
        self.conv = CircularConv(inputs, outputs, kernel, stride)
        self.norm = make_norm(norm, outputs)
        self.stride, self.pool = stride, pool

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map `x` (B, 12, inputs, T), `mask` (B, 1, 1, T) to (B, 12, outputs, T / stride, pooled) and its mask."""
        if mask is not None:
            mask = mask[..., :: self.stride]
        h = self.conv(x).transpose(1, 2)  # (B, outputs, 12, T / stride)
        h = self.pool(F.relu(self.norm(h, mask)).transpose(1, 2))
        return h, None if mask is None else self.pool(mask)


class InvariantCNN(nn.Module):
    """Frames and lengths to unit vectors: (B, T, F), (B,) -> (B, 128), the same for all 12 transpositions.

    Four circular blocks to 32, 48, 64 and 96 channels, the maximum over pitch, then mean, generalised mean and standard
    deviation over time, dropout 0.1, Dense 128, L2. F = 24 is two channels with one pitch origin. With masked pooling
    the vector depends on nothing behind a track's last frame, and T is any; with unmasked pooling zeros up to
    ``config.features.frames`` are pooled like music, as the report's CNN does.

    Parameters
    ----------
    config : ModelConfig
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.masked = config.pooling == "masked"
        self.frames = config.features.frames
        sizes = itertools.pairwise((config.features.width // BINS, *WIDTHS))
        strides, pools = (2, 1, 1, 1), (nn.Identity(), Halve(), Halve(), nn.Identity())
        self.blocks = nn.ModuleList(
            CircularBlock(i, o, kernel, config.norm, stride, pool)
            for (i, o), kernel, stride, pool in zip(sizes, KERNELS, strides, pools, strict=True)
        )
        self.pooling = StatisticsPooling()
        self.dropout = nn.Dropout(0.1)
        self.dense = nn.Linear(3 * WIDTHS[-1], EMBEDDING_DIM)

    def batch_frames(self, lengths: Sequence[int]) -> int:
        """How far a batch of tracks must be padded: a multiple of 8 when masked, else always `frames`."""
        return -(-max(lengths) // STRIDE) * STRIDE if self.masked else self.frames

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embed `frames` (B, T, F), zero behind each of `lengths` (B,), as unit vectors (B, 128)."""
        x = F.pad(frames, (0, 0, 0, -frames.shape[1] % STRIDE))
        x = x.view(*x.shape[:2], -1, BINS).permute(0, 3, 2, 1)  # (B, 12, F / 12, T)
        mask = None
        if self.masked:
            real = torch.arange(x.shape[3], device=x.device) < lengths[:, None]
            mask = real.to(x.dtype)[:, None, None]  # (B, 1, 1, T)
        x = standardise(x, mask)
        for block in self.blocks:
            x, mask = block(x, mask)  # (B, 12, C, T / 2^k)
        pooled = self.pooling(x.amax(1), None if mask is None else mask[:, :, 0])  # (B, 3C)
        return F.normalize(self.dense(self.dropout(pooled)), dim=1)  # (B, 128)


def standardise(x: Tensor, mask: Tensor | None) -> Tensor:
    """Each frame less its mean over pitch, each channel of a track divided by its root mean square; silence stays zero.

    Parameters
    ----------
    x : Tensor, shape (B, 12, C, T)
    mask : Tensor, shape (B, 1, 1, T), or None
        One where a frame is real; None is everywhere.

    Returns
    -------
    Tensor, shape (B, 12, C, T)
        Zero where masked.
    """
    x = x - x.mean(1, keepdim=True)
    if mask is None:
        return x / (x.square().mean((1, 3), keepdim=True).sqrt() + 1e-6)
    x = x * mask
    power = x.square().sum((1, 3), keepdim=True) / (BINS * mask.sum(3, keepdim=True))  # (B, 1, C, 1)
    return x / (power.sqrt() + 1e-6)
