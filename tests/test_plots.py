from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from covsearch import plots
from covsearch.errors import MissingExtraError, UsageError


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures as they are handed to `save`."""
    figures: list[Any] = []

    def keep(figure: Any, path: Path) -> Path:
        figures.append(figure)
        return path

    monkeypatch.setattr(plots, "save", keep)
    return figures


def heights(ax: Any) -> list[float]:
    return [bar.get_height() for bar in ax.patches]


def test_distributions_as_stored_and_unit_norm(drawn: list[Any]) -> None:
    values = np.random.default_rng(0).random((50, 12), dtype=np.float32)
    values[7] = 0
    plots.feature_distributions(values, Path("a.png"), title="HPCP")
    left, right = drawn[0].axes
    bins = np.linspace(0, 1, 86)
    np.testing.assert_allclose(heights(left), np.histogram(values, bins)[0] / 600)
    loud = np.delete(values, 7, axis=0)
    unit = np.array([frame / np.sqrt((frame**2).sum()) for frame in loud])
    np.testing.assert_allclose(heights(right), np.histogram(unit, bins)[0] / (49 * 12), atol=2 / 588)
    assert sum(heights(right)) == pytest.approx(1)


def test_lengths_in_frames_and_minutes(drawn: list[Any]) -> None:
    lengths = np.random.default_rng(0).integers(6225, 41285, 400)
    plots.length_histogram(lengths, Path("a.png"), frame_rate=86.13, title="benchmark")
    ax = drawn[0].axes[0]
    assert heights(ax) == np.histogram(lengths, 40, (0, lengths.max()))[0].tolist()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"mean {lengths.mean():,.1f} frames", f"median {np.median(lengths):,.1f} frames"]
    minutes = ax.child_axes[0]
    drawn[0].savefig(io.BytesIO())
    assert minutes.get_xlim()[1] == pytest.approx(ax.get_xlim()[1] / 86.13 / 60)


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_files_are_written_by_suffix(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / "new" / f"lengths{suffix}"
    assert plots.length_histogram(np.array([60, 70]), path, frame_rate=1, title="two") == path
    assert path.read_bytes().startswith(magic)


def test_cross_similarity_has_minutes_on_both_axes_and_the_path_where_it_is(drawn: list[Any]) -> None:
    similarity = np.random.default_rng(0).random((400, 200), dtype=np.float32)
    path = np.array([[1.0, 3.0], [90.0, 60.0]])
    names = ("P_1 · a", "P_2 · b")
    plots.cross_similarity(similarity, path, Path("a.png"), rates=(2.0, 2.0), span=9, names=names, title="p")
    (ax,) = drawn[0].axes
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), similarity.T)
    assert image.get_extent() == pytest.approx([2, 202, 2, 102])  # the middle of 9 frames is 2.25 s after their begin
    assert ax.lines[0].get_xydata().tolist() == path.tolist()
    assert [label.get_text() for label in ax.get_xticklabels()][:3] == ["0:00", "0:30", "1:00"]
    assert [label.get_text() for label in ax.get_yticklabels()][:3] == ["0:00", "0:15", "0:30"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == names


@pytest.mark.parametrize("shape", [(1, 1), (5, 900), (900, 5)])
def test_cross_similarity_of_any_shape_and_of_nothing_alike_is_drawn(shape: tuple[int, int], tmp_path: Path) -> None:
    nothing = np.zeros(shape, np.float32)
    path = tmp_path / "a.png"
    assert (
        plots.cross_similarity(nothing, np.empty((0, 2)), path, rates=(2.7, 2.7), span=1, names=("a", "b"), title="t")
        == path
    )


def test_titles_are_cut_to_fit_and_never_read_as_formulas(tmp_path: Path) -> None:
    names = ("P_1 · $\\frac$ money $ " + 40 * "very ", "P_2 · $x_{$")
    path = tmp_path / "a.svg"
    similarity, nowhere = np.ones((300, 20), np.float32), np.empty((0, 2))
    plots.cross_similarity(similarity, nowhere, path, rates=(2.7, 2.7), span=1, names=names, title="$\\frac$")
    figure = path.read_text()
    assert "<!-- P_1 · $\\frac$ money $ very" in figure
    assert 40 * "very " not in figure


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3600, "60:00")])
def test_clock(seconds: float, text: str) -> None:
    assert plots.clock(seconds) == text


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"figures are written as .png or .svg, not '.jpg'"):
        plots.save(plots.subplots()[0], tmp_path / "a.jpg")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"drawing figures needs the extra 'plots'.*covsearch\[plots\]"):
        plots.subplots()


def test_learning_curves_are_those_of_the_history(drawn: list[Any]) -> None:
    history = [{"train_loss": 3.0 - k, "validation_loss": 4.0 - k, "train_accuracy": 0.5 + k / 9} for k in range(3)]
    plots.learning_curve(history, Path("a.png"), quantity="loss", best_epoch=2)
    (ax,) = drawn[0].axes
    training, validation, kept = ax.lines
    assert training.get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert validation.get_xydata().tolist() == [[1, 4], [2, 3], [3, 2]]
    assert set(kept.get_xdata()) == {2}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation", "kept: epoch 2"]
    assert ax.get_ylabel() == "loss"
