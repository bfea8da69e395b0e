from __future__ import annotations

import pytest

from covsearch import progress
from covsearch.progress import patient


def test_patience_shows_nothing_of_quick_work_and_all_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 101.9, 102.0, 500.0])  # the first is when the work begins
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told: list[tuple[str, int, int]] = []
    update = patient(lambda *step: told.append(step), seconds=2.0)
    for done in range(4):
        update("reading", done, 3)
    assert told == [("reading", 2, 3), ("reading", 3, 3)]
