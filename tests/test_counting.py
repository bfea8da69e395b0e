from __future__ import annotations

import pytest

from covsearch.counting import comma_list, counted, in_works


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 works"), (1, "1 work"), (2, "2 works"), (1200, "1,200 works"), (-1, "-1 works")]
)
def test_one_is_singular(number: int, said: str) -> None:
    assert counted(number, "work") == said


def test_a_plural_of_its_own() -> None:
    assert [counted(n, "query", "queries") for n in (1, 2)] == ["1 query", "2 queries"]


def test_works_of_which_none_is_known_are_said_to_be_unknown() -> None:
    assert in_works(1, 1) == "1 performance of 1 work"
    assert in_works(1_200, 40, "track") == "1,200 tracks of 40 works"
    assert in_works(87, 0) == "87 performances of unknown works"


def test_names_stand_with_commas_between() -> None:
    assert comma_list(name for name in ("hpcp", "crema")) == "hpcp, crema"
    assert comma_list([]) == "nothing"
