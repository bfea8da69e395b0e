"""The learned comparator: a weighted squared distance through a sigmoid (report, section 3; Table 1, layers 19-20)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.config import EMBEDDING_DIM

# softplus(raw) = 4 and beta = -4 put p = 0.5 at a squared distance of 1, half way to orthogonal vectors
_POSITIVE_START = math.log(math.expm1(4.0))


class WeightedSquaredDistance(nn.Module):
    """``s(a, b) = sum_j alpha_j (a_j - b_j)^2 + beta`` and ``p = sigmoid(s)``; p near 0 means cover.

    Parameters
    ----------
    alpha : str
        ``signed``: free weights, started as a Dense layer's (the report). ``positive``: softplus of free
        weights, which makes the head a metric.
    dim : int
        Size of the embeddings.
    """

    def __init__(self, alpha: str = "signed", dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.positive = alpha == "positive"
        start = torch.empty(dim).uniform_(-1, 1) / math.sqrt(dim)
        self.raw_alpha = nn.Parameter(torch.full((dim,), _POSITIVE_START) if self.positive else start)
        self.beta = nn.Parameter(torch.tensor(-4.0 if self.positive else 0.0))

    @property
    def alpha(self) -> Tensor:
        """The effective weights (dim,)."""
        return F.softplus(self.raw_alpha) if self.positive else self.raw_alpha

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Scores s (N,) of pairs of embeddings `a` and `b` (N, dim)."""
        return (a - b).square() @ self.alpha + self.beta  # (N,)


def pair_loss(scores: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy of ``p = sigmoid(scores)``: label 0 = cover, 1 = non-cover (report, section 3).

    Parameters
    ----------
    scores, label : Tensor, shape (N,)

    Returns
    -------
    Tensor
        The mean over the pairs, a scalar.
    """
    return F.binary_cross_entropy_with_logits(scores, label.to(scores.dtype))
