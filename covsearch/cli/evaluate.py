"""``covsearch eval-pairs``."""

from __future__ import annotations

from pathlib import Path

import click

from covsearch import plots
from covsearch.cli.reports import show_report
from covsearch.config import MAX_SEED
from covsearch.counting import counted
from covsearch.evaluate.baselines import MEAN_CHROMA
from covsearch.evaluate.figures import draw_pairs
from covsearch.evaluate.held_out import PairsReport, evaluate_pairs
from covsearch.evaluate.pairs import COLUMNS
from covsearch.evaluate.protocol import KINDS
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace


@click.command("eval-pairs")
@click.option("--dataset", type=click.Path(path_type=Path), help="Da-TACOS folder [the bundled sample].")
@click.option("--subset", help="Which subset, when the folder holds several.")
@click.option("--model", type=click.Path(path_type=Path), help="Checkpoint folder [the bundled weights].")
@click.option("--frame-rate", type=float, help="Frames a second of the files [as declared or known, or 86.13].")
@click.option("--pairs", type=click.Choice(KINDS), default="balanced", show_default=True, help="Which held-out pairs.")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Of draws and the bootstrap."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--plot", type=click.Path(path_type=Path, file_okay=False), help="Draw roc.png and probabilities.png here."
)
@click.pass_obj
def eval_pairs(
    workspace: Workspace,
    /,
    dataset: Path | None,
    subset: str | None,
    model: Path | None,
    frame_rate: float | None,
    pairs: str,
    seed: int,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Accuracy and AUC on pairs that training never saw, beside baselines.

    The collection a model was trained on is judged on its test works only; any other collection is zero-shot.
    `balanced` is half covers, half non-covers; `all` is every pair. The 95 % intervals come from resampling works.
    Of a calibrated model accuracy is also told at its own threshold, with the expected calibration error (ECE, at even
    odds) before and after.

    \b
    covsearch eval-pairs
    covsearch eval-pairs --pairs all --plot figures
    covsearch eval-pairs --dataset da-tacos --subset benchmark --model models/mine --json
    """
    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    with stderr_progress() as progress:
        report = evaluate_pairs(
            dataset, model, workspace, subset=subset, pairs=pairs, frame_rate=frame_rate, seed=seed, progress=progress
        )
    show_report(
        report,
        as_json=as_json,
        heading=f"{report.subset}, {report.protocol}: {counted(report.covers, 'cover')}, "
        f"{counted(len(report.label) - report.covers, 'non-cover')} of {counted(report.performances, 'performance')}, "
        f"{counted(report.works, 'work')}",
        columns=COLUMNS,
        caption=f"differences to {MEAN_CHROMA}; intervals from {report.replicates:,} resamplings of the works",
        below=_calibrated(report),
        drawn=draw_pairs(report, plot) if plot else [],
    )


def _calibrated(report: PairsReport) -> list[str]:
    """Accuracy and expected calibration error of a calibrated model, for below the table."""
    if report.calibrated is None:
        return []
    usual, own, score = report.systems[0].accuracy, report.calibrated.accuracy, report.calibrated.score
    accuracy = f"accuracy {usual:.3f} at 0.5, {own:.3f} at the calibrated {score.threshold:.3f}"
    return [f"{accuracy}; ECE {score.before.ece:.3f}, calibrated {score.after.ece:.3f}"]
