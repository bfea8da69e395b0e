"""The header of safetensors: what its library reads is read alike, and what it should refuse is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from covsearch.guard.files import RefusedError
from covsearch.guard.tensors import Declared, read_header

NAMES = {"<f4": "F32", "<f8": "F64", "<f2": "F16", "<i8": "I64", "|u1": "U8", "|b1": "BOOL"}
arrays = st.sampled_from(sorted(NAMES)).flatmap(lambda d: hnp.arrays(np.dtype(d), hnp.array_shapes(max_side=4)))


def stored(header: Any, values: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values


def f32(first: int, last: int, *shape: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [first, last]}


@given(st.dictionaries(st.text(max_size=6).filter(lambda name: name != "__metadata__"), arrays, max_size=4))
def test_what_the_library_writes_is_read(tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    data = safetensors.numpy.save(tensors, metadata={"about": "x"})
    assert read_header(data) == {name: Declared(NAMES[a.dtype.str], a.shape) for name, a in tensors.items()}


@given(st.binary(max_size=60), st.binary(max_size=8))
def test_whatever_is_read_the_library_reads_too(text: bytes, values: bytes) -> None:
    data = stored(text, values)
    try:
        found = read_header(data)
    except RefusedError:
        return
    assert found.keys() == safetensors.numpy.load(data).keys()


ONE = {"a": f32(0, 4, 1)}
TWICE = b'{"a":' + json.dumps(f32(0, 4, 1)).encode() + b',"a":' + json.dumps(f32(0, 4, 1)).encode() + b"}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a header of 0 bytes in a file of 0"),
        (b"\x01" * 7, "in a file of 7"),
        (stored(ONE)[:20], "a header of"),
        ((2**63).to_bytes(8, "little") + b"{}", "a header of 9,223,372,036,854,775,808 bytes"),
        (stored(b" " * (2**20 + 1)), "at most 1,048,576"),
        (stored(b"\xff"), "the header is not UTF-8"),
        (stored(b"[]"), "must be an object, not list"),
        (stored(b"[" * 50_000), "about 50,000 values|nested too deeply"),
        (stored(TWICE, bytes(4)), "the key 'a' comes twice"),
        (stored({"a": 1}), "must have dtype, shape and data_offsets"),
        (stored({"a": {**f32(0, 4, 1), "more": 1}}, bytes(4)), "must have dtype, shape and data_offsets"),
        (stored({"a": {**f32(0, 8, 1), "dtype": "C64"}}, bytes(8)), "has the type 'C64'"),
        (stored({"a": {**f32(0, 4, 1), "dtype": ["F32"]}}, bytes(4)), "has the type"),
        (stored({"a": f32(0, 4, -1)}, bytes(4)), "has the shape"),
        (stored({"a": {**f32(0, 4), "shape": [True]}}, bytes(4)), "has the shape"),
        (stored({"a": {**f32(0, 4), "shape": [1.0]}}, bytes(4)), "has the shape"),
        (stored({"a": {**f32(0, 4), "shape": [1] * 9}}, bytes(4)), "has the shape"),
        (stored({"a": {**f32(0, 4, 1), "data_offsets": [0]}}, bytes(4)), "has the offsets"),
        (stored({"a": f32(0, 4, 2**40, 2**40)}, bytes(4)), "has 4 bytes for F32"),
        (stored({"a": f32(4, 0, 1)}, bytes(4)), "has -4 bytes for F32"),
        (stored({"a": f32(0, 8, 2), "b": f32(4, 12, 2)}, bytes(12)), "'b' begins at byte 4 of the values; expected 8"),
        (stored({"a": f32(4, 8, 1)}, bytes(8)), "'a' begins at byte 4 of the values; expected 0"),
        (stored({"a": f32(0, 8, 2)}, bytes(4)), "tensors take 8 bytes, the file has 4"),
        (stored(ONE, bytes(5)), "tensors take 4 bytes, the file has 5"),
    ],
)
def test_hostile_headers_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        read_header(data)
