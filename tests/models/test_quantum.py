"""The closed form against PennyLane's definition, and its laws: scale, zeros, narrow dtypes, nothing kept is stale."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from covsearch.models.qnode import make_qnode
from covsearch.models.quantum import ExactCircuit, bit_signs, hadamard, halves, swapped_ring

definition = cache(make_qnode)


def circuit(qubits: int, layers: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> ExactCircuit:
    torch.manual_seed(seed)
    return ExactCircuit(qubits, layers).to(dtype)


def by_definition(amplitudes: Tensor, weights: Tensor) -> Tensor:
    return torch.stack(list(definition(weights.shape[1])(amplitudes, weights)), dim=-1)


def worst(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max().detach())


@pytest.mark.parametrize("layers", range(1, 7))
@pytest.mark.parametrize("qubits", range(2, 9))
def test_outputs_and_gradients_are_the_definitions(qubits: int, layers: int) -> None:
    """In both widths against one answer of PennyLane's, to the same numbers."""
    narrow = circuit(qubits, layers, seed=10 * qubits + layers)
    given, upstream = torch.randn(3, 2**qubits), torch.randn(3, qubits)
    weights, amplitudes = narrow.weights.detach().double().requires_grad_(), given.double().requires_grad_()
    expected = by_definition(amplitudes, weights)
    wanted = torch.autograd.grad(expected, (amplitudes, weights), upstream.double())
    for exact, tolerance in ((copy.deepcopy(narrow).double(), 1e-12), (narrow, 1e-5)):
        dtype = exact.weights.dtype
        own = given.to(dtype, copy=True).requires_grad_()
        got = exact(own)
        gradients = torch.autograd.grad(got, (own, exact.weights), upstream.to(dtype))
        with torch.no_grad():
            assert worst(exact(own), expected) <= tolerance
        assert worst(got, expected) <= tolerance
        assert worst(gradients[0], wanted[0]) <= tolerance
        assert worst(gradients[1], wanted[1]) <= tolerance


def test_ten_qubits_are_the_definitions() -> None:
    exact = circuit(10, 2, torch.float64)
    amplitudes = torch.randn(2, 1024, dtype=torch.float64)
    assert worst(exact(amplitudes), by_definition(amplitudes, exact.weights)) <= 1e-12


def test_tables_by_hand() -> None:
    assert bit_signs(2).tolist() == [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    assert torch.equal(hadamard(2) @ hadamard(2), 4 * torch.eye(4))
    # two wires have one CNOT; swapped, wire 1 flips wire 0
    assert swapped_ring(2).tolist() == [0b00, 0b11, 0b10, 0b01]
    # |001>: wire 1 is off, wire 2 flips wire 1, wire 0 is off
    assert swapped_ring(3)[0b001] == 0b011
    # |100>: wires 1 and 2 are off, wire 0 flips wire 2
    assert swapped_ring(3)[0b100] == 0b101
    zero, one = halves(torch.arange(8), 1)
    assert (zero.tolist(), one.tolist()) == ([[0, 1], [4, 5]], [[2, 3], [6, 7]])


def test_one_wire_by_hand() -> None:
    """RX turns <Z> of |0> to cos(theta), and the CNOT copies it onto the second wire."""
    exact = circuit(2, 1, torch.float64)
    with torch.no_grad():
        exact.weights.copy_(torch.tensor([[0.7, 0.0]]))
    zero = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(exact(zero), torch.full((2,), math.cos(0.7), dtype=torch.float64))


@given(exponent=st.integers(-44, 30), seed=st.integers(0, 1000))
def test_scale_does_not_matter(exponent: int, seed: int) -> None:
    """Down to denormal numbers, whose squares are 0."""
    exact = circuit(3, 2)
    amplitudes = torch.randint(1, 5, (2, 8), generator=torch.Generator().manual_seed(seed)).float()
    torch.testing.assert_close(exact(amplitudes * 2.0 ** (3 * exponent)), exact(amplitudes), atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("qubits", [2, 7, 10])
def test_zeros_answer_zero_with_gradients_that_are_numbers(dtype: torch.dtype, qubits: int) -> None:
    exact = circuit(qubits, 2, dtype)
    rows = torch.zeros(2, 2**qubits, dtype=dtype)
    rows[1] = torch.linspace(-1, 1, 2**qubits)
    rows.requires_grad_()
    out = exact(rows)
    assert out.dtype == dtype
    assert (out[0] == 0).all()
    out.sum().backward()
    assert (rows.grad[0] == 0).all()
    assert torch.isfinite(rows.grad).all()
    assert torch.isfinite(exact.weights.grad).all()
    with torch.no_grad():
        torch.testing.assert_close(exact(rows), out)


def test_the_uniform_superposition_answers_zero() -> None:
    """Which is why zeros may: every rotation about X and every CNOT leaves it alone."""
    exact = circuit(5, 3, torch.float64)
    uniform = torch.ones(32, dtype=torch.float64)
    assert exact(uniform).abs().max() < 1e-15
    assert by_definition(uniform, exact.weights).abs().max() < 1e-12


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-3), (torch.bfloat16, 8e-3)])
def test_narrow_inputs_are_computed_wide(dtype: torch.dtype, tolerance: float) -> None:
    """Only input and output are rounded: 2^10 amplitudes of 1 would overflow float16 on the way."""
    exact = circuit(10, 2)
    amplitudes = torch.randn(4, 1024, generator=torch.Generator().manual_seed(1)).to(dtype)
    wide = exact(amplitudes.float())
    assert worst(exact(amplitudes).float(), wide) <= tolerance
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(exact(amplitudes.float()), wide)


