"""The learned aligner in torch, for training; :mod:`covsearch.ranking.learned` answers without it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from covsearch.aligner_config import HIDDEN, SIZES, STRIDES, TOP, AlignerConfig

EPSILON = 1e-5  # added to variances


class AlignerNet(nn.Module):
    """Five convolutions over a similarity matrix, pooled over all of it, and two dense layers."""

    def __init__(self, config: AlignerConfig) -> None:
        super().__init__()
        widths = config.widths
        self.kept = config.kept
        layers = zip(widths[:-1], widths[1:], SIZES, STRIDES, strict=True)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(seen, made, size, stride=stride, padding=size // 2, bias=False)
            for seen, made, size, stride in layers
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(made, EPSILON) for made in widths[1:])
        self.hidden = nn.Linear(len(self.kept) * widths[-1], HIDDEN)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor, sizes: Tensor) -> Tensor:
        """Logits, high = cover.

        Parameters
        ----------
        x : Tensor, shape (B, C, H, W)
            Matrices in the upper left corner, zeros elsewhere.
        sizes : Tensor of int64, shape (B, 2)
            Their heights and widths.

        Returns
        -------
        Tensor, shape (B,)
            Without dropout it does not depend on the padding.
        """
        for convolution, norm, stride in zip(self.convolutions, self.norms, STRIDES, strict=True):
            x = functional.relu(norm(convolution(x)))
            sizes = (sizes - 1) // stride + 1
            x = x * _inside(sizes, x)
        flat = x.flatten(2).float()
        count = torch.minimum(sizes.prod(1), torch.tensor(TOP))[:, None]
        top = flat.topk(min(TOP, flat.shape[2]), dim=2).values.sum(2) / count
        pooled = [flat.amax(2), flat.sum(2) / sizes.prod(1)[:, None], top]
        hidden = functional.relu(self.hidden(torch.cat([pooled[k] for k in self.kept], 1)))
        logits: Tensor = self.out(functional.dropout(hidden, 0.1, self.training))[:, 0]
        return logits


def _inside(sizes: Tensor, x: Tensor) -> Tensor:
    """1 inside each matrix of (B, C, H, W) and 0 in the padding, (B, 1, H, W)."""
    down = torch.arange(x.shape[2])[None] < sizes[:, :1]
    across = torch.arange(x.shape[3])[None] < sizes[:, 1:]
    return (down[:, None, :, None] & across[:, None, None, :]).to(x.dtype)


def folded(net: AlignerNet) -> dict[str, NDArray[np.float32]]:
    """The weights that answer: every normalisation is part of the convolution before it.

    Returns
    -------
    dict
        ``convolution{i}.weight`` (O, C, K, K) and ``.bias`` (O,), ``hidden`` and ``out`` likewise (O, I), (O,).
    """
    tensors: dict[str, Tensor] = {}
    state = {name: value.double() for name, value in net.state_dict().items()}
    for i in range(len(SIZES)):
        scale = state[f"norms.{i}.weight"] / torch.sqrt(state[f"norms.{i}.running_var"] + EPSILON)
        tensors[f"convolution{i}.weight"] = state[f"convolutions.{i}.weight"] * scale[:, None, None, None]
        tensors[f"convolution{i}.bias"] = state[f"norms.{i}.bias"] - state[f"norms.{i}.running_mean"] * scale
    for name in ("hidden", "out"):
        layer = getattr(net, name)
        tensors |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
    return {name: np.ascontiguousarray(value.detach().float().numpy()) for name, value in tensors.items()}
