"""``covsearch calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from covsearch import calibrate as calibrating
from covsearch.cli.options import FRAME_RATE, MODEL, PATH, REPORT_AS_JSON, SEED, SUBSET, Drawing
from covsearch.cli.reports import evaluated
from covsearch.workspace import Workspace


@click.command()
@MODEL
@click.option("--dataset", type=PATH, help="Da-TACOS folder it learned from [the sample].")
@SUBSET
@FRAME_RATE
@SEED
@REPORT_AS_JSON
@click.option("--plot", type=Drawing(path_type=Path), help="Draw the reliability: a .png or .svg file, or a folder.")
@click.pass_obj
def calibrate_command(
    workspace: Workspace, /, model: Path | None, dataset: Path | None, as_json: bool, plot: Path | None, **options: Any
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
    evaluated(calibrating.calibrate, calibrating.draw_reliability, as_json, plot, model, dataset, workspace, **options)
