"""Branches, the head that compares, and checkpoints."""

from covsearch.models.checkpoint import Checkpoint, bundled_checkpoint, checkpoint_of, load_checkpoint, save_checkpoint
from covsearch.models.siamese import BRANCHES, Siamese, branch_class

__all__ = [
    "BRANCHES",
    "Checkpoint",
    "Siamese",
    "branch_class",
    "bundled_checkpoint",
    "checkpoint_of",
    "load_checkpoint",
    "save_checkpoint",
]
