"""The best reading of a recording, against all readings there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.errors import UsageError
from covsearch.ranking.segmentation import NOTHING, ReadPart, best_reading

candidates = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 4), st.integers(-3, 12)).map(lambda c: (c[0], c[0] + c[1], c[2])),
    max_size=4,
)


def value(parts: list[ReadPart], rows: list[tuple[int, int, int]], penalty: float) -> float:
    """What a reading is worth."""
    total = 0.0
    for part in parts:
        start, end, worth = rows[part.candidate]
        assert start <= part.start < part.end <= end
        total += worth * (part.end - part.start) / (end - start) - penalty
    return total


def best_of_all(rows: list[tuple[int, int, int]], penalty: float) -> float:
    """The same by trying every owner of every second."""
    last = max((end for _, end, _ in rows), default=0)
    allowed = [
        [NOTHING, *(c for c, (start, end, _) in enumerate(rows) if start <= second < end)] for second in range(last)
    ]
    best = 0.0
    for owners in itertools.product(*allowed):
        total, before = 0.0, NOTHING
        for owner in owners:
            if owner != NOTHING:
                start, end, worth = rows[owner]
                total += worth / (end - start) - (penalty if owner != before else 0)
            before = owner
        best = max(best, total)
    return best


@given(candidates, st.sampled_from([0.0, 0.5, 2.0, 5.0]))
def test_no_reading_is_better(rows: list[tuple[int, int, int]], penalty: float) -> None:
    start, end, worth = zip(*rows, strict=True) if rows else ((), (), ())
    parts = best_reading(start, end, worth, penalty)
    assert all(a.end <= b.start for a, b in itertools.pairwise(parts))
    assert value(parts, rows, penalty) == pytest.approx(best_of_all(rows, penalty))


@given(candidates, st.integers(1, 100))
def test_a_later_begin_moves_every_part(rows: list[tuple[int, int, int]], later: int) -> None:
    start, end, worth = np.array(rows, dtype=float).reshape(-1, 3).T
    moved = [
        ReadPart(part.candidate, part.start + later, part.end + later) for part in best_reading(start, end, worth, 1)
    ]
    assert best_reading(start + later, end + later, worth, 1) == moved


def test_a_long_song_is_not_cut_by_a_short_one_that_is_worth_less() -> None:
    assert best_reading([0, 40], [100, 60], [10, 1.9], 1) == [ReadPart(0, 0, 100)]
    assert best_reading([0, 40], [100, 60], [10, 8], 1) == [
        ReadPart(0, 0, 40),
        ReadPart(1, 40, 60),
        ReadPart(0, 60, 100),
    ]


def test_where_two_songs_overlap_the_denser_one_has_the_overlap() -> None:
    assert best_reading([0, 90], [100, 190], [5, 9], 1) == [ReadPart(0, 0, 90), ReadPart(1, 90, 190)]


def test_what_is_not_worth_its_penalty_is_a_gap() -> None:
    assert best_reading([0, 10, 20], [10, 20, 30], [0.9, 1.1, 1.0], 1) == [ReadPart(1, 10, 20)]
    assert best_reading([], [], [], 1) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([0], [1, 2], [1], 1), r"not shapes \(1,\), \(2,\) and \(1,\)"),
        (([0], [0], [1], 1), "must end after it starts"),
        (([0], [np.nan], [1], 1), "must be finite"),
        (([0], [1], [1], -1), "penalty must be at least 0, not -1"),
        (([0], [1], [1], np.inf), "penalty must be at least 0, not inf"),
    ],
)
def test_what_cannot_be_is_refused(given: tuple[list[float], list[float], list[float], float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        best_reading(*given)
