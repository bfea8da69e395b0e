from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from covsearch.dataset import vectors
from covsearch.dataset.layout import Skipped
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.dataset.vectors import read_vectors
from covsearch.errors import ArtefactError, NotFoundError, UsageError

IDS = ["b", "a", "b", "c d", "a", "b"]
ROWS = np.random.default_rng(0).normal(size=(6, 5))


def npz(tmp_path: Path, rows: Any = ROWS, ids: Any = IDS, **more: Any) -> Path:
    np.savez(tmp_path / "clews.npz", vectors=rows, ids=np.asarray(ids), **more)
    return tmp_path / "clews.npz"


def unit(rows: NDArray[Any]) -> NDArray[np.float64]:
    rows = np.asarray(rows, np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def test_rows_of_one_id_are_its_segments_in_order_and_of_unit_length(tmp_path: Path) -> None:
    found = read_vectors(npz(tmp_path, more=np.zeros(3)))
    assert (found.ids, found.first.tolist(), found.skipped) == (("b", "a", "c d"), [0, 3, 5, 6], ())
    assert (found.vectors.dtype, found.first.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(found.vectors, unit(ROWS[[0, 2, 5, 1, 4, 3]]), atol=1e-7)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f8"])
def test_all_formats_and_types_say_the_same(tmp_path: Path, dtype: str) -> None:
    rows = ROWS.astype(dtype)
    (tmp_path / "t.csv").write_text("id\n" + "\n".join("ABCDEF"))
    np.save(tmp_path / "v.npy", rows)
    metadata = {"ids": json.dumps(list("ABCDEF"))}
    native = {"vectors": rows.astype(rows.dtype.newbyteorder("<"))}
    (tmp_path / "v.safetensors").write_bytes(safetensors.numpy.save(native, metadata=metadata))
    (tmp_path / "w.safetensors").write_bytes(safetensors.numpy.save(native))
    tracks = read_tracks(tmp_path / "t.csv")
    found = [
        read_vectors(npz(tmp_path, rows, list("ABCDEF"))),
        read_vectors(tmp_path / "v.npy", tracks),
        read_vectors(tmp_path / "v.safetensors"),
        read_vectors(tmp_path / "w.safetensors", tracks),
    ]
    assert {one.ids for one in found} == {tuple("ABCDEF")}
    for one in found:
        np.testing.assert_allclose(one.vectors, unit(rows), atol=1e-7)


def test_segments_may_have_an_axis_of_their_own(tmp_path: Path) -> None:
    found = read_vectors(npz(tmp_path, ROWS.reshape(2, 3, 5), ["x", "y"]))
    assert (found.ids, found.first.tolist()) == (("x", "y"), [0, 3, 6])
    np.testing.assert_allclose(found.vectors, unit(ROWS), atol=1e-7)


@pytest.mark.parametrize("ids", [[1, 2, 3, 4, 5, 6], np.array([b"1", b"2", b"3", b"4", b"5", b"6"])])
def test_ids_may_be_integers_or_bytes(tmp_path: Path, ids: Any) -> None:
    assert read_vectors(npz(tmp_path, ids=ids)).ids == ("1", "2", "3", "4", "5", "6")


@pytest.mark.parametrize("scale", [1e-300, 5e-324, 1e300])
def test_length_does_not_matter_however_small_or_large(tmp_path: Path, scale: float) -> None:
    rows = np.array([[1.0, 2.0], [3.0, 3.0]]) * scale
    expected = unit(rows / scale)
    np.testing.assert_allclose(read_vectors(npz(tmp_path, rows, ["x", "y"])).vectors, expected, atol=1e-7)


def test_more_rows_than_are_float64_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_BLOCK", 4)
    np.testing.assert_allclose(read_vectors(npz(tmp_path, ids=range(6))).vectors, unit(ROWS), atol=1e-7)


def test_a_vector_without_a_direction_costs_its_track(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[2], rows[5, 1], rows[3, 0] = 0, np.inf, np.nan
    found = read_vectors(npz(tmp_path, rows))
    assert found.skipped == (
        Skipped("b", "its vector 2 of 3 is all zeros"),
        Skipped("c d", "its vector has NaN or infinity"),
    )
    assert (found.ids, found.first.tolist()) == (("a",), [0, 2])
    np.testing.assert_allclose(found.vectors, unit(ROWS[[1, 4]]), atol=1e-7)
    with pytest.raises(ArtefactError, match="2 tracks would be skipped, first b: its vector 2 of 3 is all zeros"):
        read_vectors(tmp_path / "clews.npz", strict=True)
    with pytest.raises(ArtefactError, match="no track can be used; first b: its vector 1 of 3 is all zeros"):
        read_vectors(npz(tmp_path, ROWS * 0))


@pytest.mark.parametrize(
    ("rows", "ids", "message"),
    [
        (ROWS.astype(np.int32), IDS, "expected vectors of float16, float32 or float64, not int32"),
        (ROWS.astype(np.longdouble), IDS, "expected vectors of float16, float32 or float64, not"),
        (ROWS[0], ["a"] * 5, r"expected vectors of the shape \(N, D\) or .*, D from 2 to 4,096, not \(5,\)"),
        (ROWS[:, :1], IDS, r"not \(6, 1\)"),
        (np.ones((2, 4097)), ["a", "b"], r"not \(2, 4097\)"),
        (ROWS[:0], [], r"not \(0, 5\)"),
        (ROWS.reshape(3, 2, 5, 1), IDS, r"not \(3, 2, 5, 1\)"),
        (ROWS, IDS[:5], "has 6 rows of vectors and 5 ids; expected one each"),
        (ROWS, np.array(IDS)[:, None], r"expected ids as texts or integers of the shape \(N,\), not <U3 \(6, 1\)"),
        (ROWS, np.arange(6.0), "expected ids as texts or integers"),
        (ROWS, [*IDS[:5], ""], "row 5: '' is no id: expected 1 to 255 characters"),
        (ROWS, [*IDS[:4], "\x1b[2J", "a"], "row 4: .* is no id"),
        (ROWS, [*IDS[:5], "x" * 256], "row 5: .* is no id"),
        (ROWS, np.array([b"\xff"] * 6), "row 0: .* is no id"),
    ],
)
def test_what_cannot_be_vectors_and_ids_is_refused(tmp_path: Path, rows: Any, ids: Any, message: str) -> None:
    with pytest.raises(ArtefactError, match=rf"clews\.npz: .*{message}"):
        read_vectors(npz(tmp_path, rows, ids))


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("unpickled",))

    for arrays in ({"rows": np.array([[Bomb(), Bomb()]])}, {"ids": np.array([Bomb()] * 6)}):
        with pytest.raises(ArtefactError, match="has the type object; read are floats"):
            read_vectors(npz(tmp_path, **arrays))
    (tmp_path / "v.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ArtefactError, match=r"v\.npy: it is no \.npy"):
        read_vectors(tmp_path / "v.npy")
    (tmp_path / "v.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UsageError, match=r"expected vectors as \.npz, \.npy, \.safetensors; pickles are never opened"):
        read_vectors(tmp_path / "v.pkl")


def test_ids_must_be_said_by_the_file_or_the_csv(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", ROWS)
    with pytest.raises(UsageError, match=r"v\.npy has no ids: name a CSV with --metadata, one line for each row"):
        read_vectors(tmp_path / "v.npy")
    (tmp_path / "t.csv").write_text("id\na\nb\n")
    with pytest.raises(ArtefactError, match=r"has 6 rows of vectors and 2 ids in .*t\.csv; expected one each"):
        read_vectors(tmp_path / "v.npy", read_tracks(tmp_path / "t.csv"))
    np.savez(tmp_path / "v.npz", other=ROWS)
    with pytest.raises(ArtefactError, match="has no array 'vectors'"):
        read_vectors(tmp_path / "v.npz")
    with pytest.raises(NotFoundError, match=r"none\.npz is not there"):
        read_vectors(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("ids", "message"),
    [("{}", "must be a JSON array"), ("[", "Expecting value"), ("[1.5, 2]", "row 0: '1.5' is no id")],
)
def test_ids_in_a_header_are_json(tmp_path: Path, ids: str, message: str) -> None:
    data = safetensors.numpy.save({"vectors": ROWS[:2]}, metadata={"ids": ids})
    (tmp_path / "v.safetensors").write_bytes(data)
    with pytest.raises(ArtefactError, match=message):
        read_vectors(tmp_path / "v.safetensors")


def test_files_rows_and_tracks_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz(tmp_path)
    for name, limit, message in (
        ("MAX_TRACKS", 2, "has 3 tracks; at most 2 are read"),
        ("MAX_SEGMENTS", 5, "has 6 vectors; at most 5 are read"),
        ("MAX_BYTES", 300, "bytes; at most 300 are read"),
    ):
        monkeypatch.setattr(vectors, name, limit)
        with pytest.raises(ArtefactError, match=message):
            read_vectors(path)
