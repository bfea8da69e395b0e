"""Figures. matplotlib comes with the extra ``plots`` and is imported only when something is drawn.

Every function takes arrays and the path of a ``.png`` or ``.svg`` file, draws, and returns the path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
COLOURS = ("#3b6ea5", "#d1603d", "#5b8c5a", "#8a6fa8", "#b5942c")  # told apart in grey and by the colour-blind
DASHES = ("-", "--", ":")  # one after the other when the colours are used up
_TICKS = (5, 10, 15, 30, 60, 120, 300, 600)  # seconds
VALUE_BINS = 85  # of values in [0, 1]: divides 255, so that values kept as 8-bit numbers show no comb


def blank(*, width: float = 6.4, height: float = 4.0) -> Figure:
    """A figure without axes, and without pyplot's global state, windows and backends.

    Parameters
    ----------
    width, height : float
        Inches.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as e:
        raise MissingExtraError("drawing figures", "plots") from e
    return Figure(figsize=(width, height), layout="constrained")


def subplots(columns: int = 1, *, width: float = 6.4, height: float = 4.0) -> tuple[Figure, list[Axes]]:
    """A :func:`blank` figure with `columns` axes side by side."""
    figure = blank(width=width, height=height)
    axes: list[Axes] = list(figure.subplots(1, columns, squeeze=False)[0])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path) -> Path:
    """Write `figure` to `path` as PNG or SVG by its suffix; the folder is made when missing.

    Raises
    ------
    UsageError
        For any other suffix.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"figures are written as {' or '.join(SUFFIXES)}, not {path.suffix or 'without a suffix'!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path


def line_style(k: int) -> dict[str, Any]:
    """How the line of system `k` is drawn: the first bold, and the first fifteen all different."""
    dashes = DASHES[k // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": dashes, "linewidth": 1.2 if k else 2.8}


def feature_distributions(values: NDArray[np.float32], path: Path, *, title: str) -> Path:
    """Histograms of chroma values as stored and after unit L2 norm per frame (report, Figures 1 and 2).

    Parameters
    ----------
    values : NDArray[float32], shape (n, 12)
        Frames of any number of performances; all-zero frames are left out of the right-hand histogram.
    path : Path
    title : str
    """
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    heard = norms[:, 0] > 0
    figure, (left, right) = subplots(2, width=8.8, height=3.6)
    top = max(1.0, float(values.max()))
    for ax, shown, end, name in (
        (left, values, top, "as stored"),
        (right, values[heard] / norms[heard], 1.0, "unit L2 norm per frame"),
    ):
        share = np.full(shown.size, 1 / shown.size)
        ax.hist(shown.ravel(), bins=np.linspace(0, end, VALUE_BINS + 1).tolist(), weights=share, color=COLOURS[0])
        ax.axvline(float(shown.mean()), color=COLOURS[1], label=f"mean {shown.mean():.3f}, std {shown.std():.3f}")
        ax.set(title=name, xlabel="value", ylabel="share of values", xlim=(0, end))
        ax.legend(frameon=False)
    figure.suptitle(title)
    return save(figure, path)


def length_histogram(lengths: NDArray[np.int64], path: Path, *, frame_rate: float, title: str) -> Path:
    """Histogram of the lengths of performances in frames, with minutes above (report, Figure 3).

    Parameters
    ----------
    lengths : NDArray[int64], shape (n,)
        Frames.
    path : Path
    frame_rate : float
        Frames a second, for the scale in minutes.
    title : str
    """
    figure, (ax,) = subplots(height=3.8)
    bins = min(60, max(12, round(2 * len(lengths) ** 0.5)))
    ax.hist(lengths, bins=bins, range=(0, float(lengths.max())), color=COLOURS[0])
    for value, name, style in ((lengths.mean(), "mean", "-"), (np.median(lengths), "median", "--")):
        ax.axvline(float(value), color=COLOURS[1], linestyle=style, label=f"{name} {value:,.1f} frames")
    per_minute = 60 * frame_rate
    minutes = ax.secondary_xaxis(
        "top", functions=(lambda x: np.asarray(x) / per_minute, lambda x: np.asarray(x) * per_minute)
    )
    minutes.set_xlabel(f"minutes at {frame_rate:.2f} frames/s")
    ax.set(xlabel="frames", ylabel="performances", title=title, xlim=(0, 1.05 * float(lengths.max())))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.locator_params(axis="y", integer=True)
    ax.legend(frameon=False)
    return save(figure, path)


def learning_curve(history: Sequence[Mapping[str, float]], path: Path, *, quantity: str, best_epoch: int) -> Path:
    """Loss or accuracy of an epoch on training and validation pairs (report, Figures 5, 6, 8 and 9).

    Parameters
    ----------
    history : sequence of mapping
        Of every epoch ``train_loss``, ``validation_accuracy`` and the like.
    path : Path
    quantity : str
        ``loss`` or ``accuracy``: the label of the y axis.
    best_epoch : int
        1-based; the epoch whose weights were kept. 0 for those before the first.
    """
    figure, (ax,) = subplots()
    epochs = np.arange(1, len(history) + 1)
    for part, name, colour in (("train", "training", COLOURS[0]), ("validation", "validation", COLOURS[1])):
        values = np.array([epoch[f"{part}_{quantity}"] for epoch in history])
        ax.plot(epochs, values, color=colour, label=name, marker="." if len(epochs) < 30 else None)
    ax.axvline(best_epoch, color="grey", linestyle=":", label=f"kept: epoch {best_epoch}")
    ax.set(xlabel="epoch", ylabel=quantity, xlim=(min(0.5, best_epoch - 0.1), len(history) + 0.5))
    ax.locator_params(axis="x", integer=True)
    ax.legend(frameon=False)
    return save(figure, path)


def roc_curves(
    curves: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]], path: Path, *, title: str
) -> Path:
    """ROC curves of several systems on the same pairs, the first drawn bold (report, Figures 7 and 10).

    Parameters
    ----------
    curves : sequence of (str, NDArray, NDArray)
        Legend; share of non-covers taken for covers and share of covers found, each (K,) in [0, 1].
    path : Path
    title : str
    """
    figure, (ax,) = subplots(width=5.4, height=5.6)
    ax.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    for k, (label, false_alarms, found) in enumerate(curves):
        ax.plot(false_alarms, found, label=label, **line_style(k))
    ax.set(xlabel="non-covers taken for covers", ylabel="covers found", title=title, aspect="equal")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.legend(frameon=False, loc="lower right", fontsize="small")
    return save(figure, path)


def probability_histogram(
    p: NDArray[np.float64], label: NDArray[np.int64], path: Path, *, title: str, threshold: float = 0.5
) -> Path:
    """How a model's p spreads over covers and over non-covers, with the threshold that decides.

    Parameters
    ----------
    p : NDArray[float64], shape (N,)
        In [0, 1]; low = cover.
    label : NDArray[int64], shape (N,)
        0 = cover, 1 = non-cover.
    path : Path
    title : str
    threshold : float
    """
    figure, (ax,) = subplots()
    for value, name in enumerate(("covers", "non-covers")):
        some = p[label == value]
        # shares of each class: among all pairs of a collection, covers are too few to be seen in counts
        share = np.full(len(some), 1 / max(1, len(some)))
        bins = np.linspace(0, 1, 41).tolist()
        ax.hist(some, bins, weights=share, color=COLOURS[value], alpha=0.6, label=f"{len(some):,} {name}")
    ax.axvline(threshold, color="black", linestyle="--", label=f"cover below {threshold:g}")
    ax.set(xlabel="p (0 = cover, 1 = non-cover)", ylabel="share of its kind", title=title, xlim=(0, 1))
    ax.legend(frameon=False)
    return save(figure, path)


def reliability_diagrams(
    panels: Sequence[tuple[str, Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]]]],
    path: Path,
    *,
    title: str,
    labels: tuple[str, str] = ("p (0 = cover, 1 = non-cover)", "non-covers, at even odds"),
) -> Path:
    """What p says beside what is so, one panel a collection of pairs; on the diagonal p means what it says.

    Parameters
    ----------
    panels : sequence of (str, sequence of (str, NDArray[float64], NDArray[float64]))
        Title of the panel; legend, mean p and share of non-covers (at even odds) of each bin, both (B,), ascending p.
    path : Path
    title : str
    labels : tuple of str
        What both axes show, where that is another probability.
    """
    figure, axes = subplots(len(panels), width=4.6 * len(panels) + 0.4, height=5.2)
    for ax, (name, curves) in zip(axes, panels, strict=True):
        ax.plot([0, 1], [0, 1], color="grey", linestyle=":")
        for k, (label, predicted, observed) in enumerate(curves):
            ax.plot(predicted, observed, marker=".", markersize=8, label=label, **line_style(k))
        ax.set(xlabel=labels[0], ylabel=labels[1], title=name, aspect="equal")
        ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        ax.legend(frameon=False, loc="lower right", fontsize="small")
    figure.suptitle(title)
    return save(figure, path)


def rates_by_size(
    sizes: NDArray[np.int64],
    curves: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]],
    path: Path,
    *,
    title: str,
) -> Path:
    """Shares of queries over the size of the collection, with intervals.

    Parameters
    ----------
    sizes : NDArray[int64], shape (S,)
        Performances, ascending.
    curves : sequence of (str, NDArray[float64], NDArray[float64])
        Legend, shares (S,) and the ends of their intervals (S, 2).
    path : Path
    title : str
    """
    figure, (ax,) = subplots(width=5.0, height=4.2)
    for k, (label, shares, ends) in enumerate(curves):
        style = line_style(k)
        ax.plot(sizes, shares, marker=".", markersize=8, label=label, **style)
        ax.fill_between(sizes, ends[:, 0], ends[:, 1], color=style["color"], alpha=0.15, linewidth=0)
    ax.axhline(0.05, color="grey", linestyle=":", label="5 %")
    ax.set(xscale="log", xlabel="performances searched", ylabel="share of queries", title=title, ylim=(-0.02, 1.02))
    ax.legend(frameon=False, loc="upper right", fontsize="small")
    return save(figure, path)


def rank_histogram(systems: Sequence[tuple[str, NDArray[np.int64]]], path: Path, *, size: int, title: str) -> Path:
    """How the rank of each query's first cover spreads, in bins that widen with the rank.

    Parameters
    ----------
    systems : sequence of (str, NDArray[int64])
        Legend; ranks from 1, shape (Q,). The first is drawn bold.
    path : Path
    size : int
        The last rank there is.
    title : str
    """
    edges = np.unique(np.geomspace(1, size + 1, 16).astype(np.int64))
    figure, (ax,) = subplots(width=9.0)
    for k, (label, ranks) in enumerate(systems):
        share = np.histogram(ranks, edges)[0] / len(ranks)
        ax.stairs(share, edges, label=label, **line_style(k))
    ax.set(xscale="log", xlabel="rank of the first cover", ylabel="share of queries", title=title)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    _legend_beside(ax)
    return save(figure, path)


def recall_curves(
    curves: Sequence[tuple[str, NDArray[np.int64], NDArray[np.float64]]], path: Path, *, size: int, title: str
) -> Path:
    """Recall@k of several systems over k, the first drawn bold.

    Parameters
    ----------
    curves : sequence of (str, NDArray[int64], NDArray[float64])
        Legend; ranks at which recall rises, ascending, and recall there in [0, 1]; both (K,).
    path : Path
    size : int
        The last rank there is.
    title : str
    """
    figure, (ax,) = subplots(width=9.0)
    for n, (label, k, recall) in enumerate(curves):
        steps = np.concatenate([[1], k, [size]]), np.concatenate([[0.0], recall, recall[-1:]])
        ax.plot(*steps, drawstyle="steps-post", label=label, **line_style(n))
    ax.set(xscale="log", xlabel="k", ylabel="covers among the first k", title=title, ylim=(0, 1.01), xlim=(1, size))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    _legend_beside(ax)
    return save(figure, path)


def _legend_beside(ax: Axes) -> None:
    """Right of the axes: many systems leave no room inside."""
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def clock(seconds: float) -> str:
    """A place in a recording as minutes and seconds, ``4:05``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def cross_similarity(
    similarity: NDArray[np.float32],
    aligned: NDArray[np.float64],
    path: Path,
    *,
    rates: tuple[float, float],
    span: int,
    names: tuple[str, str],
    title: str,
) -> Path:
    """How alike the moments of two performances are, dark where they are, with the path on which they run together.

    Parameters
    ----------
    similarity : NDArray[float32], shape (L, M)
        Of stretches of `span` frames.
    aligned : NDArray[float64], shape (K, 2)
        The path in seconds; K may be 0.
    path : Path
    rates : (float, float)
        Frames/s of either axis of `similarity`.
    span : int
        Frames; half of it lies before the first entry's middle.
    names : (str, str)
        Of the performances: below the first axis of `similarity`, and beside the second.
    title : str
    """
    left, bottom = ((span - 1) / 2 / rate for rate in rates)
    right, top = left + similarity.shape[0] / rates[0], bottom + similarity.shape[1] / rates[1]
    width = 7.2
    height = float(np.clip(width * (top - bottom) / (right - left), 2.6, 9.0)) + 0.9
    figure, (ax,) = subplots(width=width, height=height)
    low, high = np.quantile(similarity, (0.5, 0.998)).tolist()  # so that what stands out is dark, and the rest is not
    shades = {"cmap": "Greys", "vmin": low, "vmax": max(high, low + 1e-6)}
    ax.imshow(similarity.T, origin="lower", extent=(left, right, bottom, top), aspect="equal", **shades)
    ax.plot(*aligned.T, color=COLOURS[1], linewidth=2)
    # parse_math: a title with two dollar signs is no formula
    ax.set_xlabel(_shortened(names[0], width), parse_math=False)
    ax.set_ylabel(_shortened(names[1], height), parse_math=False)
    ax.set_title(title, fontsize="medium", parse_math=False)
    for axis, end in ((ax.xaxis, right), (ax.yaxis, top)):
        step = next(s for s in _TICKS if s >= end / 8 or s == _TICKS[-1])
        axis.set_ticks(np.arange(0, end, step).tolist())
        axis.set_major_formatter(lambda seconds, _: clock(seconds))
    return save(figure, path)


def _shortened(text: str, inches: float) -> str:
    """`text`, or as much of its beginning as fits beside an axis."""
    most = int(10 * inches)  # letters of the default size
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
