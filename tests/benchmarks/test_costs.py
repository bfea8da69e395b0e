"""The cost model: each figure by hand, and what it does not know."""

from __future__ import annotations

import math

import pytest

from benchmarks.costs import ASSUMED, TRACKS, Constant, constants, costs, recall_at, tables
from benchmarks.provenance import RESULTS

GIVEN = {
    "length": 240,
    "sound": 4e6,
    "decode": 100,
    "hpcp": 764,
    "embed": 86.4,
    "features": 3e5,
    "vector": 512,
    "code": 32,
    "chroma": 8000,
    "rest": 1000,
    "flat": 40,
    "fast": 30,
    "coarse": 0.2,
    "query": 400,
    "memory": 3.2e9,
}


def test_costs_are_what_a_hand_makes_of_the_constants() -> None:
    of = {name: Constant(name, value, "", "") for name, value in GIVEN.items()}
    found = costs(10**8 + 1, of)
    assert found["extract"] == pytest.approx(1000)
    assert found["embed"] == pytest.approx(100)
    assert (found["sound"], found["chroma"]) == (pytest.approx(4e14), pytest.approx(8e11))
    assert found["machines"] == 2
    assert found["first"] == pytest.approx(3)
    assert found["query"] == pytest.approx(0.4)
    assert found["query_all"] == pytest.approx((1e8 / 15 - 1000) * 0.2e-3 + 0.4)
    assert costs(10**5, of)["first"] == pytest.approx(0.004)
    assert costs(1000, of)["candidates"] == 1000


def test_recall_is_what_a_smaller_share_of_the_measured_collection_has() -> None:
    measured = {100: 0.5, 400: 0.7, 1000: 0.8, 4000: 0.9}
    assert recall_at(15_000, measured) == pytest.approx(0.8)
    assert recall_at(150_000, measured) == pytest.approx(0.5)
    assert recall_at(75_000, measured) == pytest.approx(0.6)  # of 200, half way from 100 to 400
    assert recall_at(1000, measured) == 0.9
    assert math.isnan(recall_at(151_000, measured))


def test_every_constant_says_where_it_is_from_and_the_tables_hold_all_sizes() -> None:
    of = constants()
    assert of.keys() == GIVEN.keys()
    for one in of.values():
        named = one.source.endswith(".json") and (RESULTS / one.source).is_file()
        assert named or one.source.startswith((ASSUMED, "128 numbers", "64 codes")), one
        assert one.value > 0
    assert of["chroma"].value == pytest.approx(645 * 12, rel=0.01)  # four minutes at 2.69 frames/s
    assert of["length"].value * 1000 / of["decode"].value > 500  # times real time
    printed = tables().splitlines()
    for tracks in TRACKS:
        assert sum(line.startswith(f"| 10<sup>{len(str(tracks)) - 1}</sup> |") for line in printed) == 2
