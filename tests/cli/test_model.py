"""``covsearch model show`` from the outside, and an index of a hybrid model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from covsearch import cli as command_line
from covsearch.cli import cli
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.models import Siamese, bundled_checkpoint, load_checkpoint, save_checkpoint


def run(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--home", str(home), *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def write_model(folder: Path, **choices: object) -> Path:
    torch.manual_seed(0)
    config = ModelConfig(alpha="positive", features=FeatureConfig("hpcp", 120), **choices)  # type: ignore[arg-type]
    save_checkpoint(folder, Siamese(config), config)
    return folder


def test_shows_layers_parameters_and_circuit(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "hybrid", branch="hybrid")
    lines = run(tmp_path, "model", "show", str(folder)).splitlines()
    fingerprint = load_checkpoint(folder).fingerprint
    assert lines[0] == f"{fingerprint}: hpcp, at most 120 frames, key played"
    assert next(line.split() for line in lines if "squeeze.circuit" in line)[1:] == ["ExactCircuit", "7", "14"]
    assert "766,095 parameters" in lines
    assert "circuit: 7 qubits, 2 layers, expectations: exact" in lines
    assert len([line for line in lines if line.endswith("<Z>")]) == 7
    answer = json.loads(run(tmp_path, "model", "show", str(folder), "--json"))
    assert (answer["parameters"], answer["config"]["branch"]) == (766_095, "hybrid")


def test_shows_the_bundled_model_when_none_is_named(tmp_path: Path) -> None:
    answer = json.loads(run(tmp_path, "model", "show", "--json"))
    assert answer["model"] == load_checkpoint(bundled_checkpoint()).fingerprint
    assert answer["circuit"] is None


def test_draws_the_circuit(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    folder = write_model(tmp_path / "hybrid", branch="hybrid")
    run(tmp_path, "model", "show", str(folder), "--plot", str(tmp_path / "figures"))
    assert (tmp_path / "figures" / "circuit.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["nowhere"], 3, "expected a checkpoint folder"), (["--plot", "figures"], 2, "has no quantum circuit to draw")],
)
def test_failures_are_one_line_and_an_exit_code(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["covsearch", "--home", str(tmp_path), "model", "show", *arguments])
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    captured = capsys.readouterr()
    assert stopped.value.code == code
    assert message in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("choices", [{"branch": "hybrid", "qubits": 6}, {"branch": "bottleneck"}])
def test_build_and_query_as_with_the_cnn(choices: dict[str, object], toy: Path, tmp_path: Path) -> None:
    """Same frames, same weights of the backbone; the manifest tells the models apart, and their rankings differ."""
    answers = {}
    for name, kind in (("cnn", {}), (str(choices["branch"]), choices)):
        folder, home = write_model(tmp_path / name, **kind), tmp_path / f"home-{name}"
        run(home, "build-index", "--dataset", str(toy), "--model", str(folder), "--json")
        manifest = json.loads((home / "index" / "gen-0001" / "manifest.json").read_text())
        assert manifest["model"] == load_checkpoint(folder).fingerprint
        assert manifest["model"].startswith(f"{name}-")
        answers[name] = json.loads(run(home, "query", "P_5", "--top", "23", "--json"))["matches"]
        files = sorted(toy.rglob("P_5_hpcp.h5"))
        by_file = json.loads(run(home, "query", "--file", str(files[0]), "--top", "1", "--json"))["matches"]
        assert by_file[0]["pid"] == "P_5"
    cnn, other = ([match["pid"] for match in matches] for matches in answers.values())
    assert sorted(cnn) == sorted(other)
    assert cnn != other
