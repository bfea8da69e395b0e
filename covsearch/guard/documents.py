"""JSON from strangers: one meaning or none."""

from __future__ import annotations

import json
import math
from typing import Any

from covsearch.guard.files import RefusedError


def parse_json(text: str, max_values: int) -> Any:
    """Parse JSON strictly.

    Parameters
    ----------
    text : str
    max_values : int
        Values that the text may have, as far as its brackets and commas tell: a value takes about a hundred times
        the memory of its two characters.

    Raises
    ------
    RefusedError
        When it is no JSON, names a key of an object twice, says NaN, Infinity or a number beyond float64, has an
        integer of more than 4,300 digits, nests deeper than Python's stack, or has too many values.
    """
    values = sum(text.count(mark) for mark in "{[,")
    if values > max_values:
        raise RefusedError(f"it has about {values:,} values; at most {max_values:,} are read")
    try:
        return json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite_float
        )
    except RecursionError as e:
        raise RefusedError("nested too deeply") from e
    except RefusedError:
        raise
    except ValueError as e:  # JSONDecodeError, and int() of too many digits
        raise RefusedError(str(e)) from e


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise RefusedError(f"the key {twice[:80]!r} comes twice in one object")
    return content


def _no_constant(name: str) -> float:
    raise RefusedError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise RefusedError(f"the number {text[:40]} is beyond float64")
    return value
