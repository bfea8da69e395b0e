"""What a batch of vectors is trained for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from covsearch.config import TrainConfig
from covsearch.errors import MissingExtraError
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
    """Balanced cross-entropy of the head on all pairs of a batch of works, through to the branch.

    No loss of pytorch-metric-learning is a cross-entropy of pairs: its ``GenericPairLoss`` would only carry this one
    and the head along, and make them need the extra ``train``.
    """

    def __init__(self, training: TrainConfig) -> None:
        pass

    def __call__(self, vectors: Tensor, head: WeightedSquaredDistance, batch: Batch) -> tuple[Tensor, Tensor]:
        """See :data:`Loss`."""
        scores = head(vectors[batch.a], vectors[batch.b])  # (N,)
        return balanced_loss(scores, batch.label), scores


class SupConLoss:
    """Supervised contrastive loss for the branch (Khosla et al. 2020), cross-entropy on all pairs for the head.

    The head learns from detached vectors: it does not pull the branch.

    Raises
    ------
    MissingExtraError
        Without pytorch-metric-learning.
    """

    def __init__(self, training: TrainConfig) -> None:
        try:
            from pytorch_metric_learning.losses import SupConLoss as Contrastive
        except ImportError as e:
            raise MissingExtraError("training with the loss supcon", "train") from e
        self.contrastive: Any = Contrastive(temperature=training.temperature)

    def __call__(self, vectors: Tensor, head: WeightedSquaredDistance, batch: Batch) -> tuple[Tensor, Tensor]:
        """See :data:`Loss`."""
        fixed = vectors.detach()
        scores = head(fixed[batch.a], fixed[batch.b])  # (N,)
        loss: Tensor = self.contrastive(vectors, batch.works) + balanced_loss(scores, batch.label)
        return loss, scores


LOSSES: dict[str, Callable[[TrainConfig], Loss]] = {"pairs": PairLoss, "batch": BatchLoss, "supcon": SupConLoss}
