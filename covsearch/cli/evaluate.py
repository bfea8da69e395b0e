"""``covsearch eval-pairs``, ``eval-retrieval`` and ``eval-detection``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from covsearch.cli.options import DATASET, FRAME_RATE, PATH, REPORT_AS_JSON, SEED, SUBSET, NamedPath
from covsearch.cli.reports import evaluated
from covsearch.cli.shown import warn
from covsearch.dataset.splits import PARTS
from covsearch.evaluate.cliques import PROTOCOLS
from covsearch.evaluate.detection_report import SIZES, evaluate_detection, read_sizes
from covsearch.evaluate.figures import draw_detection, draw_models, draw_retrieval
from covsearch.evaluate.protocol import KINDS
from covsearch.evaluate.retrieval_baselines import DEFAULT_BASELINES, RETRIEVAL_BASELINES
from covsearch.evaluate.retrieval_report import evaluate_retrieval
from covsearch.evaluate.retrieval_search import ALIGNED, CANDIDATES
from covsearch.evaluate.several_models import evaluate_models
from covsearch.workspace import Workspace


def _models(first: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    told = f"Checkpoint folder; repeatable, {first} [the bundled weights]."
    return click.option("--model", "models", type=PATH, multiple=True, help=told)


def _plot(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    folder = NamedPath(path_type=Path, file_okay=False)
    return click.option("--plot", type=folder, help=f"Draw {', '.join(names)} here.")


@click.command("eval-pairs")
@DATASET
@SUBSET
@_models("a row and a curve each")
@FRAME_RATE
@click.option("--pairs", type=click.Choice(KINDS), default="balanced", show_default=True, help="Which held-out pairs.")
@SEED
@REPORT_AS_JSON
@_plot("MODEL_roc.png", "MODEL_probabilities.png")
@click.pass_obj
def eval_pairs(
    workspace: Workspace,
    /,
    dataset: Path | None,
    models: tuple[Path, ...],
    as_json: bool,
    plot: Path | None,
    **options: Any,
) -> None:
    """Accuracy and AUC on pairs that training never saw, beside baselines.

    The collection a model was trained on is judged on its test works only; any other collection is zero-shot.
    `balanced` is half covers, half non-covers; `all` is every pair. The 95 % intervals come from resampling works.
    Of a calibrated model accuracy is also told at its own threshold, with the expected calibration error (ECE, at even
    odds) before and after. Of several models JSON is a list.

    \b
    covsearch eval-pairs
    covsearch eval-pairs --pairs all --plot figures
    covsearch eval-pairs --model models/mine --model models/other --plot figures
    covsearch eval-pairs --dataset da-tacos --subset benchmark --model models/mine --json
    """
    evaluated(evaluate_models, draw_models, as_json, plot, dataset, models, workspace, **options)


@click.command("eval-retrieval")
@DATASET
@SUBSET
@_models("differences are to the first")
@click.option("--part", type=click.Choice(PARTS), help="Works of the models' own collection [test].")
@click.option(
    "--align",
    type=click.Choice(ALIGNED),
    default=CANDIDATES,
    show_default=True,
    help="What a calibrated model's search aligns: as `covsearch query` does, all pairs, or nothing.",
)
@click.option("--protocol", type=click.Choice(sorted(PROTOCOLS)), help="Refuse works that are not this benchmark's.")
@click.option(
    "--baseline",
    "baselines",
    type=click.Choice(sorted(RETRIEVAL_BASELINES)),
    multiple=True,
    default=DEFAULT_BASELINES,
    help=f"Beside the models; repeatable [the fast ones: {', '.join(DEFAULT_BASELINES)}]. "
    "Qmax aligns every pair: a millisecond or two each.",
)
@FRAME_RATE
@SEED
@REPORT_AS_JSON
@_plot("ranks.png", "recall.png")
@click.pass_obj
def eval_retrieval(
    workspace: Workspace,
    /,
    dataset: Path | None,
    models: tuple[Path, ...],
    as_json: bool,
    plot: Path | None,
    **options: Any,
) -> None:
    """MAP, rank of the first cover, precision and recall when every performance with a cover is a query.

    The collection a model was trained on is searched in its test works only; any other is zero-shot. AP is divided
    by all covers of a query, ties count against the system, the 95 % intervals come from resampling works. AUC is of
    the distances over all pairs of the collection. Several models rank what every one of them may be judged on.

    A calibrated model has two rows: its head, and "aligned", what `covsearch query` answers. There a distance is the
    likelihood ratio that the search tells: candidates that were not aligned finely are told no likelier than the
    last that was. With --align all every pair is aligned finely, a millisecond or two each, and the learned aligner is
    left out.

    \b
    covsearch eval-retrieval
    covsearch eval-retrieval --baseline 2D-FTM --plot figures
    covsearch eval-retrieval --align all --baseline Qmax
    covsearch eval-retrieval --model models/mine --model models/other --baseline Qmax
    covsearch eval-retrieval --dataset da-tacos --subset benchmark --model models/mine --json
    covsearch eval-retrieval --dataset da-tacos --subset benchmark --protocol datacos --align candidates
    """
    evaluated(evaluate_retrieval, draw_retrieval, as_json, plot, dataset, models, workspace, **options)


@click.command("eval-detection")
@DATASET
@SUBSET
@click.option("--model", type=PATH, help="Calibrated checkpoint folder [the bundled weights].")
@click.option("--part", type=click.Choice(PARTS), help="Works of the model's own collection [test].")
@FRAME_RATE
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
    help="Songs, as of train --synthesize, to synthesise tracks from that fill larger collections; repeatable.",
)
@SEED
@REPORT_AS_JSON
@_plot("reliability.png", "sizes.png")
@click.pass_obj
def eval_detection(
    workspace: Workspace,
    /,
    dataset: Path | None,
    model: Path | None,
    sizes: str | None,
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
    options |= {"sizes": None if sizes is None else read_sizes(sizes), "tell": warn}
    evaluated(evaluate_detection, draw_detection, as_json, plot, dataset, model, workspace, **options)
