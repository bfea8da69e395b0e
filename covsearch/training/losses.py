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


class SupConLoss:
    """Supervised contrastive loss for the branch (Khosla et al. 2020), cross-entropy on all pairs for the head.

    The head learns from detached vectors, covers and non-covers weighing the same, so that p = 0.5 stays the
    balanced decision although a batch has far more non-covers.

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
        halves = [pair_loss(scores[batch.label == kind], batch.label[batch.label == kind]) for kind in (0, 1)]
        loss: Tensor = self.contrastive(vectors, batch.works) + torch.stack(halves).mean()
        return loss, scores


LOSSES: dict[str, Callable[[TrainConfig], Loss]] = {"pairs": PairLoss, "supcon": SupConLoss}
