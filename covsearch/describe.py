"""What a trained model is: layers with their shapes and parameters, quantum circuit, and what its p is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from covsearch.errors import UsageError
from covsearch.index.calibration import Calibration, facts, read_calibration
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.models.quantum import ExactCircuit

UNCALIBRATED = "p is not calibrated: run `covsearch calibrate --model` with this folder"


@dataclass(frozen=True)
class Layer:
    """One module that computes.

    Attributes
    ----------
    name : str
        Where it stands in the model, as in its state_dict.
    kind : str
        Its class.
    output : tuple of int, or None
        Shape of what it gives for one track of the longest length, the batch axis left out; None for the unused.
    parameters : int
        Trained numbers of its own.
    """

    name: str
    kind: str
    output: tuple[int, ...] | None
    parameters: int


@dataclass(frozen=True, eq=False)
class DescribedModel:
    """A checkpoint, ready to be shown.

    Attributes
    ----------
    checkpoint : Checkpoint
    layers : tuple of Layer
        In the order in which the model holds them, the head last.
    calibration : Calibration or None
        None where the model was never calibrated.
    """

    checkpoint: Checkpoint
    layers: tuple[Layer, ...]
    calibration: Calibration | None

    @property
    def parameters(self) -> int:
        """Trained numbers in all."""
        return sum(p.numel() for p in self.checkpoint.model.parameters())

    @property
    def circuit(self) -> str | None:
        """Drawing of the quantum circuit with its trained angles, which imports PennyLane; None without one."""
        found = _circuit(self.checkpoint)
        if found is None:
            return None
        from covsearch.models.qnode import draw_text

        return draw_text(found.weights)

    @property
    def calibration_lines(self) -> list[str]:
        """The calibration for people; where there is none, what makes one."""
        return facts(self.calibration) if self.calibration else [UNCALIBRATED]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        return {
            "model": self.checkpoint.fingerprint,
            "config": asdict(self.checkpoint.config),
            "layers": [asdict(layer) for layer in self.layers],
            "parameters": self.parameters,
            "circuit": self.circuit,
            "calibration": self.calibration and asdict(self.calibration),
        }

    def draw(self, folder: Path) -> Path:
        """Draw the quantum circuit to ``circuit.png`` in `folder` and return its path.

        Raises
        ------
        UsageError
            For a model without one.
        MissingExtraError
            Without matplotlib.
        """
        found, model = _circuit(self.checkpoint), self.checkpoint.fingerprint
        if found is None:
            raise UsageError(f"model {model} has no quantum circuit to draw; those of --model hybrid have")
        from covsearch.models.qnode import draw_figure

        return draw_figure(found.weights, folder / "circuit.png")


def describe_model(folder: Path | None = None) -> DescribedModel:
    """Read a checkpoint and describe it.

    Parameters
    ----------
    folder : Path, optional
        The checkpoint; by default the bundled weights.

    Raises
    ------
    NotFoundError
        When there is none.
    ArtefactError
        When it is damaged.
    """
    checkpoint = load_checkpoint(folder or bundled_checkpoint())
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    return DescribedModel(checkpoint, tuple(_layers(checkpoint)), calibration)


def _circuit(checkpoint: Checkpoint) -> ExactCircuit | None:
    return next((module for module in checkpoint.model.modules() if isinstance(module, ExactCircuit)), None)


def _layers(checkpoint: Checkpoint) -> Iterator[Layer]:
    outputs = _outputs(checkpoint)
    for name, module in checkpoint.model.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        if own or not any(module.children()):
            yield Layer(name, type(module).__name__, outputs.get(name), own)


def _outputs(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Shapes behind every module, found by embedding silence and comparing it with itself."""
    model, features = checkpoint.model, checkpoint.config.features
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output  # blocks give their mask too
        if isinstance(first, Tensor):
            shapes.setdefault(name, tuple(first.shape[1:]))  # a pooling is called again for the mask

    hooks = [module.register_forward_hook(partial(note, name)) for name, module in model.named_modules()]
    frames = torch.zeros(1, model.batch_frames([features.frames]), features.width)
    row = torch.tensor([0])
    with torch.inference_mode():
        model(frames, torch.tensor([features.frames]), row, row)
    for hook in hooks:
        hook.remove()
    return shapes
