"""``covsearch eval-detection``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from covsearch import plots
from covsearch.cli.reports import show_report
from covsearch.cli.shown import shown
from covsearch.config import MAX_SEED
from covsearch.dataset.splits import PARTS
from covsearch.evaluate.detection_figures import draw_detection
from covsearch.evaluate.detection_report import COLUMNS, SIZES, evaluate_detection, read_sizes
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace


@click.command("eval-detection")
@click.option("--dataset", type=click.Path(path_type=Path), help="Da-TACOS folder [the bundled sample].")
@click.option("--subset", help="Which subset, when the folder holds several.")
@click.option("--model", type=click.Path(path_type=Path), help="Calibrated checkpoint folder [the bundled weights].")
@click.option("--part", type=click.Choice(PARTS), help="Works of the model's own collection [test].")
@click.option("--frame-rate", type=float, help="Frames a second of the files [as declared or known, or 86.13].")
@click.option(
    "--sizes",
    help="Performances to search, separated by commas; own is as many as the collection has "
    f"[{','.join(map(str, SIZES))}; of these the ones it has].",
)
@click.option("--queries", type=click.IntRange(min=1), help="At most so many queries, drawn [all].")
@click.option(
    "--distractors",
    "sources",
    multiple=True,
    metavar="FOLDER",
    help="MIDI files, or music21, to synthesise tracks from that fill larger collections; repeatable.",
)
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Of everything drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--plot", type=click.Path(path_type=Path, file_okay=False), help="Draw reliability.png, sizes.png here.")
@click.pass_obj
def eval_detection(
    workspace: Workspace,
    /,
    dataset: Path | None,
    model: Path | None,
    sizes: str | None,
    sources: tuple[str, ...],
    as_json: bool,
    plot: Path | None,
    **options: Any,
) -> None:
    """How often a cover that is there is called one, and how often something is where no cover is.

    Every performance with a cover is asked for twice: with its covers in the collection, and without. The best match
    counts: it is detected when it is a cover and is called one; without covers, calling it one is a false alarm.
    Every performance is also asked for while it is in the collection: it must be found. The 95 % intervals come from
    resampling works.

    \b
    covsearch eval-detection
    covsearch eval-detection --sizes 10,1000,15000 --distractors midi --queries 100
    covsearch eval-detection --dataset da-tacos --subset benchmark --model models/mine --json
    """
    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    with stderr_progress() as progress:
        report = evaluate_detection(
            dataset,
            model,
            workspace,
            sizes=None if sizes is None else read_sizes(sizes),
            sources=sources,
            progress=progress,
            tell=_warn,
            **options,
        )
    show_report(
        report,
        as_json=as_json,
        heading=report.heading,
        columns=COLUMNS,
        caption=report.caption,
        drawn=draw_detection([report], plot) if plot else [],
    )


def _warn(line: str) -> None:
    click.echo(shown(f"Warning: {line}"), err=True)
