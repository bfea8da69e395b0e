"""Reports as pictures: ROC curves and the histogram of p of pairs; ranks and recall of retrieval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.counting import counted
from covsearch.evaluate.calibration import CalibrationScore
from covsearch.evaluate.held_out import PairsReport
from covsearch.evaluate.metrics import THRESHOLD
from covsearch.evaluate.retrieval_report import RetrievalReport


def draw_pairs(report: PairsReport, folder: Path, prefix: str = "", suffix: str = ".png") -> list[Path]:
    """Draw ``roc`` and ``probabilities`` into `folder`.

    Parameters
    ----------
    report : PairsReport
    folder : Path
        Made when missing.
    prefix, suffix : str
        Around the two names; the suffix chooses the format.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    title = f"{report.subset}, {report.protocol}, {report.kind} pairs"
    curves = [(f"{s.name}: AUC {s.auc:.3f} {s.ci:.3f}", s.roc.false_alarms, s.roc.found) for s in report.systems]
    return [
        plots.roc_curves(curves, folder / f"{prefix}roc{suffix}", title=title),
        plots.probability_histogram(
            report.probability,
            report.label,
            folder / f"{prefix}probabilities{suffix}",
            title=title,
            threshold=THRESHOLD,
        ),
    ]


def diagrams(score: CalibrationScore) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """The curves of a reliability diagram: before, by temperature, after; each with its expected calibration error."""
    named = (("as it is", score.before), ("temperature", score.temperature), ("Platt", score.after))
    return [
        (f"{name}: ECE {some.ece:.3f} {some.ci:.3f}", some.diagram.predicted, some.diagram.observed)
        for name, some in named
    ]


def draw_retrieval(report: RetrievalReport, folder: Path, prefix: str = "", suffix: str = ".png") -> list[Path]:
    """Draw ``ranks`` and ``recall`` into `folder`; parameters and errors as for :func:`draw_pairs`.

    Returns
    -------
    list of Path
        What was written.
    """
    sizes = f"{counted(report.queries, 'query', 'queries')}, {counted(report.performances, 'performance')}"
    title = f"{report.subset}, {report.protocol}: {sizes}"
    last = report.performances - 1  # a query is not ranked itself
    named = [(f"{s.name}: MAP {s.metrics.map:.3f} {s.map_ci:.3f}", s.ranks) for s in report.systems]
    first = [(label, ranks.first) for label, ranks in named]
    curves = [(label, *ranks.recall_curve()) for label, ranks in named]
    return [
        plots.rank_histogram(first, folder / f"{prefix}ranks{suffix}", size=last, title=title),
        plots.recall_curves(curves, folder / f"{prefix}recall{suffix}", size=last, title=title),
    ]
