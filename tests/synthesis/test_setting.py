"""Settings: kept as JSON, at a sensible speed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from covsearch.synthesis.setting import Setting, base_tempo, from_json

TUNE = ((0.0, 0.5, 67), (0.5, 1.5, 71))
SETTING = Setting(
    "aird/2/0201", "tune", "aird", "201", "airdsAirs/book2.abc", ("Air", "Jig"), "", "G major", 0.0, "6/8", TUNE,
    (TUNE, ((0.0, 3.0, 43),)), "expanded", {"book": "2"},
)  # fmt: skip


def test_a_setting_survives_json() -> None:
    assert from_json(json.loads(json.dumps(asdict(SETTING)))) == SETTING


def test_a_setting_is_as_long_as_its_longest_part() -> None:
    assert SETTING.quarters == 3
    assert SETTING.pitches == [67, 71]
    assert replace(SETTING, parts=()).quarters == 0


@pytest.mark.parametrize(
    ("changes", "tempo"),
    [
        ({}, 168),
        ({"bar": "2/4"}, 104),
        ({"bar": ""}, 120),
        ({"quarter_bpm": 90.0}, 90),
        ({"quarter_bpm": 20.0}, 168),
        ({"quarter_bpm": 301.0}, 168),
        ({"kind": "chorale", "quarter_bpm": 90.0}, 72),
    ],
)
def test_the_tempo_is_the_written_one_where_it_makes_sense(changes: dict[str, object], tempo: float) -> None:
    assert base_tempo(replace(SETTING, **changes)) == tempo  # type: ignore[arg-type]
