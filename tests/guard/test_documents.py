"""Strict JSON: what every parser would read alike is read, anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.guard.documents import parse_json
from covsearch.guard.files import RefusedError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(values, st.booleans())
def test_json_comes_back(value: Any, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only), 10_000) == value


@given(st.text() | st.text(alphabet='{}[]",:0123456789.eE-+nulltrefasNI\\'))
def test_any_text_is_read_as_python_reads_it_or_refused(text: str) -> None:
    try:
        found = parse_json(text, 10_000)
    except RefusedError:
        return
    assert found == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ('{"a": 1, "a": 1}', "the key 'a' comes twice"),
        ('{"\\u0061": 1, "a": 1}', "the key 'a' comes twice"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("1e999", "the number 1e999 is beyond float64"),
        ("9" * 5000, "integer string conversion|digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" + "0," * 20 + "0]", "it has about 21 values; at most 20 are read"),
        ('"a\0b"', "Invalid control character"),
        ("\ufeff{}", "BOM"),
        ("{} {}", "Extra data"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        parse_json(text, 20 if "0,0" in text else 200_000)