def fresh(exact: ExactCircuit, amplitudes: Tensor) -> Tensor:
    """The answer without anything kept."""
    with torch.enable_grad():
        return exact(amplitudes).detach()


def change_in_place(exact: ExactCircuit) -> ExactCircuit:
    with torch.no_grad():
        exact.weights.mul_(1.5)
    return exact


def change_behind_autograd(exact: ExactCircuit) -> ExactCircuit:
    exact.weights.data.add_(0.3)
    return exact


def change_by_optimizer(exact: ExactCircuit) -> ExactCircuit:
    optimizer = torch.optim.Adam(exact.parameters(), lr=0.1)
    with torch.enable_grad():
        exact(torch.rand(2, 8)).sum().backward()
    optimizer.step()
    return exact


def load(exact: ExactCircuit, **options: Any) -> ExactCircuit:
    exact.load_state_dict({"weights": torch.full((2, 3), 0.4)}, **options)
    return exact


def copied_and_changed(exact: ExactCircuit) -> ExactCircuit:
    return change_in_place(copy.deepcopy(exact))


CHANGES: dict[str, Callable[[ExactCircuit], ExactCircuit]] = {
    "in place": change_in_place,
    "behind autograd": change_behind_autograd,
    "optimizer": change_by_optimizer,
    "load_state_dict": load,
    "load_state_dict, assigned": lambda exact: load(exact, assign=True),
    "deepcopy": copied_and_changed,
    "to another dtype": lambda exact: exact.double(),
    "to bfloat16": lambda exact: exact.bfloat16(),
}


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_kept_of_the_unitary_is_never_stale(name: str, guard: Any) -> None:
    exact, amplitudes = circuit(3, 2), torch.rand(4, 8)
    with guard():
        before = exact(amplitudes)
        assert worst(exact(amplitudes), fresh(exact, amplitudes.clone())) < 1e-6
    exact = CHANGES[name](exact)
    with guard():
        after = exact(amplitudes)
    assert worst(after, fresh(exact, amplitudes)) < 1e-6
    assert worst(after, before) > 1e-3 or name.startswith("to ")


def test_it_is_kept_while_the_angles_stay() -> None:
    exact, amplitudes = circuit(3, 2), torch.rand(4, 8)
    with torch.inference_mode():
        exact(amplitudes)
        kept = exact._kept
        exact(amplitudes)
        assert exact._kept is kept
    assert list(exact.state_dict()) == ["weights"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_moving_between_devices_keeps_it_true() -> None:
    exact, amplitudes = circuit(7, 4), torch.rand(4, 128)
    with torch.inference_mode():
        here = exact(amplitudes)
        there = exact.to("cuda")(amplitudes.to("cuda"))
        assert worst(there.cpu(), here) < 1e-5
        assert worst(exact.to("cpu")(amplitudes), here) < 1e-6
