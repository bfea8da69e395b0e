"""A checkpoint is a folder: ``model.safetensors``, ``config.toml`` and, beside them, where it came from.

Weights are only ever read from safetensors, which holds arrays and nothing that could run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from covsearch.config import ModelConfig, fingerprint, from_toml, to_toml
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.models.siamese import Siamese

WEIGHTS, CONFIG = "model.safetensors", "config.toml"
MAX_WEIGHT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and what it was made for.

    Attributes
    ----------
    model : Siamese
        In evaluation mode.
    config : ModelConfig
    fingerprint : str
        ``cnn-3f2a9c51``: the branch and a hash of configuration and weights.
    folder : Path
        Where it was read from.
    """

    model: Siamese
    config: ModelConfig
    fingerprint: str
    folder: Path

    @property
    def alpha(self) -> NDArray[np.float32]:
        """The head's effective weights, (128,)."""
        values: NDArray[np.float32] = self.model.head.alpha.detach().numpy().astype(np.float32)
        return values

    @property
    def beta(self) -> float:
        """The head's bias."""
        return float(self.model.head.beta.detach())


def bundled_checkpoint() -> Path:
    """The folder of the weights that come with the package."""
    return Path(__file__).parent / "bundled" / "invariant"


def save_checkpoint(folder: Path, model: Siamese, config: ModelConfig, **tables: object) -> None:
    """Write weights and configuration; more dataclasses become more TOML tables.

    Parameters
    ----------
    folder : Path
        Made when missing.
    model : Siamese
    config : ModelConfig
    **tables : dataclass
        For example ``train=TrainConfig(...)``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(save({k: v.contiguous() for k, v in model.state_dict().items()}))
    (folder / CONFIG).write_text(to_toml(model=config, **tables), encoding="utf-8")


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint folder and check that weights and configuration belong together.

    Raises
    ------
    NotFoundError
        When the folder or one of its two files is missing.
    ArtefactError
        When the weights are no safetensors, do not fit the configuration, or are not finite.
    """
    if folder.suffix in {".pt", ".pth", ".ckpt"}:
        raise UsageError(
            f"{folder}: pickled weights can run code and are not read; save the state_dict with safetensors "
            f"and put it beside a {CONFIG}, as `covsearch train` does"
        )
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise NotFoundError(f"{folder}: expected a checkpoint folder with {WEIGHTS} and {CONFIG}, no {name}")
    text = (folder / CONFIG).read_text(encoding="utf-8")
    try:
        config = from_toml(text, model=ModelConfig)["model"]
        model = Siamese(config)
    except UsageError as e:
        raise ArtefactError(f"{folder / CONFIG}: {e}") from e
    weights = _read_weights(folder / WEIGHTS)
    _fill(model, _tensors(weights, folder / WEIGHTS), folder / WEIGHTS)
    return Checkpoint(model.eval(), config, fingerprint(text, weights), folder)


def _read_weights(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_WEIGHT_BYTES:
        raise ArtefactError(f"{path}: {size} bytes of weights; at most {MAX_WEIGHT_BYTES} are read")
    return path.read_bytes()


def _tensors(weights: bytes, path: Path) -> dict[str, torch.Tensor]:
    try:
        return load(weights)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ArtefactError(f"{path}: expected safetensors: {e}") from e


def _fill(model: Siamese, tensors: dict[str, torch.Tensor], path: Path) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ArtefactError(f"{path}: {name} holds NaN or infinity; train again or fetch the file again")
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    came = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != came:
        odd = sorted(set(expected.items()) ^ set(came.items()))[:2]
        raise ArtefactError(f"{path}: weights do not fit {CONFIG} beside them, first differences {odd}")
    model.load_state_dict(tensors)
