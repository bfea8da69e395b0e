"""Everything an interrupted training needs to go on, in one safetensors file that is replaced whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from covsearch import durable
from covsearch.errors import ArtefactError, UsageError

STATE = "state.safetensors"


@dataclass
class TrainingState:
    """A training after some whole epochs.

    Attributes
    ----------
    history : list of dict
        One record an epoch; its length is the number of finished epochs.
    best : dict
        Weights of the best epoch so far.
    best_epoch : int
        1-based; 0 before the first.
    average : dict
        Moving average of the weights; empty where none is kept.
    """

    history: list[dict[str, float]]
    best: dict[str, Tensor]
    best_epoch: int = 0
    average: dict[str, Tensor] = field(default_factory=dict)


def save_state(
    folder: Path, config: str, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState
) -> None:
    """Replace the state in `folder`; a kill at any moment leaves the old one or the new one."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    tensors |= {f"average.{k}": v for k, v in state.average.items()}
    for i, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in slots.items()}
    about = {"config": config, "history": json.dumps(state.history), "best_epoch": str(state.best_epoch)}
    with durable.replacing(folder / STATE) as draft:
        save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, draft, metadata=about)


def load_state(folder: Path, config: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> TrainingState | None:
    """Put `model` and `optimizer` where the interrupted training in `folder` was; None when there is none.

    Raises
    ------
    UsageError
        When the training in `folder` was started with another configuration.
    ArtefactError
        When the file is corrupt.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as f:
            about: dict[str, str] = f.metadata() or {}
            tensors = {key: f.get_tensor(key) for key in f.keys()}  # noqa: SIM118 (no mapping)
        history, best_epoch = json.loads(about["history"]), int(about["best_epoch"])
    except (SafetensorError, OSError, KeyError, ValueError) as e:
        raise ArtefactError(f"{path}: expected the state of a training: {e}; delete it to start again") from e
    if about.get("config") != config:
        raise UsageError(f"{folder} holds a training with other choices; finish it, delete it, or name another --out")
    model.load_state_dict(_below(tensors, "model."))
    _restore(optimizer, _below(tensors, "optimizer."))
    return TrainingState(history, _below(tensors, "best."), best_epoch, _below(tensors, "average."))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    slots: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        i, key = name.split(".", 1)
        slots.setdefault(int(i), {})[key] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
