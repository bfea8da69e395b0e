"""A report on pairs as pictures: ROC curves, and the histogram of p."""

from __future__ import annotations

from pathlib import Path

from covsearch import plots
from covsearch.evaluate.held_out import PairsReport
from covsearch.evaluate.metrics import THRESHOLD


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
