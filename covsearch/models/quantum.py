"""The quantum block's circuit in closed form (Table 2, rows 19-21): amplitudes to <Z> of every wire, exactly.

:mod:`covsearch.models.qnode` defines the circuit on PennyLane; this computes the same numbers without it, fast enough
for training and indexing. Three facts carry it, with H the unnormalised Hadamard transform (N = 2^q rows of +-1):

- a layer's RX rotations are diagonal between two transforms, ``H D_l H / N`` with
  ``D_l[k] = exp(-i/2 sum_i (-1)^bit_i(k) theta_li)``;
- its ring of CNOTs permutes the basis states; between two transforms it permutes them with control and target swapped;
- so the transforms between layers cancel, and a permutation moves past a diagonal by reordering it. What is left of
  *all* layers is one diagonal, one pair of transforms and one permutation, which <Z> sees as reordered signs:
  ``<Z_i> = sum_k |(H D H x)_k|^2 Z_ik / N^2`` with ``D = exp(-i/2 T theta)``; T and Z are tables of +-1.

A deeper circuit therefore costs no more than a shallow one, and differs only in which signs T holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def bit_signs(qubits: int) -> Tensor:
    """``(-1)^bit_i(k)`` of every basis state k and wire i, (2^q, q) of +-1; wire 0 is the most significant bit."""
    states = torch.arange(2**qubits)[:, None]  # (N, 1)
    shifts = torch.arange(qubits - 1, -1, -1)  # (q,)
    return 1.0 - 2.0 * (states >> shifts & 1)  # (N, q)


def hadamard(qubits: int) -> Tensor:
    """The unnormalised Hadamard transform, (2^q, 2^q) of +-1, symmetric; its square is 2^q times the identity."""
    single = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    whole = torch.ones(1, 1)
    for _ in range(qubits):
        whole = torch.kron(whole, single)
    return whole


def cnot_ring(qubits: int, *, swapped: bool) -> Tensor:
    """Where a layer's CNOTs take every basis state, int64 (2^q,); `swapped` exchanges control and target.

    A ring is CNOT(i, i+1) for i = 0 .. q-1 in this order, the last onto wire 0; two wires have a single CNOT
    (``pennylane.BasicEntanglerLayers``).
    """
    states = torch.arange(2**qubits)
    for i in range(qubits if qubits > 2 else 1):
        wires = (i, (i + 1) % qubits)
        control, target = (qubits - 1 - wire for wire in (reversed(wires) if swapped else wires))
        states = states ^ ((states >> control & 1) << target)
    return states


@dataclass(frozen=True)
class _Unitary:
    """Real and imaginary part of the circuit side by side, (N, 2N), and the angles they were made from."""

    weights: Tensor
    parts: Tensor

    def is_of(self, weights: Tensor, dtype: torch.dtype) -> bool:
        same_kind = (self.weights.device, self.weights.dtype) == (weights.device, weights.dtype)
        return same_kind and self.parts.dtype == dtype and torch.equal(self.weights, weights)


class ExactCircuit(nn.Module):
    """AmplitudeEmbedding, L BasicEntanglerLayers and <Z> on every wire: (..., 2^q) -> (..., q) in [-1, 1].

    Inputs need no unit norm. Those of norm 0 are no state; they answer 0 on every wire, as the uniform superposition
    does. Whatever dtype comes is computed in float32 or wider and given back in its own, outside of autocast.

    Where no gradient is wanted, the circuit's unitary is kept and used again as long as the angles have the same
    values: they are compared, not watched, so that no way of changing them can leave it stale.

    Parameters
    ----------
    qubits : int
        q
    layers : int
        L
    """

    hadamard: Tensor
    phases: Tensor
    readout: Tensor

    def __init__(self, qubits: int, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(layers, qubits).uniform_(0, 2 * math.pi))  # as TorchLayer starts
        signs = bit_signs(qubits)
        there, swapped = cnot_ring(qubits, swapped=False), cnot_ring(qubits, swapped=True)
        layer_signs, states, measured = [], torch.arange(2**qubits), torch.arange(2**qubits)
        for _ in range(layers):
            layer_signs.append(signs[states])
            states, measured = swapped[states], there[measured]
        # +-1 is exact in any dtype the module may be moved to; the state_dict holds the angles alone
        self.register_buffer("hadamard", hadamard(qubits), persistent=False)  # (N, N)
        self.register_buffer("phases", torch.cat(layer_signs, dim=1), persistent=False)  # (N, L q)
        self.register_buffer("readout", signs[measured].T.contiguous(), persistent=False)  # (q, N)
        self._unitary: _Unitary | None = None

    def forward(self, amplitudes: Tensor) -> Tensor:
        """<Z> of every wire, (..., q), of unnormalised real `amplitudes` (..., 2^q)."""
        dtype = compute_dtype(amplitudes)
        with torch.autocast(amplitudes.device.type, enabled=False):
            x, norm2 = scaled(amplitudes.to(dtype))  # (..., N), (..., 1)
            measure = self._directly if torch.is_grad_enabled() else self._by_unitary
            return (measure(x) / norm2).to(amplitudes.dtype)

    def _directly(self, x: Tensor) -> Tensor:
        transform, (cos, sin) = self.hadamard.to(x.dtype), self._diagonal(x.dtype)
        spectrum = x @ transform  # (..., N)
        found = ((spectrum * cos) @ transform).square() + ((spectrum * sin) @ transform).square()  # (..., N)
        return F.linear(found, self.readout.to(x.dtype)) / len(transform) ** 2

    def _by_unitary(self, x: Tensor) -> Tensor:
        unitary = self._unitary  # read once: several threads may embed with one model
        if unitary is None or not unitary.is_of(self.weights, x.dtype):
            transform, (cos, sin) = self.hadamard.to(x.dtype), self._diagonal(x.dtype)
            parts = torch.cat([(transform * cos) @ transform, (transform * sin) @ transform], dim=1) / len(transform)
            self._unitary = unitary = _Unitary(self.weights.detach().clone(), parts)
        real2, imaginary2 = (x @ unitary.parts).square_().chunk(2, -1)  # (..., N)
        return F.linear(real2 + imaginary2, self.readout.to(x.dtype))

    def _diagonal(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Real and negative imaginary part of D, each (N,); float64 sums its angles, which may be many and large."""
        half = self.phases.double() @ self.weights.double().flatten() / 2  # (N,)
        return half.cos().to(dtype), half.sin().to(dtype)


def compute_dtype(values: Tensor) -> torch.dtype:
    """float32, or what `values` have when that is wider."""
    return torch.promote_types(values.dtype, torch.float32)


def scaled(amplitudes: Tensor) -> tuple[Tensor, Tensor]:
    """`amplitudes` (..., N) with largest entry 1, and their squared norm (..., 1), at least 1: of zeros, zeros and 1.

    The square of a small number is 0 long before the number is. The circuit does not see the scale, so none of the
    gradient goes through it.
    """
    top = amplitudes.detach().abs().amax(-1, keepdim=True)
    x = amplitudes / top.where(top > 0, 1.0)
    return x, x.square().sum(-1, keepdim=True).clamp_min(1.0)
