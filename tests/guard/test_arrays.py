from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from covsearch.guard.arrays import map_npy, read_floats, read_npy, read_npz
from covsearch.guard.files import RefusedError

LIMIT = 2**22


class Bomb:
    """What would run when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("unpickled",))


def npy(array: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **how)
    return file.getvalue()


def header(text: str, values: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode() + values


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def written(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "file").write_bytes(data)
    return tmp_path / "file"


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "<i8", "|u1", "<U7", "|S3"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_comes_back(tmp_path: Path, dtype: str, order: Any) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4), dtype=dtype, order=order)
    for version in ((1, 0), (2, 0)):
        found = read_npy(written(tmp_path, npy(array, version=version)), LIMIT)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3, 5), (0, 5)])
def test_a_mapped_array_is_the_same_and_cannot_be_written(tmp_path: Path, shape: tuple[int, int], order: Any) -> None:
    array = np.asarray(np.arange(np.prod(shape)).reshape(shape), dtype=np.float32, order=order)
    found = map_npy(written(tmp_path, npy(array)))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    assert isinstance(found, np.memmap) == bool(array.size)
    assert not (array.size and found.flags.writeable)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.arange(4.0))[:-1], "31 bytes for float64"),
        (npy(np.array([Bomb()]), allow_pickle=True), "has the type object"),
        (b"PK\3\4 no array", "is no .npy"),
    ],
)
def test_what_is_mapped_is_looked_at_first(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        map_npy(written(tmp_path, data))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_wanted_arrays_of_an_npz_come_back(tmp_path: Path, save: Callable[..., None]) -> None:
    made = {"a": np.arange(5.0), "b": np.array(["x", "yy"]), "c": np.array([Bomb()])}
    save(tmp_path / "some.npz", **made)
    found = read_npz(tmp_path / "some.npz", ("a", "b", "none"), LIMIT)
    assert (list(found), found["a"].tolist(), found["b"].tolist()) == (["a", "b"], [0, 1, 2, 3, 4], ["x", "yy"])
    with pytest.raises(RefusedError, match="the array 'c' has the type object"):
        read_npz(tmp_path / "some.npz", ("c",), LIMIT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is no .npy: EOF: reading magic string"),
        (npy(np.array([Bomb()], dtype=object)), "it has the type object; read are floats, integers and texts"),
        (npy(np.zeros(2, "f4,i4")), "it has the type"),
        (npy(np.zeros(2, "c8")), "it has the type complex64"),
        (header("{'descr': '<U0', 'fortran_order': False, 'shape': (2,), }"), "it has the type <U0"),
        (npy(np.zeros(3))[:-1], r"it has 23 bytes for float64 \(3,\)"),
        (npy(np.zeros(3)) + b"\0", r"it has 25 bytes for float64 \(3,\)"),
        (npy(np.zeros(3), version=(3, 0)), r"is of version \(3, 0\)"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"), "it has 0 bytes for float64"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), r"it has the shape \(-1,\)"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (0,) * 99, }"), "it is no .npy"),
        (header("__import__('os').system('true')"), "it is no .npy"),
        (header("(" * 9000), "it is no .npy"),
        (header("-" * 9000 + "1"), "it is no .npy"),
        (header("{}" + " " * 20_000), "it is no .npy"),
    ],
)
def test_what_is_no_such_array_is_refused_unread(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        read_npy(written(tmp_path, data), LIMIT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not end as a zip"),
        (npy(np.zeros(3)), "does not end as a zip"),
        (zipped(("a.npy", npy(np.zeros(3)))) + b"x", "does not end as a zip"),
        (zipped(("a.npy", npy(np.zeros(2**19)))), "the array 'a' has 4,194,432 bytes; at most 4,194,304 are read"),
        (zipped(*[(f"{n}{'x' * 200}", b"") for n in range(5000)]), "a directory over 1,048,576 bytes"),
        (zipped(("a.npy", b"junk")), "the array 'a' is no .npy"),
    ],
)
def test_what_is_no_npz_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        read_npz(written(tmp_path, data), ("a",), LIMIT)


def test_an_array_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped(("a.npy", npy(np.zeros(3))), ("a.npy", npy(np.ones(3))))
    with pytest.raises(RefusedError, match="the array 'a' comes twice"):
        read_npz(written(tmp_path, data), ("a",), LIMIT)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_floats_of_safetensors_come_back_beside_others(tmp_path: Path, dtype: str) -> None:
    arrays = {"before": np.arange(3, dtype=np.uint8), "vectors": np.arange(6, dtype=dtype).reshape(3, 2)}
    data = safetensors.numpy.save(arrays, metadata={"ids": "[1]"})
    found, texts = read_floats(written(tmp_path, data), "vectors", LIMIT)
    assert (found.dtype, found.tolist(), texts) == (np.dtype(dtype), [[0, 1], [2, 3], [4, 5]], {"ids": "[1]"})
    with pytest.raises(RefusedError, match=r"has no tensor 'v'; it has 'before', 'vectors'"):
        read_floats(tmp_path / "file", "v", LIMIT)
    with pytest.raises(RefusedError, match="'before' has the type U8"):
        read_floats(tmp_path / "file", "before", LIMIT)
    with pytest.raises(RefusedError, match="at most 10 are read"):
        read_floats(tmp_path / "file", "vectors", 10)
    with pytest.raises(RefusedError, match="tensors take"):
        read_floats(written(tmp_path, data + b"\0"), "vectors", LIMIT)
    with pytest.raises(RefusedError, match="metadata of the header must be texts"):
        read_floats(written(tmp_path, data.replace(b'"ids":"[1]"', b'"ids":12345')), "vectors", LIMIT)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_npz_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    data = bytearray(zipped(("a.npy", npy(np.arange(4.0)))))
    data[at % len(data)] = byte
    try:
        read_npz(written(tmp_path_factory.mktemp("npz"), bytes(data)), ("a",), LIMIT)
    except RefusedError:
        return
