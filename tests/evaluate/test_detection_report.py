"""The whole way from folders to a report of detection, on the bundled sample and a few of its queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collection import write_collection
from songs import make_song
from untrained import write_untrained

from covsearch import plots
from covsearch.errors import UsageError
from covsearch.evaluate import detection_report
from covsearch.evaluate import distractors as made
from covsearch.evaluate.bootstrap import Interval
from covsearch.evaluate.calibration import Reliability
from covsearch.evaluate.detection import Detection, Rate
from covsearch.evaluate.detection_report import (
    COLUMNS,
    DetectionReport,
    Prepared,
    SizeReport,
    evaluate_detection,
    prepare_detection,
    read_sizes,
)
from covsearch.evaluate.detection_trials import run_trials
from covsearch.evaluate.figures import draw_detection
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection
from covsearch.workspace import Workspace


@pytest.fixture(scope="module")
def home(sample_home: Path) -> Workspace:
    return Workspace(sample_home)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four works of two versions that no training saw."""
    return write_collection(tmp_path_factory.mktemp("small") / "other", works=4, versions=2, subset="other")


def test_the_samples_test_works_at_two_sizes(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[Prepared] = []

    def noted(*given: Any, **more: Any) -> Prepared:
        prepared.append(prepare_detection(*given, **more))
        return prepared[0]

    monkeypatch.setattr(detection_report, "prepare_detection", noted)
    report = evaluate_detection(None, None, home, sizes=(2, "own"), queries=12, replicates=20, seed=1)
    assert (report.subset, report.protocol, report.performances, report.works) == ("sample", "held-out works", 262, 126)
    assert [one.searched for one in report.sizes] == [2, 261]
    trials = run_trials(prepared[0].bench, 2, 12)
    first = report.sizes[0].detection
    assert first.queries == 12
    assert first.detected.value == np.mean(trials.present.called & trials.present.right) > 0.5
    assert first.false_alarms.value == np.mean(trials.absent.called) < 0.3
    assert all(one.same_found == Rate(1.0, Interval(1.0, 1.0)) for one in report.sizes)
    assert json.loads(json.dumps(report.to_dict()))["sizes"][0]["detected"]["value"] == first.detected.value
    assert "no distractors: at its own size the collection without a query's covers is smaller by these" in report.notes


def test_distractors_fill_what_the_collection_has_not(
    home: Workspace, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [SongCollection("tunes", CoverMaker([make_song(s) for s in range(3)]))]
    monkeypatch.setattr(made, "open_collections", lambda *_: found)
    report = evaluate_detection(other, None, home, sizes=(280,), queries=3, sources=["midi/tunes"], replicates=5)
    assert (report.distractors, report.sizes[0].searched) == (280, 280)
    filled = "beyond its works collections are filled with 280 covers synthesised from tunes"
    assert filled in report.notes
    assert report.sizes[0].same_found.value == 1


def test_a_model_without_a_calibration_and_too_large_a_size_are_refused(
    toy: Path, other: Path, home: Workspace
) -> None:
    folder = write_untrained(toy.parent / "checkpoint", toy, test=("W_1", "W_4"))
    with pytest.raises(UsageError, match="has no calibration, by which covers are called: run `covsearch calibrate`"):
        evaluate_detection(toy, folder, home)
    with pytest.raises(UsageError, match=r"8 performances are more than other has \(8\): name MIDI files"):
        evaluate_detection(other, None, home, sizes=(8,))


def test_another_collection_is_zero_shot_and_may_be_small(home: Workspace, other: Path) -> None:
    report = evaluate_detection(other, None, home, replicates=5)
    assert (report.protocol, report.performances) == ("zero-shot", 8)
    assert [one.searched for one in report.sizes] == [1, 2, 7]  # of the usual sizes, those it has
    assert report.sizes[0].detection.queries == 8


def test_sizes_are_read_once_each() -> None:
    assert read_sizes("1, 2,own,2,15000") == (1, 2, "own", 15_000)


@pytest.mark.parametrize("text", ["", "0", "-1", "1,,2", "1.5", "all", "²"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="sizes must be whole numbers from 1, or 'own', separated by commas, not"):
        read_sizes(text)


def size_report(searched: int, detected: float) -> SizeReport:
    rate = Rate(detected, Interval(detected - 0.1, detected + 0.1))
    diagram = Reliability(np.array([0.2, 0.9]), np.array([0.5, 1.0]), np.array([0.5, 0.5]))
    detection = Detection(40, rate, Rate(0.02, Interval(0.0, 0.04)), {0.01: 0.7, 0.05: 0.75}, diagram)
    return SizeReport(searched, detection, Rate(1.0, Interval(1.0, 1.0)), 0.9, 1.0, 0.25)


def test_a_row_has_a_cell_for_every_column() -> None:
    cells = dict(zip(COLUMNS, size_report(15_000, 0.8).row(), strict=True))
    assert cells["searched"] == "15,000"
    assert cells["detected"] == "0.800 [0.700, 0.900]"
    assert (cells["detected at 1 %"], cells["at 5 %"], cells["ECE"], cells["same found"]) == (
        "0.700",
        "0.750",
        "0.200",
        "1.000",
    )


def test_pictures_show_every_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure) or path)
    sizes = (size_report(2, 0.8), size_report(500, 0.6))
    report = DetectionReport("m", "toy", "zero-shot", 40, 20, 0, 0.5, sizes, 0, 10, ())
    paths = draw_detection(report, tmp_path)
    assert [path.name for path in paths] == ["reliability.png", "sizes.png"]
    (ax,) = figures[0].axes
    assert [line.get_ydata().tolist() for line in ax.lines[1:]] == [[0.5, 1.0]] * 2
    assert [line.get_xdata().tolist() for line in ax.lines[1:]] == [[0.2, 0.9]] * 2
    assert ax.get_legend().get_texts()[1].get_text() == "500: ECE 0.200"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == (
        "told cover probability", "share that are covers", "toy, zero-shot",
    )  # fmt: skip
    detected, alarms, *_ = figures[1].axes[0].lines
    assert (detected.get_xdata().tolist(), detected.get_ydata().tolist()) == ([2, 500], [0.8, 0.6])
    assert alarms.get_ydata().tolist() == [0.02, 0.02]
    assert figures[1].axes[0].get_title() == "m\ntoy, zero-shot"
