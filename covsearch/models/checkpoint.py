"""A checkpoint is a folder: ``model.safetensors``, ``config.toml`` and, beside them, where it came from.

Weights are only ever read from safetensors, which holds arrays and nothing that could run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from covsearch.config import ModelConfig, fingerprint, from_toml, to_toml
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.guard.files import RefusedError, as_text, read_bytes
from covsearch.guard.tensors import Declared, read_header
from covsearch.models.siamese import Siamese

WEIGHTS, CONFIG = "model.safetensors", "config.toml"
MAX_WEIGHT_BYTES = 64 * 2**20  # the largest model has 3 MB
MAX_CONFIG_BYTES = 2**13  # ours have 1 kB; a key of 30,000 parts in 60 kB takes tomllib 3.7 GB
PICKLES = {".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".joblib"}
PICKLED = (
    "pickled weights can run code and are not read; where you trust the file, convert its state_dict: "
    "`safetensors.torch.save_file(torch.load(FILE, weights_only=True), '" + WEIGHTS + "')`, "
    f"and put that into a folder beside a {CONFIG}, as `covsearch train` does"
)
_NAMES = {torch.float32: "F32", torch.int64: "I64"}  # what a state_dict of ours has


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
        Where it was read from; of a model in an index, what errors call that place.
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
    UsageError
        When the weights are pickled; says how to convert them.
    ArtefactError
        When the weights are no safetensors, do not fit the configuration, or are not finite.
    """
    _check_files(folder)
    found = {}
    for name, limit in ((CONFIG, MAX_CONFIG_BYTES), (WEIGHTS, MAX_WEIGHT_BYTES)):
        try:
            found[name] = read_bytes(folder / name, limit)
        except RefusedError as e:
            raise ArtefactError(f"{folder / name}: {e}") from e
    return checkpoint_of(found, folder)


def checkpoint_of(files: Mapping[str, bytes], where: Path) -> Checkpoint:
    """As :func:`load_checkpoint`, of files in memory by their names; `where` is what errors call the folder."""
    try:
        text = as_text(files[CONFIG])
        config = from_toml(text, model=ModelConfig)["model"]
        model = Siamese(config)
    except (UsageError, RefusedError) as e:
        raise ArtefactError(f"{where / CONFIG}: {e}") from e
    _check_weights(files[WEIGHTS], where / WEIGHTS, model)
    _fill(model, files[WEIGHTS], where / WEIGHTS)
    return Checkpoint(model.eval(), config, fingerprint(text, files[WEIGHTS]), where)


def _check_files(folder: Path) -> None:
    if folder.suffix.lower() in PICKLES:
        raise UsageError(f"{folder}: {PICKLED}")
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix.lower() in PICKLES)
    if pickles and not (folder / WEIGHTS).exists():
        raise UsageError(f"{folder / pickles[0]}: {PICKLED}")
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).exists():
            raise NotFoundError(f"{folder}: expected a checkpoint folder with {WEIGHTS} and {CONFIG}, no {name}")


def _check_weights(weights: bytes, path: Path, model: Siamese) -> None:
    """Refuse a file whose header does not declare just the tensors of `model`: names, shapes and types."""
    try:
        came = read_header(weights)
    except RefusedError as e:
        pickled = weights[:4] == b"PK\x03\x04" or (weights[:1] == b"\x80" and weights[1:2] in b"\2\3\4\5")
        hint = f"; it looks like a pickle: {PICKLED}" if pickled else ""
        raise ArtefactError(f"{path}: expected safetensors: {e}{hint}") from e
    expected = {name: Declared(_NAMES[v.dtype], tuple(v.shape)) for name, v in model.state_dict().items()}
    if came != expected:
        odd = sorted(name for name in came.keys() | expected.keys() if came.get(name) != expected.get(name))
        theirs, ours = (tensors.get(odd[0], "missing") for tensors in (came, expected))
        first = f"{odd[0][:80]!r} is {theirs} in the file and {ours} in the model"
        raise ArtefactError(f"{path}: weights do not fit {CONFIG} beside them: {first}")


def _fill(model: Siamese, weights: bytes, path: Path) -> None:
    try:
        tensors = load(weights)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ArtefactError(f"{path}: expected safetensors: {e}") from e
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ArtefactError(f"{path}: {name} holds NaN or infinity; train again or fetch the file again")
    model.load_state_dict(tensors)
