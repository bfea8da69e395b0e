"""What is said about a model is what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.describe import DescribedModel, describe_model
from covsearch.errors import UsageError
from covsearch.models import BRANCHES, Siamese, save_checkpoint


def described(folder: Path, branch: str, **choices: object) -> DescribedModel:
    torch.manual_seed(0)
    config = ModelConfig(branch, features=FeatureConfig("hpcp", 400), **choices)  # type: ignore[arg-type]
    save_checkpoint(folder, Siamese(config), config)
    return describe_model(folder)


@pytest.mark.parametrize("branch", sorted(BRANCHES))
def test_layers_add_up_to_the_model(branch: str, tmp_path: Path) -> None:
    found = described(tmp_path, branch)
    assert sum(layer.parameters for layer in found.layers) == found.parameters
    assert [layer.name for layer in found.layers if layer.output is None] == []
    assert found.layers[-1].name == "head"
    assert json.loads(json.dumps(found.to_dict()))["model"] == found.checkpoint.fingerprint
    assert (found.circuit is not None) == (branch == "hybrid")


def test_table_2_row_by_row(tmp_path: Path) -> None:
    found = described(tmp_path, "hybrid", qubits=6, q_layers=3)
    rows = {layer.name: (layer.kind, layer.output, layer.parameters) for layer in found.layers}
    assert rows["branch.backbone.blocks.0.conv1"] == ("Conv1d", (32, 512), 12 * 32 * 3)
    assert rows["branch.backbone.blocks.0.pool"] == ("MaxPool1d", (32, 128), 0)
    assert rows["branch.backbone.dense2"] == ("Linear", (128,), 513 * 128)
    assert rows["branch.squeeze.project.0"] == ("Linear", (64,), 129 * 64)
    assert rows["branch.squeeze.circuit"] == ("ExactCircuit", (6,), 18)
    assert rows["branch.readout.dense"] == ("Linear", (128,), 7 * 128)
    assert found.circuit is not None
    assert found.circuit.count("RX") == 18


def test_the_circuit_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    path = described(tmp_path / "hybrid", "hybrid").draw(tmp_path / "figures")
    assert path == tmp_path / "figures" / "circuit.png"
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(UsageError, match=r"model cnn-\w+ has no quantum circuit to draw"):
        described(tmp_path / "cnn", "cnn").draw(tmp_path / "figures")
