from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest
import safetensors.numpy
from published import make_performances, publish, random_head, unit_vectors

from covsearch.errors import ArtefactError
from covsearch.index.collection import check_vectors, read_collection
from covsearch.index.generation import Generation
from covsearch.workspace import Workspace


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    return publish(Workspace(tmp_path), count=30)


def test_ids_vectors_and_head_come_back_in_natural_order_each_with_its_own(generation: Generation) -> None:
    rng = np.random.default_rng(0)  # what `publish` drew
    pids = list(rng.permutation(list(make_performances(rng, 30))))
    vectors, head = unit_vectors(rng, 30), random_head(rng)
    collection = read_collection(generation)
    assert collection.pids == tuple(f"P_{number}" for number in range(1, 31))
    assert collection.rows["P_17"] == 16
    for pid, vector in zip(pids, vectors, strict=True):
        np.testing.assert_array_equal(collection.flat.vectors[collection.rows[pid]], vector)
    np.testing.assert_array_equal(collection.flat.head.alpha, head.alpha)
    assert collection.flat.head.beta == head.beta


def test_vectors_must_be_unit_float32_one_a_pid() -> None:
    good = unit_vectors(np.random.default_rng(1), 3)
    pids = ["P_1", "P_2", "P_3"]
    check_vectors(pids, good)
    check_vectors(pids, good * np.float32(1.0009))
    nan = good.copy()
    nan[1, 5] = np.nan
    zero = good.copy()
    zero[2] = 0
    for vectors, message in [
        (good.astype(np.float64), r"float32 of shape \(3, 128\).* not float64 \(3, 128\)"),
        (good[:2], r"not float32 \(2, 128\)"),
        (good[:, :127], r"not float32 \(3, 127\)"),
        (nan, "P_2: vector must be finite and of length 1, its length is nan"),
        (zero, "P_3: vector must be finite and of length 1, its length is 0"),
        (good * np.float32(1.002), "P_1: vector must be finite and of length 1, its length is 1.002"),
    ]:
        with pytest.raises(ArtefactError, match=message):
            check_vectors(pids, vectors)
    with pytest.raises(ArtefactError, match="P_1 has more"):
        check_vectors(["P_1", "P_2", "P_1"], good)
    with pytest.raises(ArtefactError, match="at least 1"):
        check_vectors([], np.empty((0, 128), np.float32))


def other_faiss(path: Path) -> None:
    faiss.write_index(faiss.IndexFlatIP(129), str(path))


def write(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("ids.json", write(b"{"), "is not JSON"),
        ("ids.json", write(b"[" * 100_000), "is not JSON"),
        ("ids.json", write(b"\xff"), "is not JSON"),
        ("ids.json", write(b'{"a": 1}'), "expected an array of PIDs"),
        ("ids.json", write(b"[1, 2]"), "expected an array of PIDs"),
        ("ids.json", write(json.dumps(["P_1"] * 30).encode()), "expected 30 different PIDs, found 1"),
        ("ids.json", write(b'["P_1"]'), "expected 30 different PIDs, found 1"),
        ("embeddings.safetensors", write(b"junk"), "expected safetensors"),
        (
            "embeddings.safetensors",
            write(safetensors.numpy.save({"vectors": np.ones((29, 128), np.float32)})),
            r"expected float32 \(30, 128\), found float32 \(29, 128\)",
        ),
        (
            "embeddings.safetensors",
            write(safetensors.numpy.save({"v": np.ones(3)})),
            r"expected float32 \(30, 128\), found none",
        ),
        (
            "embeddings.safetensors",
            write(safetensors.numpy.save({"vectors": np.full((30, 128), np.nan, np.float32)})),
            "holds NaN or infinity",
        ),
        ("index.faiss", write(b"junk"), "FAISS cannot read it"),
        ("index.faiss", write(b""), "FAISS cannot read it"),
        ("index.faiss", other_faiss, "expected 30 rows of 129 dimensions, the FAISS index has 0 rows"),
        ("head.safetensors", write(b"junk"), "expected safetensors"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_named(
    generation: Generation, file: str, change: Callable[[Path], None], message: str
) -> None:
    change(generation.folder / file)
    with pytest.raises(ArtefactError, match=rf"{file}: {message}.*run `covsearch build-index`"):
        read_collection(generation)


def test_an_index_of_another_kind_is_refused(generation: Generation) -> None:
    for other in ({"dim": 64}, {"recipe": {"faiss": "HNSW16"}}):
        manifest = replace(generation.manifest, **other)
        with pytest.raises(ArtefactError, match=r"this covsearch searches 128 dimensions.*run `covsearch build-index`"):
            read_collection(replace(generation, manifest=manifest))
