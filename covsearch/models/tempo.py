"""Performances at other tempi, as a batch has them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SPREAD = 0.15  # octaves of tempo to either side: 0.90 to 1.11


def ratios(tempi: int) -> tuple[float, ...]:
    """So many stretches, evenly spread in octaves from 0.90 to 1.11; of one, 1."""
    if tempi == 1:
        return (1.0,)
    return tuple(float(2 ** (SPREAD * (2 * i / (tempi - 1) - 1))) for i in range(tempi))


def stretched(frames: Tensor, lengths: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    """Tracks that last `ratio` times as long, interpolated in time; their first frames stay where they are.

    Parameters
    ----------
    frames : Tensor, shape (B, T, F)
        Zero behind each of `lengths` (B,), of which none is 0.
    lengths : Tensor of int64, shape (B,)
    ratio : float
        Greater than 0.

    Returns
    -------
    Tensor, shape (B, T', F)
        Zero behind each of the new lengths.
    Tensor of int64, shape (B,)
    """
    longer = ((lengths - 1) * ratio).floor().long() + 1  # the last source frame is one of the track
    at = torch.arange(int(longer.max()), device=frames.device) / ratio
    before = at.floor().long()
    share = (at - before).to(frames.dtype)[:, None]
    after = F.pad(frames, (0, 0, 0, 1))
    moved = torch.lerp(frames[:, before], after[:, before + 1], share)
    real = torch.arange(moved.shape[1], device=frames.device) < longer[:, None]
    return moved * real[:, :, None], longer
