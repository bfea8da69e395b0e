"""Arrays from strangers, in NumPy's two formats and in safetensors: nothing is unpickled or larger than it says.

The header is looked at first: objects and records are refused, and type and shape must be just what the file has bytes
for, so that a small file cannot ask for gigabytes.
"""

from __future__ import annotations

import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from covsearch.counting import comma_list
from covsearch.guard.documents import parse_json
from covsearch.guard.files import RefusedError, Snapshot, open_regular, read_bytes
from covsearch.guard.tensors import MAX_VALUES, read_header

MAX_DIRECTORY_BYTES = 2**20  # of a .npz: some 10,000 arrays
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_KINDS = "fiuUS"  # floats, integers, texts
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_NO_HEADER = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError, OverflowError)
# OSError: an offset before the file begins
_NO_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def read_npy(path: Path, limit: int) -> NDArray[Any]:
    """The array of a ``.npy`` file of at most `limit` bytes.

    Raises
    ------
    RefusedError
        When it is none, or not of floats, integers or texts.
    """
    with Snapshot(path, limit) as file:
        return _array(cast("IO[bytes]", file), file.size, "it")


def map_npy(path: Path) -> NDArray[Any]:
    """The array of a ``.npy`` file of any size, mapped from the disk: a value is read when it is looked at.

    Raises
    ------
    RefusedError
        As :func:`read_npy`.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        shape, by_column, dtype = _header(file, os.fstat(file.fileno()).st_size, "it")
        order: Literal["C", "F"] = "F" if by_column else "C"
        if not math.prod(shape):
            return np.empty(shape, dtype, order)
        return np.memmap(file, dtype, "r", file.tell(), shape, order)


def read_npz(path: Path, names: Sequence[str], limit: int) -> dict[str, NDArray[Any]]:
    """Those of the arrays `names` that a ``.npz`` file has; of file and arrays, each has at most `limit` bytes.

    Raises
    ------
    RefusedError
        When it is none, or one of these arrays is refused as by :func:`read_npy`, or there twice.
    """
    with Snapshot(path, limit) as file:
        _check_directory(file)
        try:
            with zipfile.ZipFile(cast("IO[bytes]", file)) as archive:
                return {name: found for name in names if (found := _member(archive, name, limit)) is not None}
        except RefusedError:
            raise
        except _NO_ZIP as e:
            raise RefusedError(f"is no .npz: {e}") from e


def read_floats(path: Path, name: str, limit: int) -> tuple[NDArray[Any], dict[str, str]]:
    """The tensor `name` of a safetensors file, which must be of floats, and the texts of its header.

    Raises
    ------
    RefusedError
        When it is no such file, or has no such tensor of 16, 32 or 64 bits.
    """
    data = read_bytes(path, limit)
    declared = read_header(data)
    if name not in declared:
        raise RefusedError(f"has no tensor {name!r}; it has {comma_list(map(repr, sorted(declared)[:5]))}")
    if declared[name].dtype not in _FLOATS:
        raise RefusedError(f"{name!r} has the type {declared[name].dtype}; read are {comma_list(sorted(_FLOATS))}")
    length = int.from_bytes(data[:8], "little")
    header = parse_json(data[8 : 8 + length].decode("utf-8"), MAX_VALUES)
    texts = header.get("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise RefusedError("the metadata of the header must be texts")
    shape, begin = declared[name].shape, header[name]["data_offsets"][0]
    values = np.frombuffer(data, _FLOATS[declared[name].dtype], math.prod(shape), 8 + length + begin)
    return values.reshape(shape), texts


def _check_directory(file: Snapshot) -> None:
    """Refuse a zip with a directory that takes much memory; NumPy writes no comment, and no such directory."""
    file.seek(max(0, file.size - 42))
    tail = file.read(42) or b""
    end = tail[-22:]
    if len(end) < 22 or end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
        raise RefusedError("is no .npz: it does not end as a zip without a comment does")
    if tail[:4] == b"PK\6\7" or int.from_bytes(end[12:16], "little") > MAX_DIRECTORY_BYTES:
        raise RefusedError(f"is no .npz: a directory over {MAX_DIRECTORY_BYTES:,} bytes")


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> NDArray[Any] | None:
    found = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
    if not found:
        return None
    if len(found) > 1:
        raise RefusedError(f"the array {name!r} comes twice")
    size = found[0].file_size
    if size > limit:
        raise RefusedError(f"the array {name!r} has {size:,} bytes; at most {limit:,} are read")
    with archive.open(found[0]) as member:
        return _array(member, size, f"the array {name!r}")


def _array(file: IO[bytes], size: int, what: str) -> NDArray[Any]:
    """Read an array from its magic bytes on; `size` is what header and values have together."""
    shape, by_column, dtype = _header(file, size, what)
    nbytes = math.prod(shape) * dtype.itemsize
    data = file.read(nbytes)
    if len(data) != nbytes:
        raise RefusedError(f"{what} ends after {len(data):,} of {nbytes:,} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_column else "C")


def _header(file: IO[bytes], size: int, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type; read up to where the values begin."""
    try:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise RefusedError(
                f"{what} is of version {version} of the format .npy; read are {comma_list(sorted(_HEADERS))}"
            )
        with warnings.catch_warnings(action="ignore"):  # of headers that Python 2 wrote, which are read all the same
            shape, by_column, dtype = _HEADERS[version](file)
    except RefusedError:
        raise
    except _NO_HEADER as e:
        raise RefusedError(f"{what} is no .npy: {str(e).splitlines()[0] if str(e) else type(e).__name__}") from e
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise RefusedError(f"{what} has the type {str(dtype)[:40]}; read are floats, integers and texts")
    if len(shape) > 8 or any(n < 0 for n in shape):
        raise RefusedError(f"{what} has the shape {str(shape)[:80]}")
    nbytes, begin = math.prod(shape) * dtype.itemsize, file.tell()
    if begin + nbytes != size:
        raise RefusedError(f"{what} has {size - begin:,} bytes for {dtype} {str(shape)[:80]}")
    return shape, by_column, dtype
