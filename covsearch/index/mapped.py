"""A matrix of a safetensors file, mapped from the disk: only what is looked at is read."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError

_CALLED = {"uint8": "U8", "float32": "F32"}


def map_matrix(path: Path, name: str, kind: type[np.generic]) -> NDArray[Any]:
    """The matrix `name` of a safetensors file, read-only; the file stays open for as long as the matrix is kept.

    The caller has opened the file with the library, which checks that the header fits the file.

    Parameters
    ----------
    path : Path
    name : str
    kind : type
        ``np.uint8`` or ``np.float32``.

    Raises
    ------
    ArtefactError
        When it is of another type, has not two dimensions, or is empty.
    KeyError, ValueError
        When there is none, or the header is no JSON.
    """
    dtype = np.dtype(kind)
    with path.open("rb") as data:
        length = int.from_bytes(data.read(8), "little")
        place = json.loads(data.read(length))[name]
        if place["dtype"] != _CALLED[dtype.name] or len(place["shape"]) != 2 or not all(place["shape"]):
            raise ArtefactError(f"expected {name} as {dtype.name} (M, F), not {place['dtype']} {place['shape']}")
        mapped = mmap.mmap(data.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_RANDOM)  # else the system reads 128 kB around every track of 8 kB
    begin, end = place["data_offsets"]
    return np.frombuffer(mapped, dtype, (end - begin) // dtype.itemsize, 8 + length + begin).reshape(place["shape"])
