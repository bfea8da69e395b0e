from __future__ import annotations

from types import SimpleNamespace

import pytest

from covsearch import progress
from covsearch.progress import patient


def test_patience_shows_nothing_of_quick_work_and_all_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 101.9, 102.0, 500.0])  # the first is when the work begins
    # the module's own name alone: a thread of another test may look at the clock
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told: list[tuple[str, int, int]] = []
    update = patient(lambda *step: told.append(step), seconds=2.0)
    for done in range(4):
        update("reading", done, 3)
    assert told == [("reading", 2, 3), ("reading", 3, 3)]


def test_a_line_now_and_then_where_there_is_no_terminal() -> None:
    clock = iter([0.0, 0.0, 10.0, 31.0, 40.0, 62.0])  # the first is when it is made
    told: list[str] = []
    update = progress.lines(told.append, every=30, now=lambda: next(clock))
    for done, failed in ((1, 0), (100, 0), (310, 2), (400, 2), (620, 3)):
        update(f"reading audio · {failed} failed" if failed else "reading audio", done, 1240)
    assert told == [
        "reading audio · 2 failed: 310 of 1,240, 10.0/s, about 93 s left",
        "reading audio · 3 failed: 620 of 1,240, 10.0/s, about 62 s left",
    ]


def test_the_first_moments_of_a_stage_say_nothing_of_its_speed() -> None:
    clock = iter([0.0, 40.0, 40.00001, 41.0])  # the second stage begins long after the last line
    told: list[str] = []
    update = progress.lines(told.append, every=30, now=lambda: next(clock))
    for done in (1, 2, 3):
        update("judging", done, 113)
    assert told == ["judging: 3 of 113, 3.0/s, about 37 s left"]
