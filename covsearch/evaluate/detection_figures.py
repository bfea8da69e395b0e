"""Reports of detection as pictures: what was told and what is so, and the rates over the size of the collection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.evaluate.detection import Rate
from covsearch.evaluate.detection_report import DetectionReport


def draw_detection(
    reports: Sequence[DetectionReport], folder: Path, prefix: str = "", suffix: str = ".png"
) -> list[Path]:
    """Draw ``reliability`` and ``sizes`` into `folder`, a panel a report.

    Parameters
    ----------
    reports : sequence of DetectionReport
        Of one model.
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
    told, sizes = [], []
    for report in reports:
        name, found = f"{report.subset}, {report.protocol}", [(one.searched, one.detection) for one in report.sizes]
        curves = [(f"{n:,}: ECE {one.ece:.3f}", one.diagram.predicted, one.diagram.observed) for n, one in found]
        told.append((name, curves))
        detected, alarms = [one.detected for _, one in found], [one.false_alarms for _, one in found]
        rates = [("covers detected", *_curve(detected)), ("false alarms", *_curve(alarms))]
        sizes.append((name, np.array([n for n, _ in found], dtype=np.int64), rates))
    return [
        plots.reliability_diagrams(
            told,
            folder / f"{prefix}reliability{suffix}",
            title=f"{reports[0].model}: best matches",
            labels=("told cover probability", "share that are covers"),
        ),
        plots.rates_by_size(sizes, folder / f"{prefix}sizes{suffix}", title=reports[0].model),
    ]


def _curve(rates: Sequence[Rate]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (S,) and interval ends (S, 2)."""
    return np.array([rate.value for rate in rates]), np.array([[rate.ci.low, rate.ci.high] for rate in rates])
