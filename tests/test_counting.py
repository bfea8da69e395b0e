from __future__ import annotations

import pytest

from covsearch.counting import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 works"), (1, "1 work"), (2, "2 works"), (1200, "1,200 works"), (-1, "-1 works")]
)
def test_one_is_singular(number: int, said: str) -> None:
    assert counted(number, "work") == said


def test_a_plural_of_its_own() -> None:
    assert [counted(n, "query", "queries") for n in (1, 2)] == ["1 query", "2 queries"]
