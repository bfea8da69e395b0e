"""The fusion of head and alignment: what it sums, and the laws it keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.errors import UsageError
from covsearch.ranking.fusion import Fusion, log_qmax

FUSION = Fusion(head=0.4, aligned=2.9, beyond=5.2, knee=0.9, bias=-3.8)
NUMBERS = st.floats(-20, 20)


def test_a_ratio_is_the_weighted_sum() -> None:
    below, above = FUSION.ratio(np.array([2.0, -1.0]), np.array([0.5, 1.4]))
    assert below == pytest.approx(-3.8 - 0.8 + 1.45)
    assert above == pytest.approx(-3.8 + 0.4 + 2.9 * 1.4 + 5.2 * 0.5)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_more_alike_is_never_less_likely(score: float, other: float, aligned: float, more: float) -> None:
    near, far = sorted([score, other])
    low, high = sorted([aligned, more])
    assert FUSION.ratio(np.array([near]), np.array([high])) >= FUSION.ratio(np.array([far]), np.array([low]))


def test_log_qmax_is_that_of_qmax_over_the_root_of_the_mean_length() -> None:
    assert log_qmax([30.0], 400, [900])[0] == pytest.approx(math.log(30 / math.sqrt(600)))
    assert log_qmax(30.0, 400, 900) == log_qmax(30.0, 900, 400)


def test_no_alignment_counts_as_half_a_match() -> None:
    assert log_qmax([0.0, 0.5], 100, 100).tolist() == [pytest.approx(math.log(0.05))] * 2


@pytest.mark.parametrize("name", ["head", "aligned", "beyond"])
def test_a_negative_weight_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a finite number of at least 0, not -1"):
        Fusion(**{**FUSION.__dict__, name: -1.0})


@pytest.mark.parametrize("name", ["head", "knee", "bias"])
def test_what_is_not_finite_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a finite number"):
        Fusion(**{**FUSION.__dict__, name: math.nan})
