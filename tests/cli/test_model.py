"""``covsearch model show`` from the outside, and an index of a hybrid model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Commands
from untrained import write_model

from covsearch.models import bundled_checkpoint, load_checkpoint


def test_shows_layers_parameters_and_circuit(tmp_path: Path, command: Commands) -> None:
    folder = write_model(tmp_path / "hybrid", branch="hybrid", alpha="positive")
    lines = command.out(tmp_path, "model", "show", folder).splitlines()
    assert lines[0] == f"{load_checkpoint(folder).fingerprint}: hpcp, at most 120 frames, key played"
    assert next(line.split() for line in lines if "squeeze.circuit" in line)[1:] == ["ExactCircuit", "7", "14"]
    assert "766,095 parameters" in lines
    assert "circuit: 7 qubits, 2 layers, expectations: exact" in lines
    assert len([line for line in lines if line.endswith("<Z>")]) == 7
    answer = command.json(tmp_path, "model", "show", folder)
    assert (answer["parameters"], answer["config"]["branch"]) == (766_095, "hybrid")
    bundled = command.json(tmp_path, "model", "show")
    assert (bundled["model"], bundled["circuit"]) == (load_checkpoint(bundled_checkpoint()).fingerprint, None)


def test_draws_the_circuit(tmp_path: Path, command: Commands) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    folder = write_model(tmp_path / "hybrid", branch="hybrid", alpha="positive")
    command.out(tmp_path, "model", "show", folder, "--plot", tmp_path / "figures")
    assert (tmp_path / "figures" / "circuit.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("choices", [{"branch": "hybrid", "qubits": 6}, {"branch": "bottleneck"}])
def test_build_and_query_as_with_the_cnn(
    choices: dict[str, object], songs: Path, tmp_path: Path, command: Commands
) -> None:
    """Same frames, same weights of the backbone; the manifest tells the models apart, and their rankings differ."""
    answers = {}
    for name, kind in (("cnn", {}), (str(choices["branch"]), choices)):
        folder, home = write_model(tmp_path / name, alpha="positive", **kind), tmp_path / f"home-{name}"
        command.out(home, "build-index", "--dataset", songs, "--model", folder)
        manifest = json.loads((home / "index" / "gen-0001" / "manifest.json").read_text())
        assert manifest["model"] == load_checkpoint(folder).fingerprint
        assert manifest["model"].startswith(f"{name}-")
        answers[name] = command.json(home, "query", "P_5", "--top", "23")["matches"]
        (file,) = songs.rglob("P_5_hpcp.h5")
        assert command.json(home, "query", "--file", file, "--top", "1")["matches"][0]["pid"] == "P_5"
    cnn, other = ([match["pid"] for match in matches] for matches in answers.values())
    assert sorted(cnn) == sorted(other)
    assert cnn != other
