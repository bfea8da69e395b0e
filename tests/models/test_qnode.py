"""PennyLane's side: devices, shots, gradients behind a device, drawings."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from covsearch.errors import UsageError
from covsearch.models.qnode import DeviceCircuit, draw_figure, draw_text, make_qnode, parse_device
from covsearch.models.quantum import ExactCircuit


def device_circuit(device: str, qubits: int = 3, layers: int = 2) -> tuple[DeviceCircuit, ExactCircuit]:
    """A circuit on `device` and the exact one with the same angles."""
    torch.manual_seed(0)
    measured, exact = DeviceCircuit(qubits, layers, device), ExactCircuit(qubits, layers)
    exact.load_state_dict(measured.state_dict())
    return measured, exact


@pytest.mark.parametrize("device", ["default.qubit", "default.mixed", "lightning.qubit"])
def test_devices_measure_what_the_closed_form_says(device: str) -> None:
    measured, exact = device_circuit(device)
    amplitudes = torch.randn(2, 3, 8)
    torch.testing.assert_close(measured(amplitudes), exact(amplitudes), atol=1e-5, rtol=0)


def test_shots_scatter_around_the_expectation() -> None:
    """Standard error 1 / sqrt(shots) at most; five of them are one failure in two million."""
    measured, exact = device_circuit("default.qubit:2000")
    amplitudes = torch.randn(4, 8)
    values, truth = measured(amplitudes), exact(amplitudes)
    assert 0 < (values - truth).abs().max() < 5 / 2000**0.5
    assert not torch.equal(values, measured(amplitudes))
    torch.testing.assert_close(values * 1000, (values * 1000).round(), atol=1e-2, rtol=0)  # means of 2,000 times +-1


@pytest.mark.parametrize("device", ["default.qubit", "default.qubit:50"])
def test_gradients_behind_a_device_are_the_exact_circuits(device: str) -> None:
    measured, exact = device_circuit(device)
    amplitudes = torch.randn(4, 8, requires_grad=True)
    got = torch.autograd.grad(measured(amplitudes).sum(), (amplitudes, measured.weights))
    wanted = torch.autograd.grad(exact(amplitudes).sum(), (amplitudes, exact.weights))
    for a, b in zip(got, wanted, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_zeros_and_narrow_dtypes_on_a_device(dtype: torch.dtype) -> None:
    measured, exact = device_circuit("default.qubit")
    amplitudes = torch.stack([torch.zeros(8), torch.arange(8.0)]).to(dtype)
    with torch.inference_mode():
        values = measured(amplitudes)
    assert values.dtype == dtype
    torch.testing.assert_close(values, exact(amplitudes).detach(), atol=1e-2, rtol=0)


def test_threads_take_turns() -> None:
    measured, exact = device_circuit("default.qubit")
    batches = [torch.randn(3, 8) for _ in range(12)]
    with torch.no_grad(), ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda x: measured(x).detach(), batches))
    for got, amplitudes in zip(values, batches, strict=True):
        torch.testing.assert_close(got, exact(amplitudes).detach(), atol=1e-5, rtol=0)


def test_devices_are_read_with_their_shots() -> None:
    assert parse_device("default.qubit") == ("default.qubit", None)
    assert parse_device("lightning.qubit:1000") == ("lightning.qubit", 1000)
    for wrong in (
        "default.qubit:",
        "default.qubit:many",
        "default.qubit:0",
        "default.qubit:-5",
        "default.qubit:1000001",
    ):
        with pytest.raises(UsageError, match=r"NAME or NAME:SHOTS like 'default.qubit:1000', not"):
            parse_device(wrong)
    with pytest.raises(UsageError, match="must be 'exact' or a PennyLane device, not 'abacus'"):
        make_qnode(2, "abacus")


def test_the_drawing_shows_every_gate_and_angle() -> None:
    weights = torch.tensor([[0.11, 0.22, 0.33], [1.44, 1.55, 1.66]])
    lines = draw_text(weights).splitlines()
    assert len(lines) == 3
    for wire, line in enumerate(lines):
        assert line.startswith(f"{wire}: ")
        assert line.endswith("<Z>")
        for layer in range(2):
            assert f"RX({weights[layer, wire]:.2f})" in line
    assert sum(line.count("X─") for line in lines) == 6  # a ring of three CNOTs a layer


def test_the_figure_shows_every_gate_and_angle(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    svg = draw_figure(torch.tensor([[0.11, 0.22, 0.33]]), tmp_path / "circuit.svg").read_text()
    for label in ("RX", "(0.11)", "(0.22)", "(0.33)"):
        assert f"<!-- {label} -->" in svg or f">{label}<" in svg
    png = draw_figure(torch.rand(2, 7), tmp_path / "circuit.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"


def test_pennylane_is_imported_only_for_a_device() -> None:
    code = (
        "import sys; import covsearch.describe; from covsearch.models import Siamese; "
        "from covsearch.config import ModelConfig; Siamese(ModelConfig(branch='hybrid')); "
        "print('pennylane' in sys.modules); "
        "Siamese(ModelConfig(branch='hybrid', quantum_device='default.qubit')); print('pennylane' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "True"]
