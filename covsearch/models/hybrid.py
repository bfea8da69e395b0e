"""The report's second model, Table 2: the CNN of Table 1, a squeeze through q numbers, back to 128; and its control.

A squeeze, 128 to q numbers in [-1, 1], is a quantum circuit (``hybrid``) or a tanh layer (``bottleneck``); a readout
maps the q numbers back to a unit vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from covsearch.config import EMBEDDING_DIM, ModelConfig
from covsearch.models.cnn import ResidualCNN
from covsearch.models.quantum import ExactCircuit, compute_dtype

_TINY = 1e-9  # no coordinate notices it, and zeros become a vector that can be divided by its length


def unit(x: Tensor) -> Tensor:
    """`x` (B, D) divided by its length in float32 or wider; the zero vector becomes the one of equal coordinates."""
    return F.normalize(x.to(compute_dtype(x)) + _TINY, dim=1).to(x.dtype)


class ReportReadout(nn.Module):
    """Rows 22-23: Linear q -> 128, ReLU, L2. What q numbers reach is a q-dimensional part of the sphere.

    Parameters
    ----------
    qubits : int
        q
    """

    def __init__(self, qubits: int) -> None:
        super().__init__()
        self.dense = nn.Linear(qubits, EMBEDDING_DIM)

    def forward(self, embedding: Tensor, values: Tensor) -> Tensor:
        """Unit vectors (B, 128) of `values` (B, q); the classical `embedding` (B, 128) is left behind."""
        return unit(F.relu(self.dense(values)))


class ResidualReadout(ReportReadout):
    """The report's mapped readout added to the classical embedding, which therefore keeps its 128 dimensions."""

    def forward(self, embedding: Tensor, values: Tensor) -> Tensor:
        """Unit vectors (B, 128) of `embedding` (B, 128) and `values` (B, q)."""
        return unit(embedding + F.relu(self.dense(values)))


READOUTS: dict[str, type[ReportReadout]] = {"report": ReportReadout, "residual": ResidualReadout}


class QuantumSqueeze(nn.Module):
    """Rows 18-21: Linear 128 -> 2^q and ReLU unless 2^q is 128, then the circuit.

    Parameters
    ----------
    config : ModelConfig
        ``qubits``, ``q_layers`` and ``quantum_device`` count.

    Raises
    ------
    UsageError
        When PennyLane knows no such device.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        states = 2**config.qubits
        fits = states == EMBEDDING_DIM
        self.project = nn.Identity() if fits else nn.Sequential(nn.Linear(EMBEDDING_DIM, states), nn.ReLU())
        self.circuit = _make_circuit(config)

    def forward(self, embedding: Tensor) -> Tensor:
        """<Z> of every wire (B, q) of `embedding` (B, 128)."""
        return torch.as_tensor(self.circuit(self.project(embedding)))


def _make_circuit(config: ModelConfig) -> ExactCircuit:
    if config.quantum_device == "exact":
        return ExactCircuit(config.qubits, config.q_layers)
    from covsearch.models.qnode import DeviceCircuit  # brings PennyLane, which nothing else needs

    return DeviceCircuit(config.qubits, config.q_layers, config.quantum_device)


class ClassicalSqueeze(nn.Sequential):
    """The control: Linear 128 -> q and tanh, as many numbers in the same range without a circuit.

    Parameters
    ----------
    config : ModelConfig
        ``qubits`` counts.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(nn.Linear(EMBEDDING_DIM, config.qubits), nn.Tanh())


class SqueezedCNN(nn.Module):
    """Frames and lengths to unit vectors through q numbers: (B, T, F), (B,) -> (B, 128).

    Parameters
    ----------
    config : ModelConfig
    squeeze : nn.Module
        (B, 128) -> (B, q)
    """

    def __init__(self, config: ModelConfig, squeeze: nn.Module) -> None:
        super().__init__()
        self.backbone = ResidualCNN(config)
        self.squeeze = squeeze
        self.readout = READOUTS[config.readout](config.qubits)

    def batch_frames(self, lengths: Sequence[int]) -> int:
        """As :meth:`ResidualCNN.batch_frames`."""
        return self.backbone.batch_frames(lengths)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embed `frames` (B, T, F), zero behind each of `lengths` (B,), as unit vectors (B, 128)."""
        embedding = self.backbone(frames, lengths)  # (B, 128)
        return torch.as_tensor(self.readout(embedding, self.squeeze(embedding)))


class HybridCNN(SqueezedCNN):
    """Table 2, the quantum circuit between CNN and embedding (``--model hybrid``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, QuantumSqueeze(config))


class BottleneckCNN(SqueezedCNN):
    """The classical control of :class:`HybridCNN` (``--model bottleneck``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, ClassicalSqueeze(config))
