"""What a safetensors file says it holds, checked before a value is read.

The format is eight bytes of header length, a JSON header, and the values without gaps; see
https://huggingface.co/docs/safetensors. Its own library checks offsets, but lets a name that comes twice win.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from covsearch.counting import comma_list
from covsearch.guard.documents import parse_json
from covsearch.guard.files import RefusedError

MAX_HEADER_BYTES = 2**20  # the largest model's has 5 kB
MAX_VALUES = 20_000
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Declared:
    """Type and shape of one tensor, as the header declares it; `dtype` is a key of :data:`BYTES`."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def read_header(data: bytes) -> dict[str, Declared]:
    """The tensors of a safetensors file, by name.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    RefusedError
        When the header is longer than the file or 1 MiB, is no strict JSON object of tensors, or the tensors do not
        fill the rest of the file without gaps and overlaps.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, MAX_HEADER_BYTES):
        raise RefusedError(f"a header of {length:,} bytes in a file of {len(data):,}; at most {MAX_HEADER_BYTES:,}")
    try:
        text = data[8 : 8 + length].decode("utf-8")
    except UnicodeDecodeError as e:
        raise RefusedError(f"the header is not UTF-8: {e}") from e
    header = parse_json(text, MAX_VALUES)
    if not isinstance(header, dict):
        raise RefusedError(f"the header must be an object, not {type(header).__name__}")
    header.pop("__metadata__", None)
    places = {name: _place(name, entry) for name, entry in header.items()}
    _check_covered(places, len(data) - 8 - length)
    return {name: declared for name, (declared, _, _) in places.items()}


def _place(name: str, entry: Any) -> tuple[Declared, int, int]:
    """Type and shape, first byte, last byte."""
    what = f"tensor {name[:80]!r}"
    if not isinstance(entry, dict) or sorted(entry) != ["data_offsets", "dtype", "shape"]:
        raise RefusedError(f"{what} must have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise RefusedError(f"{what} has the type {str(dtype)[:40]!r}; read are {comma_list(sorted(BYTES))}")
    if not _natural(shape) or len(shape) > 8:
        raise RefusedError(f"{what} has the shape {str(shape)[:80]}")
    if not _natural(offsets) or len(offsets) != 2:
        raise RefusedError(f"{what} has the offsets {str(offsets)[:80]}")
    if offsets[1] - offsets[0] != math.prod(shape) * BYTES[dtype]:
        raise RefusedError(f"{what} has {offsets[1] - offsets[0]} bytes for {dtype} {shape}")
    return Declared(dtype, tuple(shape)), offsets[0], offsets[1]


def _natural(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _check_covered(places: dict[str, tuple[Declared, int, int]], nbytes: int) -> None:
    end = 0
    for name, (_, first, last) in sorted(places.items(), key=lambda place: place[1][1:]):
        if first != end:
            raise RefusedError(f"tensor {name[:80]!r} begins at byte {first} of the values; expected {end}")
        end = last
    if end != nbytes:
        raise RefusedError(f"tensors take {end:,} bytes, the file has {nbytes:,} for them")
