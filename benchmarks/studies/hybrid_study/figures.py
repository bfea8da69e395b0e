"""Learning curves with bands, ROC curves, and the differences to the CNN as a forest plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import roc_curve

from benchmarks.studies.hybrid_study.runs import CNN, VARIANTS

COLOURS = dict(zip(VARIANTS, ("black", "tab:blue", "tab:cyan", "tab:purple", "tab:orange"), strict=True))
_GRID = np.linspace(0, 1, 201)


def draw_figures(runs: Sequence[dict[str, Any]], summary: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Write ``NAME_curves.png``, ``NAME_roc.png`` and ``NAME_differences.png``, a panel a collection."""
    paths = []
    for what, draw in (("curves", _curves), ("roc", _roc)):
        figure = Figure(figsize=(6 * len(summary), 4.5), layout="tight")
        axes = figure.subplots(1, len(summary), squeeze=False)
        for ax, collection in zip(axes[0], summary, strict=True):
            own = [r for r in runs if r["collection"] == collection]
            for variant in (v for v in VARIANTS if any(r["variant"] == v for r in own)):
                draw(ax, [r for r in own if r["variant"] == variant], variant)
            ax.set_title(collection)
            ax.grid(alpha=0.3)
        axes[0][0].legend(fontsize=8)
        paths.append(folder / f"{name}_{what}.png")
        figure.savefig(paths[-1], dpi=110)
    return [*paths, _forest(summary, folder / f"{name}_differences.png")]


def _curves(ax: Axes, runs: list[dict[str, Any]], variant: str) -> None:
    """Mean validation accuracy by epoch, and one standard deviation of the seeds around it."""
    curves = np.array([[row["accuracy"] for row in r["history"]] for r in runs])
    epochs = np.arange(1, curves.shape[1] + 1)
    mean, std = curves.mean(axis=0), curves.std(axis=0)
    ax.plot(epochs, mean, color=COLOURS[variant], label=variant)
    ax.fill_between(epochs, mean - std, mean + std, color=COLOURS[variant], alpha=0.12, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel("validation accuracy at 0.5")


def _roc(ax: Axes, runs: list[dict[str, Any]], variant: str) -> None:
    """Test pairs: the mean over seeds of the rate at each false alarm rate; a find is a cover called one."""
    curves = []
    for r in runs:
        fpr, tpr, _ = roc_curve(np.array(r["test"]["label"]) == 0, -np.array(r["test"]["scores"]))
        curves.append(np.interp(_GRID, fpr, tpr))
    auc = np.mean([r["test"]["auc"] for r in runs])
    ax.plot(_GRID, np.mean(curves, axis=0), color=COLOURS[variant], label=f"{variant}: {auc:.3f}")
    ax.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    ax.set_xlabel("non-covers called covers")
    ax.set_ylabel("covers found")
    ax.legend(fontsize=8, loc="lower right")


def _forest(summary: dict[str, Any], path: Path) -> Path:
    """AUC less the CNN's: every seed's with its bootstrap interval, small; the mean over seeds with its own, large."""
    rows = [(c, v, d) for c, found in summary.items() for v, d in found["differences"].items()]
    figure = Figure(figsize=(7.5, 1 + 0.62 * max(len(rows), 1)), layout="tight")
    ax = figure.subplots()
    for row, (_, variant, d) in enumerate(rows):
        seeds = d["within_seed"]
        for k, w in enumerate(seeds):
            y = row + 0.18 + 0.45 * (k + 1) / (len(seeds) + 1)
            ax.plot([w["low"], w["high"]], [y, y], color=COLOURS[variant], alpha=0.35, linewidth=1)
            ax.plot(w["difference"], y, ".", color=COLOURS[variant], alpha=0.5, markersize=4)
        ax.plot([d["auc"]["low"], d["auc"]["high"]], [row, row], color=COLOURS[variant], linewidth=2.5)
        ax.plot(d["auc"]["mean"], row, "o", color=COLOURS[variant])
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(rows)), [f"{v}\n{c}" for c, v, _ in rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel(f"AUC less that of the {CNN}, same pairs")
    ax.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)
    return path
