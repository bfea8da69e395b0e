"""``covsearch eval-retrieval``."""

from __future__ import annotations

from pathlib import Path

import click

from covsearch import plots
from covsearch.cli.reports import show_report
from covsearch.config import MAX_SEED
from covsearch.counting import counted
from covsearch.dataset.splits import PARTS
from covsearch.evaluate.figures import draw_retrieval
from covsearch.evaluate.retrieval_baselines import DEFAULT_BASELINES, RETRIEVAL_BASELINES
from covsearch.evaluate.retrieval_report import evaluate_retrieval
from covsearch.evaluate.retrieval_search import ALIGNED, CANDIDATES
from covsearch.evaluate.system_report import COLUMNS, times
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace


@click.command("eval-retrieval")
@click.option("--dataset", type=click.Path(path_type=Path), help="Da-TACOS folder [the bundled sample].")
@click.option("--subset", help="Which subset, when the folder holds several.")
@click.option(
    "--model",
    "models",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Checkpoint folder; repeatable, differences are to the first [the bundled weights].",
)
@click.option("--part", type=click.Choice(PARTS), help="Works of the models' own collection [test].")
@click.option(
    "--align",
    type=click.Choice(ALIGNED),
    default=CANDIDATES,
    show_default=True,
    help="What a calibrated model's search aligns: as `covsearch query` does, all pairs, or nothing.",
)
@click.option(
    "--baseline",
    "baselines",
    type=click.Choice(sorted(RETRIEVAL_BASELINES)),
    multiple=True,
    help=f"Beside the models; repeatable [the fast ones: {', '.join(DEFAULT_BASELINES)}]. "
    "Qmax aligns every pair: a millisecond or two each.",
)
@click.option("--frame-rate", type=float, help="Frames a second of the files [as declared or known, or 86.13].")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Of noise and the bootstrap."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--plot", type=click.Path(path_type=Path, file_okay=False), help="Draw ranks.png and recall.png here.")
@click.pass_obj
def eval_retrieval(
    workspace: Workspace,
    /,
    dataset: Path | None,
    subset: str | None,
    models: tuple[Path, ...],
    part: str | None,
    align: str,
    baselines: tuple[str, ...],
    frame_rate: float | None,
    seed: int,
    as_json: bool,
    plot: Path | None,
) -> None:
    """MAP, rank of the first cover, precision and recall when every performance with a cover is a query.

    The collection a model was trained on is searched in its test works only; any other is zero-shot. AP is divided
    by all covers of a query, ties count against the system, the 95 % intervals come from resampling works. AUC is of
    the distances over all pairs of the collection. Several models rank what every one of them may be judged on.

    A calibrated model has two rows: its head, and "aligned", what `covsearch query` answers. There a distance is the
    likelihood ratio that the search tells: candidates that were not aligned finely are told no likelier than the
    last that was. With --align all every pair is aligned finely, a millisecond or two each.

    \b
    covsearch eval-retrieval
    covsearch eval-retrieval --baseline 2D-FTM --plot figures
    covsearch eval-retrieval --align all --baseline Qmax
    covsearch eval-retrieval --model models/mine --model models/other --baseline Qmax
    covsearch eval-retrieval --dataset da-tacos --subset benchmark --model models/mine --json
    """
    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    with stderr_progress() as progress:
        report = evaluate_retrieval(
            dataset,
            models,
            workspace,
            subset=subset,
            part=part,
            align=align,
            baselines=baselines or DEFAULT_BASELINES,
            frame_rate=frame_rate,
            seed=seed,
            progress=progress,
        )
    show_report(
        report,
        as_json=as_json,
        heading=f"{report.subset}, {report.protocol}: {counted(report.queries, 'query', 'queries')} "
        f"in {counted(report.performances, 'performance')} of {counted(report.works, 'work')}",
        columns=COLUMNS,
        caption=f"ties count against the system; intervals from {report.replicates:,} resamplings of the works\n"
        f"CPU seconds a query + a track: {times(report.systems)}",
        drawn=draw_retrieval(report, plot) if plot else [],
    )
