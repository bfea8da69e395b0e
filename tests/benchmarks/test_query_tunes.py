"""Tunes as questions: which are asked, how they are written, and what an answer is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.query_tunes import average_precision, markdown, questions, summary, write_midi
from covsearch.dataset.sample import sample_split
from covsearch.synthesis.midi import read_midi
from covsearch.synthesis.song import MELODY


def test_average_precision_by_hand() -> None:
    assert average_precision(["a", "b", "c", "d"], frozenset("ac")) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(["b", "a"], frozenset("a")) == 0.5


def test_one_question_a_work_that_has_another_version() -> None:
    found = questions("validation", 0)
    assert len(found) == 45
    assert len(found) < len(sample_split().validation)
    assert all(one.others and one.pid not in one.others for one in found)
    assert found == questions("validation", 0) != questions("validation", 1)


def test_a_tune_is_written_as_it_is(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", [[(0.0, 1.0, 72), (1.0, 2.0, 74)], [(0.0, 3.0, 40)]], 90.0)
    song = read_midi(tmp_path / "a.mid")
    assert song.beat == pytest.approx(60 / 90)
    melody = song.notes.layer == MELODY
    assert song.notes.pitch[melody].tolist() == [72, 74]
    assert song.notes.start[melody].tolist() == [0, 4]
    assert song.notes.length[melody].tolist() == [4, 8]
    assert song.notes.pitch[~melody].tolist() == [40]


def test_the_table() -> None:
    told = {"melody": summary([0.5, 1.0]), "score": summary([])}
    assert markdown("test", 2, told).splitlines()[2:4] == ["| melody | 2 | 0.75 |", "| score | 0 |  |"]
