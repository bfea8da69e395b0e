"""The figures show what the reports say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from covsearch import plots
from covsearch.evaluate.bootstrap import Interval
from covsearch.evaluate.figures import draw_models, draw_retrieval
from covsearch.evaluate.held_out import PairsReport
from covsearch.evaluate.metrics import roc
from covsearch.evaluate.pairs import PairReport
from covsearch.evaluate.ranks import Ranks, rank_covers, retrieval_metrics
from covsearch.evaluate.retrieval_report import Judged, RetrievalReport
from covsearch.evaluate.several_models import ModelsReport
from covsearch.evaluate.system_report import Seconds, SystemReport

P = np.array([0.1, 0.2, 0.7, 0.6, 0.8, 0.9])
LABEL = np.array([0, 0, 0, 1, 1, 1])


def system(name: str, score: NDArray[np.float64], accuracy: float | None) -> PairReport:
    return PairReport(name, accuracy, 0.889, Interval(0.7, 1.0), None, None, roc(score, LABEL))


def report() -> PairsReport:
    systems = system("cnn-1", P, 5 / 6), system("mean chroma", -P, None)
    return PairsReport("cnn-1", "hpcp", "toy", "zero-shot", "all", 3, 6, LABEL, P, systems, 0, 10, 0, ())


def test_one_roc_has_every_model_and_the_baselines_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    save = plots.save
    monkeypatch.setattr(plots, "save", lambda figure, path: (figures.append(figure), save(figure, path))[1])
    other = replace(report(), model="cnn-2", systems=(system("cnn-2", P[::-1], 0.5), *report().systems[1:]))
    paths = draw_models(ModelsReport((report(), other)), tmp_path)
    assert [path.name for path in paths] == [
        "cnn-1_cnn-2_roc.png",
        "cnn-1_probabilities.png",
        "cnn-2_probabilities.png",
    ]
    labels = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    shown = [f"{name}: AUC 0.889 [0.700, 1.000]" for name in ("cnn-1", "cnn-2", "mean chroma")]
    assert sorted(labels) == sorted(["chance", *shown])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The figures of one report, caught as they are saved."""
    figures: list[Any] = []
    save = plots.save

    def keep(figure: Any, path: Path) -> Path:
        figures.append(figure)
        return save(figure, path)

    monkeypatch.setattr(plots, "save", keep)
    paths = draw_models(ModelsReport((report(),)), tmp_path / "made" / "here")
    assert [path.name for path in paths] == ["cnn-1_roc.png", "cnn-1_probabilities.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    return figures


def test_roc_figure_has_the_curves_the_diagonal_and_the_model_bold(drawn: list[Any]) -> None:
    (ax,) = drawn[0].axes
    diagonal, model, chroma = ax.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    np.testing.assert_array_equal(model.get_xdata(), roc(P, LABEL).false_alarms)
    np.testing.assert_array_equal(chroma.get_ydata(), roc(-P, LABEL).found)
    assert model.get_linewidth() > 2 * chroma.get_linewidth()
    assert model.get_label() == "cnn-1: AUC 0.889 [0.700, 1.000]"
    assert ax.get_title() == "toy, zero-shot, all pairs"


def test_histogram_shows_each_class_as_a_whole_and_the_threshold(drawn: list[Any]) -> None:
    (ax,) = drawn[1].axes
    for container, value in zip(ax.containers, (0, 1), strict=True):
        heights = np.array([patch.get_height() for patch in container])
        assert heights.sum() == pytest.approx(1)
        expected = np.histogram(P[value == LABEL], bins=np.linspace(0, 1, 41))[0] / 3
        np.testing.assert_allclose(heights, expected)
    (line,) = ax.lines
    assert set(line.get_xdata()) == {0.5}
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["3 covers", "3 non-covers", "cover below 0.5"]


def test_fifteen_systems_are_drawn_apart_and_the_first_bold() -> None:
    styles = [plots.line_style(k) for k in range(15)]
    assert len({(style["color"], style["linestyle"]) for style in styles}) == 15
    assert styles[0]["linewidth"] > 2 * max(style["linewidth"] for style in styles[1:])


def ranks(seed: int) -> Ranks:
    table = np.random.default_rng(seed).random((40, 40))
    return rank_covers(lambda queries: table[queries], np.arange(40) // 2)


def test_ranks_and_recall_of_every_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure) or path)
    found = ranks(1), ranks(2)
    systems = tuple(
        SystemReport(f"s{k}", retrieval_metrics(r), 0.5, Interval(0.1, 0.2), None, None, Seconds(1e-2, 1e-3), r)
        for k, r in enumerate(found)
    )
    judged = RetrievalReport((Judged("s0", "hpcp", "zero-shot"),), "toy", 20, 40, 40, systems, 0, 10, ())
    paths = draw_retrieval(judged, tmp_path)
    assert [path.name for path in paths] == ["ranks.png", "recall.png"]
    (histogram,), (curves,) = figures[0].axes, figures[1].axes
    for patch, r in zip(histogram.patches, found, strict=True):
        shares, edges, _ = patch.get_data()
        assert (edges[0], edges[-1]) == (1, 40)
        np.testing.assert_allclose(shares, np.histogram(r.first, edges)[0] / 40)
        assert shares.sum() == pytest.approx(1)
    for line, r in zip(curves.lines, found, strict=True):
        for k in (1, 7, 39):
            drawn = line.get_ydata()[line.get_xdata() <= k][-1]
            assert drawn == pytest.approx((r.found(k) / r.covers).mean())
    assert curves.get_title() == histogram.get_title() == "toy, zero-shot: 40 queries, 40 performances"
    assert curves.lines[0].get_linewidth() > 2 * curves.lines[1].get_linewidth()
    label = f"s0: MAP {systems[0].metrics.map:.3f} [0.100, 0.200]"
    assert curves.get_legend().get_texts()[0].get_text() == label
