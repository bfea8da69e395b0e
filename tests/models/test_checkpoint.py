"""Save and load: identity, and every way a folder can be wrong."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest
import tomli_w
import torch
from safetensors.torch import load_file, save_file

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.models import Siamese, load_checkpoint, save_checkpoint
from covsearch.models.checkpoint import PICKLES
from tests.hostile.models import BROKEN_MODELS, SHOW


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    config = ModelConfig(alpha="positive", norm="group", features=FeatureConfig("hpcp+crema", 400))
    save_checkpoint(tmp_path / "model", Siamese(config), config, train=TrainConfig(seed=5))
    return tmp_path / "model"


def test_loads_what_was_saved(folder: Path) -> None:
    torch.manual_seed(5)
    config = ModelConfig(alpha="positive", norm="group", features=FeatureConfig("hpcp+crema", 400))
    model = Siamese(config).eval()
    loaded = load_checkpoint(folder)
    frames, lengths = torch.rand(2, 400, 24), torch.tensor([400, 123])
    assert loaded.config == config
    assert torch.equal(loaded.model.embed(frames, lengths), model.embed(frames, lengths))
    assert (loaded.alpha == model.head.alpha.detach().numpy()).all()
    assert loaded.beta == pytest.approx(-4)


def test_fingerprint_tells_weights_and_configuration_apart(folder: Path, tmp_path: Path) -> None:
    first = load_checkpoint(folder)
    assert first.fingerprint == load_checkpoint(folder).fingerprint
    assert first.fingerprint.startswith("cnn-")
    torch.manual_seed(6)
    save_checkpoint(tmp_path / "other", Siamese(first.config), first.config)
    assert load_checkpoint(tmp_path / "other").fingerprint != first.fingerprint


def test_a_configuration_from_before_a_field_keeps_its_fingerprint(folder: Path) -> None:
    """Else new versions would rename old models, and indexes would no longer know the model they were built with."""
    text = (folder / "config.toml").read_text()
    later = ("qubits", "readout", "tempi")
    older = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(later))
    (folder / "config.toml").write_text(older)
    first = load_checkpoint(folder)
    assert (first.config.qubits, first.config.readout, first.config.tempi) == (7, "report", 1)
    known = tomllib.loads(older)["model"]
    assert sorted(known) == ["alpha", "branch", "features", "norm", "pooling", "q_layers", "quantum_device"]
    hashed = tomli_w.dumps({"model": known}).encode() + (folder / "model.safetensors").read_bytes()
    assert first.fingerprint == f"cnn-{hashlib.sha256(hashed).hexdigest()[:8]}"
    (folder / "config.toml").write_text(text)
    assert load_checkpoint(folder).config == first.config


def test_missing_folder_and_file(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"expected a checkpoint folder with model.safetensors and config.toml"):
        load_checkpoint(tmp_path / "nowhere")
    (folder / "config.toml").unlink()
    with pytest.raises(NotFoundError, match=r"no config.toml"):
        load_checkpoint(folder)


@pytest.mark.parametrize("kind", sorted(kind for kind, model in BROKEN_MODELS.items() if model.command == SHOW))
def test_broken_checkpoints_are_refused_with_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    model = BROKEN_MODELS[kind]
    model.build(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CovsearchError, match=model.message) as refused:
        load_checkpoint(tmp_path / "model")
    assert refused.value.exit_code == model.exit_code
    assert not (tmp_path / "UNPICKLED").exists()


@pytest.mark.parametrize("suffix", sorted(PICKLES))
def test_pickles_are_refused_with_the_way_out(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match=r"pickled weights can run code.*convert.*safetensors\.torch\.save_file"):
        load_checkpoint(tmp_path / f"model{suffix}")


def test_the_way_out_leads_out(folder: Path, tmp_path: Path) -> None:
    """What the message says to do with a trusted pickle gives a checkpoint that loads to the same weights."""
    expected = load_checkpoint(folder)
    torch.save(expected.model.state_dict(), tmp_path / "model.pt")
    save_file(torch.load(tmp_path / "model.pt", weights_only=True), folder / "model.safetensors")
    assert torch.equal(load_checkpoint(folder).model.head.alpha, expected.model.head.alpha)


def test_truncated_and_foreign_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for broken in (whole[:1000], b"", b"PK\x03\x04 not safetensors"):
        path.write_bytes(broken)
        with pytest.raises(ArtefactError, match="expected safetensors"):
            load_checkpoint(folder)


def test_weights_that_do_not_fit_the_configuration(folder: Path) -> None:
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("hpcp+crema", "hpcp"))
    with pytest.raises(ArtefactError, match=r"weights do not fit config\.toml"):
        load_checkpoint(folder)


def test_weights_that_are_not_numbers(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["head.beta"] = torch.tensor(float("nan"))
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ArtefactError, match=r"head.beta holds NaN"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('branch = "cnn"', 'branch = "rnn"', "model must be one of"),
        ('pooling = "masked"', 'pooling = "sum"', "pooling must be one of"),
        ("frames = 400", 'frames = "many"', "model.features.frames must be int, not 'many'"),
        ('branch = "cnn"', 'brunch = "cnn"', r"\[model\] has unknown keys 'brunch'"),
        ("[model", "[modal", "has no table"),
        ("[model]", "[model", "is not TOML"),
    ],
)
def test_configuration_that_cannot_be(folder: Path, old: str, new: str, message: str) -> None:
    path = folder / "config.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ArtefactError, match=message):
        load_checkpoint(folder)
