"""The quantum block as PennyLane defines it (Table 2, rows 19-21), on any of its devices; the only user of PennyLane.

:mod:`covsearch.models.quantum` is tested against this definition and replaces it wherever time matters.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pennylane as qml
import torch
from pennylane.exceptions import DeviceError
from torch import Tensor

from covsearch import plots
from covsearch.config import MAX_SHOTS
from covsearch.errors import UsageError
from covsearch.models.quantum import ExactCircuit, compute_dtype, scaled

DEFINITION = "default.qubit"  # PennyLane's reference simulator
_WIDTH = 108  # characters of a drawing's line
_ONE_AT_A_TIME = threading.Lock()  # PennyLane records operations in global state; `embed_store` calls from threads


def make_qnode(qubits: int, device: str = DEFINITION, shots: int | None = None) -> Any:
    """The circuit: amplitudes ``inputs`` (..., 2^q) and angles ``weights`` (L, q) to a list of q expectation values.

    Parameters
    ----------
    qubits : int
        q
    device : str
        Any device that PennyLane or an installed plugin of it knows.
    shots : int, optional
        Measurements that every value is the mean of; without, the device must be a simulator that computes it.

    Returns
    -------
    pennylane.QNode
        With torch in and out.

    Raises
    ------
    UsageError
        When there is no such device.
    """
    wires = range(qubits)

    def circuit(inputs: Tensor, weights: Tensor) -> list[Any]:
        qml.AmplitudeEmbedding(inputs, wires=wires, normalize=True)
        qml.BasicEntanglerLayers(weights, wires=wires)
        return [qml.expval(qml.PauliZ(wire)) for wire in wires]

    try:
        qnode = qml.QNode(circuit, qml.device(device, wires=qubits), interface="torch")
    except DeviceError as e:
        raise UsageError(f"quantum_device must be 'exact' or a PennyLane device, not {device!r}: {e}") from e
    return qml.set_shots(qnode, shots) if shots else qnode


def parse_device(text: str) -> tuple[str, int | None]:
    """``default.qubit`` or ``default.qubit:1000`` as name and shots (None: exact expectations).

    Raises
    ------
    UsageError
        When what follows the colon is no number of shots that memory is there for.
    """
    name, colon, shots = text.partition(":")
    if colon and not (re.fullmatch("[0-9]{1,7}", shots) and 0 < int(shots) <= MAX_SHOTS):
        raise UsageError(
            f"quantum_device must be NAME or NAME:SHOTS like 'default.qubit:1000', not {text!r}; "
            f"at most {MAX_SHOTS:,} shots"
        )
    return name, int(shots) if colon else None


class DeviceCircuit(ExactCircuit):
    """The circuit with its expectations measured on a PennyLane device, and the gradients of the exact circuit.

    With shots PennyLane cannot differentiate by the embedded amplitudes at all; the exact gradient is what its
    estimates of the other gradients would come to on average. Weights fit both classes.

    Parameters
    ----------
    qubits, layers : int
        q and L
    device : str
        As :func:`parse_device` reads it.

    Raises
    ------
    UsageError
        When there is no such device.
    """

    def __init__(self, qubits: int, layers: int, device: str) -> None:
        super().__init__(qubits, layers)
        self._qnode = make_qnode(qubits, *parse_device(device))

    def forward(self, amplitudes: Tensor) -> Tensor:
        """<Z> of every wire, (..., q), of unnormalised real `amplitudes` (..., 2^q); of zeros, that of equal ones."""
        exact = super().forward(amplitudes)
        return exact + (self._measured(amplitudes.detach()).to(exact) - exact.detach())

    def _measured(self, amplitudes: Tensor) -> Tensor:
        dtype = compute_dtype(amplitudes)
        x = scaled(amplitudes.to(dtype).reshape(-1, amplitudes.shape[-1]))[0]  # (B, N)
        x = x.where(x.any(-1, keepdim=True), 1.0)
        with _ONE_AT_A_TIME, torch.no_grad():
            values = self._qnode(x, self.weights.detach().to(dtype))  # q of (B,)
        return torch.stack(list(values), -1).reshape(*amplitudes.shape[:-1], -1)


def draw_text(weights: Tensor) -> str:
    """The circuit of angles `weights` (L, q) in box-drawing characters."""
    drawer = qml.draw(make_qnode(weights.shape[1]), level="device", max_length=_WIDTH)
    return str(drawer(*_to_draw(weights)))


def draw_figure(weights: Tensor, path: Path) -> Path:
    """Draw the circuit of angles `weights` (L, q) to a ``.png`` or ``.svg`` file and return its path.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    figure = plots.blank()
    figure.set_layout_engine("none")  # PennyLane places its axes itself
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)  # and measures its texts while it draws
    qml.draw_mpl(make_qnode(weights.shape[1]), level="device", decimals=2, fig=figure)(*_to_draw(weights))
    return plots.save(figure, path)


def _to_draw(weights: Tensor) -> tuple[Tensor, Tensor]:
    return torch.ones(2 ** weights.shape[1]), weights.detach().cpu().float()
