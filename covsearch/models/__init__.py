"""Branches, the head that compares, and checkpoints."""

from covsearch.models.checkpoint import Checkpoint, bundled_checkpoint, load_checkpoint, save_checkpoint
from covsearch.models.siamese import BRANCHES, Siamese, make_branch

__all__ = [
    "BRANCHES",
    "Checkpoint",
    "Siamese",
    "bundled_checkpoint",
    "load_checkpoint",
    "make_branch",
    "save_checkpoint",
]
