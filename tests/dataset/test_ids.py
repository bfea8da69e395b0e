from __future__ import annotations

import pytest

from covsearch.dataset.ids import is_pid, is_wid, natural_key


@pytest.mark.parametrize("name", ["P_0", "P_22", "P_999999999999999999"])
def test_performances(name: str) -> None:
    assert is_pid(name)
    assert not is_wid(name)
    assert is_wid(name.replace("P", "W"))


@pytest.mark.parametrize(
    "name",
    ["", "P_", "P22", "p_22", "P_22 ", "P_22\n", "P_-1", "P_٢٢", "P_2_2", "../P_22", "P_22/..", "P_" + "1" * 19, 22],
)
def test_what_is_no_performance(name: object) -> None:
    assert not is_pid(name)


def test_names_are_ordered_by_their_numbers() -> None:
    assert sorted(["P_10", "P_9", "P_100"], key=natural_key) == ["P_9", "P_10", "P_100"]
