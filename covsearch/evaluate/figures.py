"""Reports as pictures: ROC curves and the histogram of p of pairs, ranks and recall, what detection told and is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.counting import counted
from covsearch.evaluate.calibration import CalibrationScore
from covsearch.evaluate.detection import Rate
from covsearch.evaluate.detection_report import DetectionReport
from covsearch.evaluate.held_out import PairsReport
from covsearch.evaluate.metrics import THRESHOLD
from covsearch.evaluate.pairs import PairReport
from covsearch.evaluate.retrieval_report import RetrievalReport
from covsearch.evaluate.several_models import ModelsReport


def draw_models(several: ModelsReport, folder: Path) -> list[Path]:
    """Draw one ROC of all models and baselines, and the probabilities of each model, into `folder`.

    The folder is made when missing. Every file is called after its models, so that it never takes the place of
    another model's.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    reports = several.reports
    names = "_".join(report.model for report in reports)
    return [
        _draw_roc(reports, several.rows, folder / f"{names}_roc.png"),
        *(_draw_probabilities(report, folder / f"{report.model}_probabilities.png") for report in reports),
    ]


def _draw_roc(reports: Sequence[PairsReport], systems: Sequence[PairReport], path: Path) -> Path:
    curves = [(f"{s.name}: AUC {s.auc:.3f} {s.ci:.3f}", s.roc.false_alarms, s.roc.found) for s in systems]
    return plots.roc_curves(curves, path, title=" / ".join(dict.fromkeys(map(_judged_on, reports))))


def _draw_probabilities(report: PairsReport, path: Path) -> Path:
    p, label, title = report.probability, report.label, _judged_on(report)
    return plots.probability_histogram(p, label, path, title=title, threshold=THRESHOLD)


def _judged_on(report: PairsReport) -> str:
    return f"{report.subset}, {report.protocol}, {report.kind} pairs"


def diagrams(score: CalibrationScore) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """The curves of a reliability diagram: before, by temperature, after; each with its expected calibration error."""
    named = (("as it is", score.before), ("temperature", score.temperature), ("Platt", score.after))
    return [
        (f"{name}: ECE {some.ece:.3f} {some.ci:.3f}", some.diagram.predicted, some.diagram.observed)
        for name, some in named
    ]


def draw_retrieval(report: RetrievalReport, folder: Path) -> list[Path]:
    """Draw ``ranks.png`` and ``recall.png`` into `folder`; all else as for :func:`draw_models`."""
    sizes = f"{counted(report.queries, 'query', 'queries')}, {counted(report.performances, 'performance')}"
    title = f"{report.subset}, {report.protocol}: {sizes}"
    last = report.performances - 1  # a query is not ranked itself
    named = [(f"{s.name}: MAP {s.metrics.map:.3f} {s.map_ci:.3f}", s.ranks) for s in report.systems]
    first = [(label, ranks.first) for label, ranks in named]
    curves = [(label, *ranks.recall_curve()) for label, ranks in named]
    return [
        plots.rank_histogram(first, folder / "ranks.png", size=last, title=title),
        plots.recall_curves(curves, folder / "recall.png", size=last, title=title),
    ]


def draw_detection(report: DetectionReport, folder: Path) -> list[Path]:
    """Draw ``reliability.png`` and ``sizes.png`` into `folder`; all else as for :func:`draw_models`."""
    name, found = f"{report.subset}, {report.protocol}", [(one.searched, one.detection) for one in report.sizes]
    told = [(f"{n:,}: ECE {one.ece:.3f}", one.diagram.predicted, one.diagram.observed) for n, one in found]
    detected, alarms = [one.detected for _, one in found], [one.false_alarms for _, one in found]
    rates = [("covers detected", *_curve(detected)), ("false alarms", *_curve(alarms))]
    return [
        plots.reliability_diagrams(
            [(name, told)],
            folder / "reliability.png",
            title=f"{report.model}: best matches",
            labels=("told cover probability", "share that are covers"),
        ),
        plots.rates_by_size(
            np.array([n for n, _ in found]), rates, folder / "sizes.png", title=f"{report.model}\n{name}"
        ),
    ]


def _curve(rates: Sequence[Rate]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (S,) and interval ends (S, 2)."""
    return np.array([rate.value for rate in rates]), np.array([[rate.ci.low, rate.ci.high] for rate in rates])
