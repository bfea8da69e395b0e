"""``covsearch calibrate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from covsearch import calibrate as calibrating
from covsearch import plots
from covsearch.calibrate import CalibrationReport
from covsearch.cli.tables import plain, stdout, table
from covsearch.config import MAX_SEED
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help="Checkpoint folder [the bundled weights].")
@click.option("--dataset", type=click.Path(path_type=Path), help="Da-TACOS folder it learned from [the sample].")
@click.option("--subset", help="Which subset, when the folder holds several.")
@click.option("--frame-rate", type=float, help="Frames a second of the files [as declared or known, or 86.13].")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Of draws and the bootstrap."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the reliability: a .png or .svg file, or a folder.")
@click.pass_obj
def calibrate_command(
    workspace: Workspace,
    model: Path | None,
    dataset: Path | None,
    subset: str | None,
    frame_rate: float | None,
    seed: int,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Find out what a model's p is worth, and write that beside its weights for `query`, `compare`, `eval-pairs`.

    Fitted on the model's own validation works alone. Of single pairs, covers and non-covers weighing one half each:
    Platt scaling, which is what is used; temperature scaling, to compare; and the threshold on p that is right most
    often. Of searches, in which these performances query each other: how much the head and the alignment count, and
    how probable a cover the best match is, at every size of the collection. The expected calibration error (ECE, 15
    bins of equal mass) is told there and on test pairs, on which nothing is fitted. `train` does this at its end. An
    index built before has to be built again.

    \b
    covsearch calibrate
    covsearch calibrate --model models/mine --dataset da-tacos --plot figures
    """
    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    with stderr_progress() as progress:
        report = calibrating.calibrate(
            model, dataset, workspace, subset=subset, frame_rate=frame_rate, seed=seed, progress=progress
        )
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1))
    else:
        _print(report)
    if plot:
        click.echo(f"drew {calibrating.draw_reliability(report, plot)}", err=True)


def _print(report: CalibrationReport) -> None:
    console = stdout()
    for line in calibrating.facts(report.calibration):
        console.print(plain(line))
    rows = [part.row() for part in report.parts]
    console.print(table(_numbers(calibrating.COLUMNS), rows, caption="at even odds; 95 % by bootstrap over works"))


def _numbers(columns: Sequence[str]) -> list[str]:
    """All columns but the first aligned to the right."""
    return [columns[0], *(f">{name}" for name in columns[1:])]
