"""Judging setlists: by hand."""

from __future__ import annotations

import pytest

from covsearch.errors import UsageError
from covsearch.evaluate.setlist import PlayedStretch, score_setlist

PLAYED = [PlayedStretch(0, 100, "a"), PlayedStretch(110, 200, "b"), PlayedStretch(300, 400, "a")]


def test_the_whole_truth() -> None:
    score = score_setlist(PLAYED, PLAYED)
    assert (score.precision, score.recall, score.f1) == (1, 1, 1)
    assert score.boundary_errors.tolist() == [0] * 6


def test_a_wrong_work_a_wrong_place_and_a_second_name_are_wrong() -> None:
    named = [
        PlayedStretch(2, 97, "a"),
        PlayedStretch(10, 95, "a"),
        PlayedStretch(110, 200, "c"),
        PlayedStretch(320, 460, "a"),
    ]
    score = score_setlist(PLAYED, named)
    assert (score.played, score.named, score.right) == (3, 4, 2)
    assert (score.precision, score.recall) == (0.5, 2 / 3)
    assert score.f1 == pytest.approx(4 / 7)
    assert sorted(score.boundary_errors.tolist()) == [2, 3, 20, 60]


def test_half_of_what_both_cover_is_enough_and_less_is_not() -> None:
    assert score_setlist([PlayedStretch(0, 100, "a")], [PlayedStretch(50, 100, "a")]).right == 1
    assert score_setlist([PlayedStretch(0, 100, "a")], [PlayedStretch(51, 100, "a")]).right == 0


def test_nothing_named_and_nothing_played() -> None:
    assert (score_setlist(PLAYED, []).precision, score_setlist(PLAYED, []).recall) == (1, 0)
    assert (score_setlist([], PLAYED).precision, score_setlist([], PLAYED).recall) == (0, 1)
    assert score_setlist([], []).f1 == 1


def test_two_recordings_together() -> None:
    both = score_setlist(PLAYED, PLAYED[:1]) + score_setlist(
        PLAYED, [PlayedStretch(110, 199, "b"), PlayedStretch(0, 9, "z")]
    )
    assert (both.played, both.named, both.right) == (6, 3, 2)
    assert both.boundary_errors.tolist() == [0, 0, 0, 1]


def test_a_stretch_has_a_length() -> None:
    with pytest.raises(UsageError, match="must end after it starts, not go from 5 s to 5 s"):
        PlayedStretch(5, 5, "a")
