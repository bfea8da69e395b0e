"""Convolution around the circle of 12 pitch classes and along time, computed in the Fourier domain of pitch.

A kernel as wide as the circle costs 12 x 12 products for every pair of channels and every frame. In the real Fourier
basis of 12 points a circular convolution falls apart into two real frequencies and five pairs of cosine and sine, which
do not mix: 24 products instead of 144, as six groups of an ordinary convolution over time. Forward and backward take a
quarter of ``conv2d``'s time on a padded circle.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.dataset.chroma import BINS

CENTRE = 5  # the tap that sees a pitch itself
GROUPS = BINS // 2


def fourier_basis() -> Tensor:
    """The real Fourier basis of 12 points, orthonormal rows: constant and alternating, then five cosines and sines.

    Returns
    -------
    Tensor of float64, shape (12, 12)
        Rows 2g and 2g + 1 span what any circular convolution keeps to itself.
    """
    at = 2 * math.pi * torch.arange(BINS, dtype=torch.float64) / BINS
    rows = [torch.ones_like(at), torch.cos(6 * at)]
    for frequency in range(1, GROUPS):
        rows += [math.sqrt(2) * torch.cos(frequency * at), math.sqrt(2) * torch.sin(frequency * at)]
    return torch.stack(rows) / math.sqrt(BINS)


def tap_blocks(basis: Tensor) -> Tensor:
    """What each tap of a kernel does within each pair of basis rows.

    Parameters
    ----------
    basis : Tensor, shape (12, 12)

    Returns
    -------
    Tensor, shape (6, 2, 2, 12)
        Of pair g, from row j to row i, by a kernel that is 1 at tap d and 0 elsewhere.
    """
    pairs = basis.view(GROUPS, 2, BINS)
    # tap d shows pitch p the pitch p + d - CENTRE
    shifted = torch.stack([pairs.roll(CENTRE - d, dims=2) for d in range(BINS)])  # (12, 6, 2, 12)
    return torch.einsum("gip,dgjp->gijd", pairs, shifted)


class CircularConv(nn.Module):
    """12 pitches in a circle and `kernel` frames, zeros before the first and behind the last; no bias.

    Equal to ``conv2d`` of x padded around the circle; the weights are its weights.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernel : int
        Frames, odd.
    stride : int
        In time.
    """

    basis: Tensor
    taps: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, BINS, kernel))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as torch's own convolutions
        self.stride = stride
        self.register_buffer("basis", fourier_basis().float(), persistent=False)
        self.register_buffer("taps", tap_blocks(fourier_basis()).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `x` (B, 12, inputs, T) to (B, 12, outputs, ceil(T / stride))."""
        outputs, inputs, _, kernel = self.weight.shape
        waves = (self.basis @ x.flatten(2)).view(len(x), BINS * inputs, -1)  # (B, 12 inputs, T)
        weight = torch.einsum("gijd,ocdk->giojck", self.taps, self.weight).reshape(BINS * outputs, 2 * inputs, kernel)
        waves = F.conv1d(waves, weight, stride=self.stride, padding=kernel // 2, groups=GROUPS)
        return (self.basis.T @ waves.view(len(x), BINS, -1)).view(len(x), BINS, outputs, -1)
