"""What a batch of vectors is trained for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from covsearch.config import TrainConfig
from covsearch.models.head import WeightedSquaredDistance, pair_loss
from covsearch.training.batches import Batch

Loss = Callable[[Tensor, WeightedSquaredDistance, Batch], tuple[Tensor, Tensor]]
"""Vectors (B, 128), head and batch to a scalar loss and the scores (N,) of the batch's pairs."""


class PairLoss:
    """Binary cross-entropy of the head on the batch's pairs, through to the branch (report, section 3)."""

    def __init__(self, training: TrainConfig) -> None:
        pass

    def __call__(self, vectors: Tensor, head: WeightedSquaredDistance, batch: Batch) -> tuple[Tensor, Tensor]:
        """See :data:`Loss`."""
        scores = head(vectors[batch.a], vectors[batch.b])  # (N,)
        return pair_loss(scores, batch.label), scores


def balanced_loss(scores: Tensor, label: Tensor) -> Tensor:
    """Mean of the cross-entropy of covers and that of non-covers, so that p = 0.5 stays the balanced decision.

    A batch of works has far more non-covers. A kind that does not occur has no say.

    Parameters
    ----------
    scores, label : Tensor, shape (N,)

    Returns
    -------
    Tensor
        A scalar.
    """
    kinds = [label == kind for kind in torch.unique(label)]
    return torch.stack([pair_loss(scores[kind], label[kind]) for kind in kinds]).mean()


class BatchLoss:
    """Balanced cross-entropy of the head on all pairs of a batch of works, through to the branch."""

    def __init__(self, training: TrainConfig) -> None:
        pass

    def __call__(self, vectors: Tensor, head: WeightedSquaredDistance, batch: Batch) -> tuple[Tensor, Tensor]:
        """See :data:`Loss`."""
        scores = head(vectors[batch.a], vectors[batch.b])  # (N,)
        return balanced_loss(scores, batch.label), scores


def contrastive_loss(vectors: Tensor, works: Tensor, temperature: float) -> Tensor:
    """The supervised contrastive loss, equation 2 of Khosla et al. (2020): versions are near, and others far.

    A track without a version in the batch is one of the others to all, and has no term of its own.

    Parameters
    ----------
    vectors : Tensor, shape (N, D)
        Of unit length.
    works : Tensor of int64, shape (N,)
    temperature : float

    Returns
    -------
    Tensor
        A scalar: the mean over the tracks that have a version; 0 where none has.
    """
    similar = vectors @ vectors.T / temperature  # (N, N)
    itself = torch.eye(len(works), dtype=torch.bool, device=works.device)
    versions = (works[:, None] == works) & ~itself
    log_share = similar - similar.masked_fill(itself, -torch.inf).logsumexp(dim=1, keepdim=True)
    counts = versions.sum(dim=1)
    terms = -(log_share * versions).sum(dim=1) / counts.clamp(min=1)  # 0 without a version
    return terms.sum() / (counts > 0).sum().clamp(min=1)


class SupConLoss:
    """Supervised contrastive loss for the branch, cross-entropy on all pairs for the head.

    The head learns from detached vectors: it does not pull the branch.
    """

    def __init__(self, training: TrainConfig) -> None:
        self.temperature = training.temperature

    def __call__(self, vectors: Tensor, head: WeightedSquaredDistance, batch: Batch) -> tuple[Tensor, Tensor]:
        """See :data:`Loss`."""
        fixed = vectors.detach()
        scores = head(fixed[batch.a], fixed[batch.b])  # (N,)
        contrastive = contrastive_loss(vectors, batch.works, self.temperature)
        return contrastive + balanced_loss(scores, batch.label), scores


LOSSES: dict[str, Callable[[TrainConfig], Loss]] = {"pairs": PairLoss, "batch": BatchLoss, "supcon": SupConLoss}
