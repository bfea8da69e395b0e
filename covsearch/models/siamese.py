"""One branch, shared by both sides of a pair, and the head that compares (Table 1, layer 18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.config import ModelConfig, check_branch
from covsearch.models.cnn import ResidualCNN
from covsearch.models.head import WeightedSquaredDistance
from covsearch.models.hybrid import BottleneckCNN, HybridCNN
from covsearch.models.invariant import InvariantCNN
from covsearch.models.tempo import ratios, stretched


class Branch(Protocol):
    """What every branch offers beside being an ``nn.Module``."""

    def __call__(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embed frames (B, T, F) with true lengths (B,) as unit vectors (B, 128)."""

    def batch_frames(self, lengths: Sequence[int]) -> int:
        """To how many frames a batch of tracks of these lengths is padded."""


BRANCHES: dict[str, type[nn.Module]] = {
    "bottleneck": BottleneckCNN,
    "cnn": ResidualCNN,
    "hybrid": HybridCNN,
    "invariant": InvariantCNN,
}


def branch_class(name: str) -> type[nn.Module]:
    """The class of a branch by its name.

    Raises
    ------
    UsageError
        For a name that is not in :data:`BRANCHES`.
    """
    check_branch(name)
    return BRANCHES[name]


class Siamese(nn.Module):
    """A branch and a head; both sides of a pair go through the same branch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.branch = branch_class(config.branch)(config)
        self.head = WeightedSquaredDistance(config.alpha)
        self.tempi = config.tempi

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Unit vectors (B, 128) of `frames` (B, T, F) with true `lengths` (B,).

        In evaluation mode each is the mean over ``config.tempi`` tempi; a training sees one tempo at a time.
        """
        branch = cast(Branch, self.branch)
        if self.training or self.tempi == 1:
            return branch(frames, lengths)
        vectors = [self._at(frames, lengths, ratio) for ratio in ratios(self.tempi)]
        return F.normalize(torch.stack(vectors).sum(0), dim=1)

    def _at(self, frames: Tensor, lengths: Tensor, ratio: float) -> Tensor:
        """The branch's vectors (B, 128) of the tracks at another tempo."""
        frames, lengths = stretched(frames, lengths, ratio)
        padded = self.batch_frames(lengths.tolist())
        return cast(Branch, self.branch)(F.pad(frames, (0, 0, 0, padded - frames.shape[1])), lengths)

    def batch_frames(self, lengths: Sequence[int]) -> int:
        """To how many frames a batch of tracks of these lengths is padded."""
        return cast(Branch, self.branch).batch_frames(lengths)

    def forward(self, frames: Tensor, lengths: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Scores s (N,) of the pairs `a`, `b` (N,) of rows of a batch; every row is embedded once.

        Parameters
        ----------
        frames : Tensor, shape (B, T, F)
        lengths : Tensor, shape (B,)
        a, b : Tensor of int64, shape (N,)
            Rows of the batch.
        """
        vectors = self.embed(frames, lengths)  # (B, 128)
        return torch.as_tensor(self.head(vectors[a], vectors[b]))  # (N,)
