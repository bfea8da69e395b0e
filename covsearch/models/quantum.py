"""The quantum block's circuit in closed form (Table 2, rows 19-21): amplitudes to <Z> of every wire, exactly.

:mod:`covsearch.models.qnode` defines the circuit on PennyLane; this computes the same numbers without it, fast enough
for training and indexing. With H the unnormalised Hadamard transform (N = 2^q rows of +-1):

- the RX rotations of a layer are diagonal between two transforms: ``H D_l H / N``, where
  ``D_l[k] = exp(-i/2 sum_i (-1)^bit_i(k) theta_li)``;
- its ring of CNOTs is, between two transforms, a ring with control and target swapped: a permutation S of the states;
- so the transforms between the layers cancel, and all L layers are ``H S D_L ... S D_1 H / N``: a state k keeps its
  amplitude, is renumbered to S^L(k), and collects the phase ``-phi_k / 2``, phi a sum of angles with signs;
- measuring Z_i after the last transform multiplies each state by the one that differs in bit i. Amplitudes x are real,
  and so is what remains, with v = H x and phi in the new numbering, k and k' the N/2 pairs that differ in bit i:
  ``<Z_i> = 2/N sum_kk' v_k v_k' cos((phi_k - phi_k') / 2)``.

Only one transform and the cosines are left: a deep circuit costs no more than a shallow one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
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


def swapped_ring(qubits: int) -> Tensor:
    """Where a layer's CNOTs, control and target swapped, take every basis state: S, int64 (2^q,).

    A ring is CNOT(i, i+1) for i = 0 .. q-1 in this order, the last onto wire 0; two wires have a single CNOT
    (``pennylane.BasicEntanglerLayers``).
    """
    states = torch.arange(2**qubits)
    for i in range(qubits if qubits > 2 else 1):
        target, control = qubits - 1 - i, qubits - 1 - (i + 1) % qubits  # as numbers of bits
        states = states ^ ((states >> control & 1) << target)
    return states


def halves(states: Tensor, wire: int) -> tuple[Tensor, Tensor]:
    """Rows of `states` (N, ...) whose bit of `wire` is 0, and their partners whose bit is 1.

    Returns
    -------
    (Tensor, Tensor)
        Views of shape (2^wire, N / 2^(wire + 1), ...): the bits before `wire`, the bits behind it.
    """
    zero, one = states.reshape(2**wire, 2, -1, *states.shape[1:]).unbind(1)
    return zero, one


@dataclass(frozen=True)
class _Kept:
    """The cosines, which are all that <Z> sees of the circuit's unitary, and the angles they were made from."""

    weights: Tensor
    cosines: Tensor

    def is_of(self, weights: Tensor, dtype: torch.dtype) -> bool:
        same_kind = (self.weights.device, self.weights.dtype) == (weights.device, weights.dtype)
        return same_kind and self.cosines.dtype == dtype and torch.equal(self.weights, weights)


class ExactCircuit(nn.Module):
    """AmplitudeEmbedding, L BasicEntanglerLayers and <Z> on every wire: (..., 2^q) -> (..., q) in [-1, 1].

    Inputs need no unit norm. Those of norm 0 are no state; they answer 0 on every wire, as the uniform superposition
    does. Whatever dtype comes is computed in float32 or wider and given back in its own, outside of autocast.

    Where no gradient is wanted, what was computed from the angles is kept and used again as long as they have the same
    values: they are compared, not watched, so that no way of changing them can leave it stale.

    Parameters
    ----------
    qubits : int
        q
    layers : int
        L
    """

    transform: Tensor
    differences: Tensor

    def __init__(self, qubits: int, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(layers, qubits).uniform_(0, 2 * math.pi))  # as TorchLayer starts
        signs, ring, states = bit_signs(qubits), swapped_ring(qubits), torch.arange(2**qubits)
        collected = []
        for _ in range(layers):
            collected.append(signs[states])
            states = ring[states]
        old = states.argsort()  # of every new number
        phi = torch.cat(collected, dim=1)[old]  # (N, L q)
        differences = [torch.sub(*halves(phi, wire)).flatten(0, 1) / 2 for wire in range(qubits)]
        # -1, 0 and 1 are exact in any dtype the module may be moved to; the state_dict holds the angles alone
        self.register_buffer("transform", hadamard(qubits)[old], persistent=False)  # (N, N)
        self.register_buffer("differences", torch.stack(differences), persistent=False)  # (q, N/2, L q)
        self._kept: _Kept | None = None

    def forward(self, amplitudes: Tensor) -> Tensor:
        """<Z> of every wire, (..., q), of unnormalised real `amplitudes` (..., 2^q)."""
        dtype, states = compute_dtype(amplitudes), amplitudes.shape[-1]
        with torch.autocast(amplitudes.device.type, enabled=False):
            x, norm2 = scaled(amplitudes.reshape(-1, states).to(dtype))  # (B, N), (B,)
            v = self.transform.to(dtype) @ x.T  # (N, B)
            wires = enumerate(self._cosines(dtype))  # q of (N/2,)
            sums = torch.stack([c @ torch.mul(*halves(v, wire)).flatten(0, 1) for wire, c in wires])  # (q, B)
            values = sums * (2 / states) / norm2
        return values.T.reshape(*amplitudes.shape[:-1], -1).to(amplitudes.dtype)

    def _cosines(self, dtype: torch.dtype) -> Tensor:
        """Of half the phase differences, (q, N/2)."""
        if torch.is_grad_enabled():
            return self._compute_cosines(dtype)
        kept = self._kept  # read once: several threads may embed with one model
        if kept is None or not kept.is_of(self.weights, dtype):
            self._kept = kept = _Kept(self.weights.detach().clone(), self._compute_cosines(dtype))
        return kept.cosines

    def _compute_cosines(self, dtype: torch.dtype) -> Tensor:
        # the angles, which may be many and large, are summed in float64
        return (self.differences.double() @ self.weights.double().flatten()).cos().to(dtype)


def compute_dtype(values: Tensor) -> torch.dtype:
    """float32, or what `values` have when that is wider."""
    return torch.promote_types(values.dtype, torch.float32)


def scaled(amplitudes: Tensor) -> tuple[Tensor, Tensor]:
    """`amplitudes` (B, N) with largest entry 1, and their squared norms (B,), at least 1: of zeros, zeros and 1.

    The square of a small number is 0 long before the number is. The circuit does not see the scale, so none of the
    gradient goes through it.
    """
    top = amplitudes.detach().abs().amax(-1, keepdim=True)
    x = amplitudes / top.where(top > 0, 1.0)
    return x, torch.linalg.vecdot(x, x).clamp_min(1.0)
