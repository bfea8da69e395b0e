"""``covsearch train``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.cli.options import DATASET, FRAME_RATE, SUBSET, NamedPath
from covsearch.cli.shown import say, warn, wrapped
from covsearch.cli.train_aligner import CHOICES, train_aligner_command
from covsearch.config import FeatureConfig
from covsearch.errors import MissingExtraError, UsageError
from covsearch.progress import stderr_progress
from covsearch.synthesis.sources import JOIN
from covsearch.training.choices import BRANCH, all_choices, chosen, idle, kinds_of, read_choices, told_choices, uses
from covsearch.training.presets import PRESETS
from covsearch.training.source import TrainingSource, check_places
from covsearch.workspace import Workspace

if TYPE_CHECKING:  # torch takes seconds, which an error of the arguments need not wait for
    from covsearch.trained import TrainedModel

# the ones that people use; --set takes all
_SHOWN = (
    click.option("--model", "branch", help="Branch to train: bottleneck, cnn, hybrid, invariant [by --preset]."),
    click.option("--features", type=click.Choice(FeatureConfig.ALLOWED), help="Chroma the branch sees [by --preset]."),
    click.option("--frames", type=int, help="Longest sequence, after block means [by --preset]."),
    click.option("--epochs", type=int, help="1 to 1,000,000 [by --preset]."),
    click.option("--lr", "learning_rate", type=float, help="Learning rate, between 0 and 1 [by --preset]."),
    click.option("--seed", type=int, help="0 to 4,294,967,295 [0]."),
    click.option("--steps", type=int, hidden=True),
    click.option("--minutes", type=float, help="Of --aligner, instead of --steps 3000."),
)
# keys that have options of their own
_SAID = {"branch", "features", "frames", "epochs", "learning_rate", "seed", "synthesize", "start"}
_LEFT = {"rotate_keys": "--keep-keys", "vary_time": "--keep-time", "mask_frames": "--keep-frames"}
_TYPES = {"str": str, "int": int, "float": float}


def _spelt(name: str, kind: str) -> Callable[..., Any]:
    """A key of --set as an option of its own."""
    word = f"--{name.replace('_', '-')}"
    if kind == "bool":
        return click.option(f"{word}/{_LEFT[name]}", default=None, hidden=True)
    return click.option(word, type=_TYPES[kind], hidden=True)


def _choices(command: Callable[..., None]) -> Callable[..., None]:
    keys = (_spelt(name, kind) for name, kind in kinds_of(BRANCH).items() if name not in _SAID)
    for option in reversed((*_SHOWN, *keys)):
        command = option(command)
    return command


_EPILOG = "\n\n".join(
    [
        "What the presets use:",
        *(f"{name}: {uses(name)}." for name in sorted(PRESETS)),
        f"Keys of --set, with the values of the preset default: {all_choices('default')}.",
        f"Keys of --set with --aligner: {told_choices(AlignerConfig(), AlignerTraining('SONGS'))}.",
    ]
)


@click.command(epilog=_EPILOG)
@DATASET
@SUBSET
@FRAME_RATE
@click.option("--out", type=NamedPath(path_type=Path), help="Checkpoint folder [HOME/models/...].")
@click.option(
    "--synthesize",
    "sources",
    multiple=True,
    help="Train on covers made of the songs in this folder of MIDI files; in this zip archive or folder of MusicXML "
    "scores, ABC tunes or chord charts; or in music21's corpus: music21. Repeatable.",
)
@click.option(
    "--from", "start", metavar="FOLDER", help="Begin with a checkpoint's weights, bundled or scratch [by --preset]."
)
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="default", show_default=True)
@click.option("--aligner", is_flag=True, help="Train the learned aligner instead of a branch; needs --synthesize.")
@_choices
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other choice, repeatable: see below.")
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
    start: str | None,
    aligner: bool,
    strict: bool,
    plot: bool | None,
    as_json: bool,
    settings: tuple[str, ...],
    **explicit: Any,
) -> None:
    """Train a branch and its head on balanced pairs; run it again to go on after an interruption.

    The preset chooses everything that is not said. `default` begins with the bundled weights and tunes them to the
    collection; where no epoch is better on validation than these, it keeps them. `report` is the original protocol
    (padding pooled like music, no augmentation). At the end the model is calibrated on its validation works,
    as `covsearch calibrate` does.

    \b
    covsearch train --dataset da-tacos --out models/mine
    covsearch train --dataset da-tacos --synthesize POP909/
    covsearch train --dataset da-tacos --features hpcp+crema --preset report
    covsearch train --preset invariant --synthesize POP909/ --synthesize lieder.zip --synthesize music21
    covsearch train --dataset da-tacos --set split=pairs --seed 3
    covsearch train --aligner --synthesize POP909/ --minutes 60
    """
    songs = {"synthesize": JOIN.join(sources)} if sources else {}
    read = read_choices(settings, CHOICES if aligner else BRANCH)
    said = {**explicit, **({"start": start} if start else {}), **read, **songs}
    if aligner:
        with stderr_progress() as progress:
            return _print(train_aligner_command(workspace, out, said, progress, warn), as_json)
    _refuse_aligners(said)
    config, training = chosen(preset, said)
    source = TrainingSource(dataset, subset, strict, frame_rate)
    out = out or source.default_folder(config.branch, training.seed, workspace)
    check_places(source, out, start, sources)
    for line in idle(training, said):
        warn(line)
    from covsearch.trained import train_model
    from covsearch.training.together import is_first

    if not is_first():  # of torchrun's processes only the first one speaks
        train_model(source, config, training, workspace, out)
        return None
    with stderr_progress() as progress:
        model = train_model(source, config, training, workspace, out, progress, warn, _hear)
    if model.uncalibrated:
        say(f"not calibrated: {model.uncalibrated}")
    _draw(model, plot)
    return _print(model.to_dict(), as_json)


def _hear(line: str) -> None:
    say(wrapped(line, 10))


def _print(result: dict[str, Any], as_json: bool) -> None:
    lines = (wrapped(f"{name:26}{_told(value)}", 26) for name, value in result.items())
    click.echo(json.dumps(result) if as_json else "\n".join(lines))


def _told(value: object) -> str:
    """A result for people: rounded, and no Python."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(some)}" for name, some in value.items())
    return "unknown" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _refuse_aligners(explicit: dict[str, Any]) -> None:
    """Take out what only --aligner has, if it was not said."""
    for name in ("steps", "minutes"):
        if explicit.pop(name, None) is not None:
            raise UsageError(f"--{name} is for --aligner; a branch is trained for --epochs")


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
