"""A branch that knows a song in any key: circular convolutions over pitch, the maximum over pitch last.

Transposing a performance rotates the 12 bins of every frame; a circular convolution rotates its output with its
input, and the maximum over all 12 rotations does not change.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.config import EMBEDDING_DIM, ModelConfig
from covsearch.dataset.chroma import BINS
from covsearch.models.circular import CircularConv
from covsearch.models.norm import make_norm
from covsearch.models.pooling import MomentPooling

WIDTHS = (48, 64, 96, 128)
KERNELS = (5, 3, 3, 3)  # frames
STRIDE = 8  # time is halved by the first convolution and twice by pooling
_SILENT = 1e-6  # added to a track's RMS


class InvariantCNN(nn.Module):
    """Frames and lengths to unit vectors that are the same in every key: (B, T, F), (B,) -> (B, 128).

    Centred frames of one loudness a track, four circular convolutions with normalisation and ReLU, the maximum over
    pitch, mean ‖ generalised mean ‖ standard deviation over real frames, Linear 128, L2. With masked pooling nothing
    behind a track's last frame has a say; with unmasked pooling, for comparison only, zeros up to
    ``config.features.frames`` are pooled like music.

    Parameters
    ----------
    config : ModelConfig
        F = 24 is two chroma features with a common pitch origin: two channels that are transposed together.

    References
    ----------
    Transposition by a maximum over circular convolutions: Xu et al., "Key-invariant convolutional neural network toward
    efficient cover song identification", ICME 2018. Generalised mean: Radenović et al., "Fine-tuning CNN image
    retrieval with no human annotation", TPAMI 2019, eq. 3.
    """

    widths: ClassVar[tuple[int, ...]] = WIDTHS

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.masked = config.pooling == "masked"
        self.frames = config.features.frames
        widths = (config.features.width // BINS, *self.widths)
        self.convs = nn.ModuleList(
            CircularConv(i, o, frames, 2 if layer == 0 else 1)
            for layer, ((i, o), frames) in enumerate(zip(itertools.pairwise(widths), KERNELS, strict=True))
        )
        self.norms = nn.ModuleList(make_norm(config.norm, width) for width in self.widths)
        self.pooling = MomentPooling()
        self.dropout = nn.Dropout(0.1)
        self.dense = nn.Linear(3 * self.widths[-1], EMBEDDING_DIM)

    def batch_frames(self, lengths: Sequence[int]) -> int:
        """How far a batch of tracks must be padded: a multiple of 8 when masked, else always `frames`."""
        return -(-max(lengths) // STRIDE) * STRIDE if self.masked else self.frames

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embed `frames` (B, T, F), zero behind each of `lengths` (B,), as unit vectors (B, 128)."""
        pooled = self.pooling(*self.moments(frames, lengths))  # (B, 3 C')
        with torch.autocast(frames.device.type, enabled=False):
            return F.normalize(self.dense(self.dropout(pooled)), dim=1)  # (B, 128)

    def moments(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What is pooled over time: channels (B, C', T / 8), never negative; and what of it is real (B, 1, T / 8)."""
        batch, length, width = frames.shape
        x = frames.reshape(batch, length, width // BINS, BINS).permute(0, 3, 2, 1)  # (B, 12, C, T)
        x = F.pad(x, (0, -length % STRIDE))
        real = torch.arange(x.shape[3], device=x.device) < lengths[:, None]
        mask = real.to(x.dtype)[:, None, None]  # (B, 1, 1, T)
        x = _levelled(x, mask)
        mask = mask if self.masked else torch.ones_like(mask)
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = conv(x)  # (B, 12, C', T')
            if layer == 0:
                mask = _halved(mask)
            x = F.relu(norm(x.transpose(1, 2), mask)).transpose(1, 2)
            if layer in (1, 2):
                x, mask = _halved(x), _halved(mask)
        return x.amax(1).float(), mask[:, 0]  # moments in float32, also under autocast


def _levelled(x: Tensor, mask: Tensor) -> Tensor:
    """Frames of `x` (B, 12, C, T) without their mean over pitch, and every track's RMS over real frames 1."""
    x = (x - x.mean(1, keepdim=True)) * mask
    power = x.square().sum((1, 2, 3)) / (x.shape[1] * x.shape[2] * mask.sum((1, 2, 3)))  # (B,)
    return x / (power.sqrt() + _SILENT)[:, None, None, None]


def _halved(x: Tensor) -> Tensor:
    """The larger of every two neighbours in time: (..., T) to (..., T / 2); T is even."""
    return torch.maximum(x[..., ::2], x[..., 1::2])  # max_pool2d copies this layout twice
