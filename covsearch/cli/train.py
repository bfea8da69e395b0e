"""``covsearch train``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from covsearch.cli.options import DATASET, FRAME_RATE, SUBSET
from covsearch.cli.shown import shown
from covsearch.config import FeatureConfig, TrainConfig
from covsearch.errors import MissingExtraError
from covsearch.progress import stderr_progress
from covsearch.synthesis.sources import JOIN
from covsearch.trained import TrainedModel, train_model
from covsearch.training.presets import PRESETS, configure
from covsearch.training.run import Source
from covsearch.workspace import Workspace

_CHOICES = (
    click.option("--model", "branch", default=None, help="Branch to train: bottleneck, cnn, hybrid, invariant [cnn]."),
    click.option("--features", type=click.Choice(FeatureConfig.ALLOWED), help="Chroma the branch sees [hpcp]."),
    click.option("--frames", type=int, help="Longest sequence, after block means [2000]."),
    click.option("--rate", type=float, help="Frames a second the branch sees; 0 is blocks just enough for --frames."),
    click.option("--key", type=click.Choice(["played", "normalised"]), help="normalised brings every track to C."),
    click.option("--pooling", type=click.Choice(["masked", "unmasked"]), help="unmasked is the report's baseline."),
    click.option("--norm", type=click.Choice(["batch", "group"]), help="Normalisation inside the blocks [batch]."),
    click.option("--alpha", type=click.Choice(["signed", "positive"]), help="Weights of the head."),
    click.option("--qubits", type=int, help="2 to 10, for hybrid and bottleneck [7]."),
    click.option("--q-layers", type=int, help="Entangling layers of hybrid [2]."),
    click.option("--readout", type=click.Choice(["report", "residual"]), help="residual adds the CNN's own embedding."),
    click.option("--quantum-device", help="PennyLane device that hybrid is measured on, NAME[:SHOTS] [exact]."),
    click.option(
        "--split", type=click.Choice(["works", "pairs"]), help="pairs is the report's leaky protocol [works]."
    ),
    click.option("--train-pairs", type=int, help="[3000]"),
    click.option("--validation-pairs", type=int, help="[1000]"),
    click.option("--test-pairs", type=int, help="[1000]"),
    click.option("--loss", type=click.Choice(TrainConfig.LOSSES), help="pairs is the report's."),
    click.option("--batch-pairs", type=int, help="Pairs a step, for --loss pairs [64]."),
    click.option("--batch-works", type=int, help="Works a step, for --loss batch and supcon [32]."),
    click.option("--batch-versions", type=int, help="Versions of each of those works, at most [3]."),
    click.option("--temperature", type=float, help="Of --loss supcon [0.1]."),
    click.option("--epochs", type=int),
    click.option("--lr", "learning_rate", type=float, help="[0.0005]"),
    click.option("--weight-decay", type=float),
    click.option("--schedule", type=click.Choice(["constant", "cosine"])),
    click.option("--patience", type=int, help="Epochs without improvement before stopping; 0 is never."),
    click.option("--rotate-keys/--keep-keys", default=None, help="Transpose tracks at random while training."),
    click.option("--vary-time/--keep-time", default=None, help="Change tempo and crop tracks while training."),
    click.option("--mask-frames/--keep-frames", default=None, help="Drop and mask frames while training."),
    click.option("--epoch-steps", type=int, help="Batches an epoch, with --synthesize [100]."),
    click.option("--seed", type=int, help="[0]"),
)


def _choices(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_CHOICES):
        command = option(command)
    return command


@click.command()
@DATASET
@SUBSET
@FRAME_RATE
@click.option("--out", type=click.Path(path_type=Path), help="Checkpoint folder [HOME/models/...].")
@click.option(
    "--synthesize",
    "sources",
    multiple=True,
    help="Train on covers made of the songs in this folder of MIDI files, or of music21's corpus: music21; repeatable.",
)
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="default", show_default=True)
@_choices
@click.option("--strict", is_flag=True, help="Stop at the first unreadable file instead of skipping it.")
@click.option("--plot/--no-plot", default=None, help="Draw loss and accuracy curves [when matplotlib is there].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def train_command(
    workspace: Workspace,
    /,
    dataset: Path | None,
    subset: str | None,
    frame_rate: float | None,
    out: Path | None,
    preset: str,
    sources: tuple[str, ...],
    strict: bool,
    plot: bool | None,
    as_json: bool,
    **explicit: Any,
) -> None:
    """Train a branch and its head on balanced pairs; run it again to go on after an interruption.

    The preset chooses everything that is not said: `default` is what works best here, `report` is the original
    protocol (20 epochs of Adam 5e-4, padding pooled like music, no augmentation). At the end the model is calibrated on
    its validation works, as `covsearch calibrate` does.

    \b
    covsearch train --out models/mine
    covsearch train --dataset da-tacos --features hpcp+crema --preset report
    covsearch train --preset invariant --synthesize POP909/ --synthesize music21
    covsearch train --dataset da-tacos --split pairs --seed 3
    """
    config, training = configure(preset, {**explicit, "synthesize": JOIN.join(sources) or None})
    with stderr_progress() as progress:
        source = Source(dataset, subset, strict, frame_rate)
        model = train_model(source, config, training, workspace, out, progress, _warn)
    if model.uncalibrated:
        click.echo(f"not calibrated: {model.uncalibrated}", err=True)
    _draw(model, plot)
    result = model.to_dict()
    click.echo(json.dumps(result) if as_json else "\n".join(f"{k:20} {v}" for k, v in result.items()))


def _warn(line: str) -> None:
    click.echo(shown(f"Warning: {line}"), err=True)


def _draw(model: TrainedModel, wanted: bool | None) -> None:
    """Draw both curves; without matplotlib that is an error only when they were asked for."""
    if wanted is False:
        return
    try:
        for path in model.draw_curves():
            click.echo(f"drew {path}", err=True)
    except MissingExtraError as e:
        if wanted:
            raise
        click.echo(f"no curves drawn: {e}", err=True)
