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


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"figures are written as .png or .svg, not '.jpg'"):
        plots.save(plots.subplots()[0], tmp_path / "a.jpg")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"drawing figures needs the extra 'plots'.*covsearch\[plots\]"):
        plots.subplots()
