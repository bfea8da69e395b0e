"""What a checkpoint is made of: its layers with their shapes and parameters, and the circuit of a quantum one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from covsearch.config import ModelConfig
from covsearch.errors import UsageError
from covsearch.models.checkpoint import Checkpoint
from covsearch.models.quantum import ExactCircuit
from covsearch.models.siamese import Siamese


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


@dataclass(frozen=True)
class Description:
    """A checkpoint, ready to be shown.

    Attributes
    ----------
    model : str
        The fingerprint.
    config : ModelConfig
    layers : tuple of Layer
        In the order in which the model holds them, the head last.
    parameters : int
        Trained numbers in all.
    circuit : str or None
        Drawing of the quantum circuit with its trained angles.
    """

    model: str
    config: ModelConfig
    layers: tuple[Layer, ...]
    parameters: int
    circuit: str | None

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        return asdict(self)


def architecture(checkpoint: Checkpoint) -> Description:
    """Layers, parameters and circuit of a model; a quantum one imports PennyLane to draw."""
    model = checkpoint.model
    circuit = find_circuit(model)
    drawing = None
    if circuit is not None:
        from covsearch.models.qnode import draw_text

        drawing = draw_text(circuit.weights)
    parameters = sum(p.numel() for p in model.parameters())
    return Description(checkpoint.fingerprint, checkpoint.config, tuple(_layers(checkpoint)), parameters, drawing)


def draw_circuit(checkpoint: Checkpoint, folder: Path) -> Path:
    """Draw the quantum circuit to ``circuit.png`` in `folder` and return its path.

    Raises
    ------
    UsageError
        For a model without one.
    MissingExtraError
        Without matplotlib.
    """
    circuit = find_circuit(checkpoint.model)
    if circuit is None:
        raise UsageError(f"model {checkpoint.fingerprint} has no quantum circuit to draw; those of --model hybrid have")
    from covsearch.models.qnode import draw_figure

    return draw_figure(circuit.weights, folder / "circuit.png")


def find_circuit(model: Siamese) -> ExactCircuit | None:
    """The quantum circuit inside `model`, or None."""
    return next((module for module in model.modules() if isinstance(module, ExactCircuit)), None)


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
