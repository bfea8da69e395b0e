"""Training a branch and its head on pairs of a packed collection."""

from covsearch.training.loop import EpochMetrics, TrainReport, train
from covsearch.training.presets import PRESETS, configure

__all__ = ["PRESETS", "EpochMetrics", "TrainReport", "configure", "train"]
