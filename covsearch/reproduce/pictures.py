"""The report's Figures 4 to 10 of this collection; Figures 1 to 3 are :func:`covsearch.dataset.figures.draw_info`'s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from covsearch import plots
from covsearch.evaluate.metrics import roc
from covsearch.reproduce.findings import auc_interval
from covsearch.reproduce.judged import JudgedRun
from covsearch.reproduce.plan import NAMES

_BOXES = (
    (0.14, 0.72, "chroma of A\n(T, F)"),
    (0.14, 0.22, "chroma of B\n(T, F)"),
    (0.40, 0.72, "branch\n(CNN, or CNN\n+ quantum block)"),
    (0.40, 0.22, "branch\n(CNN, or CNN\n+ quantum block)"),
    (0.62, 0.47, "(a - b)², 128"),
    (0.89, 0.47, "head: Σ α (a - b)² + β\np = σ(s), near 0 = cover"),
)
_ARROWS = ((0, 2, (38, 54)), (1, 3, (38, 54)), (2, 4, (52, 42)), (3, 4, (52, 42)), (4, 5, (40, 72)))
"""From which box to which, and how many points before the middle of each the arrow ends."""


def draw_architecture(path: Path) -> Path:
    """Figure 4: two branches with the same weights, and the head that compares their vectors."""
    figure, (ax,) = plots.subplots(width=8.8, height=3.2)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.axis("off")
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": plots.COLOURS[0]}
    for a, b, ends in _ARROWS:
        (x0, y0, _), (x1, y1, _) = _BOXES[a], _BOXES[b]
        arrow = {"arrowstyle": "-|>", "color": "grey", "shrinkA": ends[0], "shrinkB": ends[1]}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=arrow)
    for x, y, text in _BOXES:
        ax.text(x, y, text, ha="center", va="center", bbox=box, fontsize=9)
    ax.text(0.40, 0.47, "shared weights", ha="center", va="center", color=plots.COLOURS[1], fontsize=9)
    return plots.save(figure, path)


def draw_roc(judged: Sequence[JudgedRun], path: Path, title: str) -> Path:
    """Figures 7 and 10, and both in one: ROC curves of runs on their test pairs, with 95 % intervals of the AUC."""
    curves = []
    for one in judged:
        curve = roc(one.score, one.label)
        label = f"{NAMES[one.run.branch]}: AUC {one.auc:.3f} {auc_interval(one):.3f}"
        curves.append((label, curve.false_alarms, curve.found))
    return plots.roc_curves(curves, path, title=title)
