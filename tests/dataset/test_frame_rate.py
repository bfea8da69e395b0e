"""Frame rates are given, known of the subset, or assumed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from collection import write_collection

from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import DATACOS_RATE, SLOW_RATE
from covsearch.errors import UsageError


@pytest.mark.parametrize(
    ("subset", "given", "expected"),
    [
        ("benchmark", None, (44_100 / 512, True)),
        ("coveranalysis", None, (44_100 / 512, True)),
        ("sample", None, (44_100 / 4096, True)),
        ("covers80_dev", None, (44_100 / 4096, True)),
        ("mine", None, (44_100 / 512, False)),
        ("mine", 10, (10.0, True)),
        ("sample", 2.5, (2.5, True)),
    ],
)
def test_a_collection_has_the_rate_given_known_or_assumed(
    tmp_path: Path, subset: str, given: float | None, expected: tuple[float, bool]
) -> None:
    root = write_collection(tmp_path, works=1, versions=1, subset=subset)
    dataset = open_dataset(root, frame_rate=given)
    assert (dataset.frame_rate, dataset.rate_is_known) == expected
    assert type(dataset.frame_rate) is float


@pytest.mark.parametrize("given", [0, -1.5, float("nan"), float("inf")])
def test_what_cannot_be_a_rate(toy: Path, given: float) -> None:
    with pytest.raises(UsageError, match=re.escape(f"must be a positive number of frames a second, not {given}")):
        open_dataset(toy, frame_rate=given)


def test_the_slow_rate_is_a_whole_number_of_frames_of_both_known_rates() -> None:
    assert DATACOS_RATE / SLOW_RATE == 32
    assert 44_100 / 4096 / SLOW_RATE == 4
