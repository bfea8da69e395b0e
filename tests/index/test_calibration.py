"""Applying a calibration: its laws, and what is refused when it is read."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import FINGERPRINT, made_up_calibration

from covsearch.errors import ArtefactError, UsageError
from covsearch.index.calibration import CALIBRATION, HOTTEST, facts, read_calibration, write_calibration

slopes = st.floats(1e-3, 1e3)
intercepts = st.floats(-50, 50)
scores = st.lists(st.floats(-500, 500), min_size=2, max_size=30)


@given(slope=slopes, intercept=intercepts, values=scores)
def test_no_calibration_changes_a_ranking(slope: float, intercept: float, values: list[float]) -> None:
    calibration = made_up_calibration(slope=slope, intercept=intercept)
    p = calibration.probability(np.sort(values))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= 0).all()


@given(slope=slopes, intercept=intercepts, s=st.floats(-5, 5))
def test_the_ratio_of_the_head_is_the_log_odds_of_a_cover(slope: float, intercept: float, s: float) -> None:
    calibration = made_up_calibration(slope=min(slope, 2), intercept=max(min(intercept, 5), -5))
    p = float(calibration.probability(np.array([s]))[0])
    assert float(calibration.head_ratio(np.array([s]))[0]) == pytest.approx(math.log1p(-p) - math.log(p), abs=1e-9)


def test_a_slope_of_one_and_no_intercept_leave_p_as_it_is() -> None:
    s = np.linspace(-6, 6, 25)
    p = made_up_calibration(slope=1.0, intercept=0.0).probability(s)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-s)), rtol=1e-12)


@given(threshold=st.floats(1e-6, 1 - 1e-6), slope=st.floats(0.1, 3), intercept=st.floats(-3, 3), s=st.floats(-10, 10))
def test_both_thresholds_decide_alike(threshold: float, slope: float, intercept: float, s: float) -> None:
    calibration = made_up_calibration(threshold=threshold, slope=slope, intercept=intercept)
    p, calibrated = 1 / (1 + math.exp(-s)), float(calibration.probability(np.array([s]))[0])
    if abs(p - threshold) > 1e-9:
        assert (p < threshold) == (calibrated < calibration.calibrated_threshold)


def test_a_temperature_that_helps_nobody_is_no_number() -> None:
    assert "no temperature helps" in facts(made_up_calibration(temperature=HOTTEST))[1]
    assert "temperature 2.0000" in facts(made_up_calibration(temperature=2.0))[1]


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    calibration = made_up_calibration(slope=1 / 3, threshold=0.1 + 0.2)
    assert read_calibration(tmp_path, FINGERPRINT) is None
    assert write_calibration(tmp_path, calibration) == tmp_path / CALIBRATION
    assert read_calibration(tmp_path, FINGERPRINT) == calibration


def test_another_models_calibration_is_refused(tmp_path: Path) -> None:
    write_calibration(tmp_path, made_up_calibration())
    expected = f"is of model {FINGERPRINT}, the weights beside it are cnn-9999abcd: run `covsearch calibrate` again"
    with pytest.raises(ArtefactError, match=expected):
        read_calibration(tmp_path, "cnn-9999abcd")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("slope = 2.0", "slope = -2.0", "slope must be greater than 0"),
        ("slope = 2.0", "slope = nan", "slope must be greater than 0"),
        ("slope = 2.0", 'slope = "steep"', "slope must be float"),
        ("slope = 2.0\n", "", "missing 1 required positional argument: 'slope'"),
        ("slope = 2.0", "slope = 2.0\nslip = 1.0", "unknown keys"),
        ("intercept = -0.5", "intercept = inf", "intercept must be finite"),
        ("temperature = 0.6", "temperature = 0.0", "temperature must be greater than 0"),
        ("knee = 0.9", "knee = nan", "knee must be a finite number, not nan"),
        ("head = 0.4", "head = -0.4", "head must be a finite number of at least 0, not -0.4"),
        ("offset = -3.7", "offset = inf", "offset must be finite"),
        ("[calibration.fine]", "[calibration.finest]", "unknown keys 'finest'"),
        ("threshold = 0.4", "threshold = 1.0", "threshold must lie between 0 and 1"),
        ('pairs = "all validation works"', 'pairs = "test"', "pairs must be one of"),
        ("[calibration]", "[calibration", "is not TOML"),
        ("[calibration]", "[other]", "missing 15 required positional arguments"),
        ("[calibration", "[other", "has no table"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_calibration(tmp_path, made_up_calibration())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ArtefactError, match=rf"{CALIBRATION}: expected a calibration: .*{message}"):
        read_calibration(tmp_path, FINGERPRINT)


def test_no_text_and_too_much_are_refused(tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).write_bytes(b"\xff\xfe")
    with pytest.raises(ArtefactError, match="expected a calibration: begins with a byte order mark"):
        read_calibration(tmp_path, FINGERPRINT)
    (tmp_path / CALIBRATION).write_bytes(b"#" * 70_000)
    with pytest.raises(ArtefactError, match="has 70,000 bytes; at most 65,536 are read"):
        read_calibration(tmp_path, FINGERPRINT)


def test_a_calibration_that_cannot_be_is_not_made() -> None:
    with pytest.raises(UsageError, match="slope must be greater than 0 and finite, not 0"):
        replace(made_up_calibration(), slope=0.0)


def test_facts_name_what_was_fitted_and_on_what() -> None:
    text = " ".join(facts(made_up_calibration()))
    for part in ("15 covers, 90 non-covers, 5 works", "p = 0.4000", "2.0000 s -0.5000", "0.600", "0.900", "0.200"):
        assert part in text


def test_applying_needs_neither_torch_nor_sklearn() -> None:
    code = "import sys, covsearch.index.calibration; assert not {'torch', 'sklearn', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
