"""Table 2 row by row, the control, the readouts, and the laws that the branch inherits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.errors import ArtefactError
from covsearch.models import BRANCHES, Siamese, load_checkpoint, save_checkpoint
from covsearch.models.cnn import ResidualCNN
from covsearch.models.hybrid import READOUTS, HybridCNN, SqueezedCNN, unit
from covsearch.models.qnode import make_qnode

HYBRIDS = ("hybrid", "bottleneck")
CONFIG = ModelConfig("hybrid", features=FeatureConfig("hpcp", 300))


def branch(name: str = "hybrid", qubits: int = 7, readout: str = "report", layers: int = 2) -> SqueezedCNN:
    torch.manual_seed(0)
    made = BRANCHES[name](replace(CONFIG, branch=name, qubits=qubits, readout=readout, q_layers=layers))
    assert isinstance(made, SqueezedCNN)
    return made.eval()


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


BACKBONE = parameters(ResidualCNN(CONFIG))


@pytest.mark.parametrize("qubits", range(2, 11))
@pytest.mark.parametrize("layers", [1, 4])
def test_parameter_count_is_table_2s(qubits: int, layers: int) -> None:
    project = 0 if qubits == 7 else 129 * 2**qubits
    post = (qubits + 1) * 128
    assert parameters(branch(qubits=qubits, layers=layers)) == BACKBONE + project + layers * qubits + post


@pytest.mark.parametrize("qubits", [2, 7, 10])
def test_parameter_count_of_the_control(qubits: int) -> None:
    assert parameters(branch("bottleneck", qubits)) == BACKBONE + 129 * qubits + (qubits + 1) * 128


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("qubits", [6, 7])
def test_rows_18_to_23_against_pennylane(qubits: int, readout: str) -> None:
    """The whole branch written out again, with the circuit as PennyLane defines it."""
    model = branch(qubits=qubits, readout=readout)
    frames, lengths = torch.rand(3, 256, 12), torch.tensor([256, 200, 90])
    weights = model.state_dict()
    with torch.no_grad():
        embedding = model.backbone(frames, lengths)
        x = embedding
        if qubits == 6:
            x = (x @ weights["squeeze.project.0.weight"].T + weights["squeeze.project.0.bias"]).clamp_min(0)
        assert x.shape == (3, 2**qubits)
        z = torch.stack(list(make_qnode(qubits)(x, weights["squeeze.circuit.weights"])), dim=1).float()
        assert z.shape == (3, qubits)
        mapped = (z @ weights["readout.dense.weight"].T + weights["readout.dense.bias"]).clamp_min(0)
        if readout == "residual":
            mapped = mapped + embedding
        expected = mapped / mapped.norm(dim=1, keepdim=True)
        torch.testing.assert_close(model(frames, lengths), expected, atol=1e-5, rtol=0)


def test_the_control_is_a_tanh_layer() -> None:
    model = branch("bottleneck", 5)
    embedding = torch.randn(4, 128)
    weights = model.state_dict()
    expected = (embedding @ weights["squeeze.0.weight"].T + weights["squeeze.0.bias"]).tanh()
    torch.testing.assert_close(model.squeeze(embedding), expected)


def test_the_reports_readout_reaches_q_dimensions_and_the_residual_128() -> None:
    """Before the ReLU bends it; as wide as the numbers behind it, whatever the classical embedding was."""
    embedding, values = torch.randn(300, 128), torch.rand(300, 7) * 2 - 1
    report, residual = READOUTS["report"](7), READOUTS["residual"](7)
    report.load_state_dict(residual.state_dict())
    with torch.no_grad():
        before_relu = report.dense(values) - report.dense.bias
        assert torch.linalg.matrix_rank(before_relu, tol=1e-3) == 7
        assert torch.equal(report(embedding, values), report(torch.zeros_like(embedding), values))
        assert torch.linalg.matrix_rank(residual(embedding, values), tol=1e-3) == 128


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_unit_vectors_even_of_nothing(dtype: torch.dtype) -> None:
    rows = torch.stack([torch.zeros(128), torch.ones(128), torch.eye(128)[5]]).to(dtype).requires_grad_()
    vectors = unit(rows)
    assert vectors.dtype == dtype
    torch.testing.assert_close(vectors.float().norm(dim=1), torch.ones(3), atol=5e-3, rtol=0)
    assert (vectors[0] == vectors[0, 0]).all()
    torch.testing.assert_close(vectors[2], rows[2].detach(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dead_projections_and_silence_give_numbers(name: str, readout: str, dtype: torch.dtype) -> None:
    """ReLUs that let nothing through, before the circuit and behind it: unit vectors and finite gradients still."""
    model = branch(name, 6, readout).to(dtype)
    with torch.no_grad():
        for linear in (model.squeeze[0] if name == "bottleneck" else model.squeeze.project[0], model.readout.dense):
            linear.weight.zero_()
            linear.bias.fill_(-1.0)
    vectors = model(torch.zeros(2, 256, 12, dtype=dtype), torch.tensor([256, 1]))
    torch.testing.assert_close(vectors.float().norm(dim=1), torch.ones(2), atol=5e-3, rtol=0)
    vectors.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", HYBRIDS)
def test_narrow_embeddings_are_near_the_wide(name: str) -> None:
    model, frames, lengths = branch(name), torch.rand(2, 256, 12), torch.tensor([256, 100])
    with torch.inference_mode():
        wide = model(frames, lengths)
        with torch.autocast("cpu", torch.bfloat16):
            under_autocast = model(frames, lengths)
        narrow = model.bfloat16()(frames.bfloat16(), lengths)
    for vectors in (under_autocast, narrow):
        assert ((vectors.float() * wide).sum(1) > 0.99).all()


@settings(max_examples=10)
@given(length=st.integers(1, 500), extra=st.integers(0, 600), name=st.sampled_from(HYBRIDS))
def test_masked_embedding_ignores_padding(length: int, extra: int, name: str) -> None:
    model = branch(name)
    frames = torch.rand(1, length, 12, generator=torch.Generator().manual_seed(length))
    with torch.inference_mode():
        alone = model(frames, torch.tensor([length]))
        padded = model(nn.functional.pad(frames, (0, 0, 0, extra)), torch.tensor([length]))
    torch.testing.assert_close(alone, padded, atol=1e-5, rtol=0)


def test_padding_is_the_backbones() -> None:
    assert branch().batch_frames([10, 300]) == 512
    assert HybridCNN(replace(CONFIG, pooling="unmasked")).batch_frames([10]) == 300


@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.parametrize("readout", READOUTS)
def test_everything_is_trained(name: str, readout: str) -> None:
    model = Siamese(replace(CONFIG, branch=name, qubits=6, readout=readout)).train()
    a, b = torch.tensor([0, 1]), torch.tensor([2, 3])
    model(torch.rand(4, 256, 12), torch.full((4,), 256), a, b).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("readout", READOUTS)
def test_loads_what_was_saved(readout: str, tmp_path: Path) -> None:
    """Over weights of whose circuit something was kept, too."""
    torch.manual_seed(1)
    config = replace(CONFIG, qubits=6, readout=readout)
    model, frames = Siamese(config).eval(), (torch.rand(2, 300, 12), torch.tensor([300, 77]))
    with torch.inference_mode():
        model.embed(*frames)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    save_checkpoint(tmp_path, model, config)
    loaded = load_checkpoint(tmp_path)
    assert loaded.config == config
    assert loaded.fingerprint.startswith("hybrid-")
    with torch.inference_mode():
        expected = model.embed(*frames)
        assert torch.equal(loaded.model.embed(*frames), expected)
        other = Siamese(config).eval()
        other.embed(*frames)
        other.load_state_dict(model.state_dict(), assign=True)
        assert torch.equal(other.embed(*frames), expected)


def test_weights_fit_any_device(tmp_path: Path) -> None:
    model = Siamese(CONFIG).eval()
    save_checkpoint(tmp_path, model, CONFIG)
    text = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text.replace('"exact"', '"default.qubit"'))
    loaded = load_checkpoint(tmp_path)
    frames = (torch.rand(2, 300, 12), torch.tensor([300, 77]))
    torch.testing.assert_close(loaded.model.embed(*frames), model.embed(*frames), atol=1e-5, rtol=0)
    (tmp_path / "config.toml").write_text(text.replace('"exact"', '"abacus"'))
    with pytest.raises(ArtefactError, match=r"config\.toml: quantum_device must be 'exact' or a PennyLane device"):
        load_checkpoint(tmp_path)
