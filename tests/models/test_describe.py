"""What is said about a model is what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.errors import UsageError
from covsearch.models import BRANCHES, Checkpoint, Siamese, load_checkpoint, save_checkpoint
from covsearch.models.describe import architecture, draw_circuit


def checkpoint(folder: Path, branch: str, **choices: object) -> Checkpoint:
    torch.manual_seed(0)
    config = ModelConfig(branch, features=FeatureConfig("hpcp", 400), **choices)  # type: ignore[arg-type]
    save_checkpoint(folder, Siamese(config), config)
    return load_checkpoint(folder)


@pytest.mark.parametrize("branch", sorted(BRANCHES))
def test_layers_add_up_to_the_model(branch: str, tmp_path: Path) -> None:
    loaded = checkpoint(tmp_path, branch)
    described = architecture(loaded)
    assert sum(layer.parameters for layer in described.layers) == described.parameters
    assert described.parameters == sum(p.numel() for p in loaded.model.parameters())
    assert [layer.name for layer in described.layers if layer.output is None] == []
    assert described.layers[-1].name == "head"
    assert json.loads(json.dumps(described.to_dict()))["model"] == loaded.fingerprint
    assert (described.circuit is not None) == (branch == "hybrid")


def test_table_2_row_by_row(tmp_path: Path) -> None:
    described = architecture(checkpoint(tmp_path, "hybrid", qubits=6, q_layers=3))
    rows = {layer.name: (layer.kind, layer.output, layer.parameters) for layer in described.layers}
    assert rows["branch.backbone.blocks.0.conv1"] == ("Conv1d", (32, 512), 12 * 32 * 3)
    assert rows["branch.backbone.blocks.0.pool"] == ("MaxPool1d", (32, 128), 0)
    assert rows["branch.backbone.dense2"] == ("Linear", (128,), 513 * 128)
    assert rows["branch.squeeze.project.0"] == ("Linear", (64,), 129 * 64)
    assert rows["branch.squeeze.circuit"] == ("ExactCircuit", (6,), 18)
    assert rows["branch.readout.dense"] == ("Linear", (128,), 7 * 128)
    assert described.circuit is not None
    assert described.circuit.count("RX") == 18


def test_the_circuit_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    path = draw_circuit(checkpoint(tmp_path / "hybrid", "hybrid"), tmp_path / "figures")
    assert path == tmp_path / "figures" / "circuit.png"
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(UsageError, match=r"model cnn-\w+ has no quantum circuit to draw"):
        draw_circuit(checkpoint(tmp_path / "cnn", "cnn"), tmp_path / "figures")
