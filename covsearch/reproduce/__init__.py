"""The report from beginning to end, on any collection: both models, both splits, its figures and its next steps."""

from covsearch.reproduce.reproduction import Reproduction, reproduce

__all__ = ["Reproduction", "reproduce"]
