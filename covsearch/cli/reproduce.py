"""``covsearch reproduce``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from covsearch.cli.options import FRAME_RATE, PATH, SUBSET, NamedPath
from covsearch.cli.shown import say
from covsearch.progress import stderr_progress
from covsearch.reproduce import reproduce
from covsearch.reproduce.plan import SEEDS
from covsearch.training.source import TrainingSource
from covsearch.workspace import Workspace


@click.command("reproduce")
@click.argument("directory", metavar="[DIR]", type=PATH, required=False)
@click.option("--out", type=NamedPath(path_type=Path, file_okay=False), required=True, help="Folder of the report.")
@SUBSET
@FRAME_RATE
@click.option("--seeds", type=click.IntRange(1, 100), default=SEEDS, show_default=True, help="Trainings of each model.")
@click.option("--quick", is_flag=True, help="A rehearsal in minutes: fewer pairs, epochs and frames.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_obj
def reproduce_command(
    workspace: Workspace,
    /,
    directory: Path | None,
    out: Path,
    subset: str | None,
    frame_rate: float | None,
    seeds: int,
    quick: bool,
    as_json: bool,
) -> None:
    """Repeat the report on DIR (default: the bundled sample), and write it as a page with its figures.

    The CNN and the CNN with a quantum block are trained by the report's protocol, on its split by pairs and on a split
    by works. The page sets every figure beside the report's. Run it again to go on after an interruption. Needs the
    extra 'plots'.

    \b
    covsearch reproduce --out report --quick
    covsearch reproduce da-tacos --subset benchmark --out report
    """
    source = TrainingSource(directory, subset, frame_rate=frame_rate)
    with stderr_progress() as progress:
        made = reproduce(source, out, workspace, seeds=seeds, quick=quick, progress=progress, tell=say)
    click.echo(json.dumps(made.to_dict(), indent=1) if as_json else f"{made.page}: open it in a browser")
