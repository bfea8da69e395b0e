"""The indexed performances: their ids and vectors, as a generation stores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from covsearch.config import EMBEDDING_DIM
from covsearch.errors import ArtefactError
from covsearch.index.flat import FlatIndex, recipe
from covsearch.index.generation import Generation
from covsearch.index.head import Head, load_head, save_head
from covsearch.index.manifest import MEND

_UNIT = 1e-3  # allowed deviation of a vector's length from 1


@dataclass(frozen=True, eq=False)
class Collection:
    """Ids and vectors, row by row.

    Attributes
    ----------
    pids : tuple of str
        PIDs in natural order.
    flat : FlatIndex
        Their vectors and the head.
    """

    pids: tuple[str, ...]
    flat: FlatIndex

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each PID."""
        return {pid: row for row, pid in enumerate(self.pids)}


def check_vectors(pids: Sequence[str], vectors: NDArray[np.float32], dim: int = EMBEDDING_DIM) -> None:
    """Check that `vectors` is what an index is made of: (N, `dim`) float32, finite, unit length, one a PID.

    Raises
    ------
    ArtefactError
        For anything else; names the first PID that is wrong.
    """
    if vectors.dtype != np.float32 or vectors.shape != (len(pids), dim) or not len(pids):
        expected = f"float32 of shape ({len(pids) or 'at least 1'}, {dim})"
        raise ArtefactError(f"vectors must be {expected}, one row a PID, not {vectors.dtype} {vectors.shape}")
    if len(set(pids)) != len(pids):
        double = next(pid for i, pid in enumerate(pids) if pid in pids[:i])
        raise ArtefactError(f"every PID may have one vector, {double} has more")
    check_unit(pids, vectors)


def check_unit(names: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Check that every row of `vectors` (n, D) is finite and of unit length.

    Raises
    ------
    ArtefactError
        With the name of the first row that is not.
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1) <= _UNIT)  # NaN compares false
    if wrong.any():
        row = int(wrong.argmax())
        raise ArtefactError(f"{names[row]}: vector must be finite and of length 1, its length is {lengths[row]:.6g}")


def write_collection(folder: Path, pids: Sequence[str], vectors: NDArray[np.float32], head: Head) -> None:
    """Write ids, vectors, head and FAISS index of one generation into `folder`."""
    check_vectors(pids, vectors, head.dim)
    vectors = np.ascontiguousarray(vectors)
    (folder / "ids.json").write_text(json.dumps(list(pids)), encoding="utf-8")
    (folder / "embeddings.safetensors").write_bytes(safetensors.numpy.save({"vectors": vectors}))
    save_head(folder / "head.safetensors", head)
    (folder / "index.faiss").write_bytes(FlatIndex(vectors, head).serialize())


def read_collection(generation: Generation) -> Collection:
    """Read what :func:`write_collection` wrote, each part checked against the manifest's count and dimension.

    Raises
    ------
    ArtefactError
        When a file cannot be read or does not fit the others.
    """
    manifest = generation.manifest
    dim = manifest.dim if manifest.foreign else EMBEDDING_DIM
    if (manifest.dim, dict(manifest.recipe)) != (dim, recipe(dim)):
        came = f"{manifest.dim} dimensions, {dict(manifest.recipe)}"
        raise ArtefactError(f"this covsearch searches {dim} dimensions, {recipe(dim)}; index has {came}: {MEND}")
    pids = _read_ids(generation.folder / "ids.json", manifest.count)
    vectors = _read_vectors(generation.folder / "embeddings.safetensors", manifest.count, dim)
    head = load_head(generation.folder / "head.safetensors", dim)
    return Collection(pids, _read_flat(generation.folder / "index.faiss", vectors, head))


def _read_ids(path: Path, count: int) -> tuple[str, ...]:
    try:
        pids = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as e:
        raise ArtefactError(f"{path}: is not JSON: {e}; {MEND}") from e
    if not isinstance(pids, list) or set(map(type, pids)) != {str}:  # map and set: every open waits for this
        raise ArtefactError(f"{path}: expected an array of PIDs; {MEND}")
    different = len(set(pids))
    if not different == len(pids) == count:
        raise ArtefactError(f"{path}: expected {count} different PIDs, found {different}; {MEND}")
    return tuple(pids)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file of a generation, by name.

    Raises
    ------
    ArtefactError
        When it is none.
    """
    try:
        return safetensors.numpy.load_file(path)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ArtefactError(f"{path}: expected safetensors: {e}; {MEND}") from e


def _read_vectors(path: Path, count: int, dim: int) -> NDArray[np.float32]:
    vectors = read_tensors(path).get("vectors")
    if vectors is None or vectors.dtype != np.float32 or vectors.shape != (count, dim):
        came = "none" if vectors is None else f"{vectors.dtype} {vectors.shape}"
        raise ArtefactError(f"{path}: expected float32 ({count}, {dim}), found {came}; {MEND}")
    if not np.isfinite(vectors).all():
        raise ArtefactError(f"{path}: holds NaN or infinity; {MEND}")
    return vectors


def _read_flat(path: Path, vectors: NDArray[np.float32], head: Head) -> FlatIndex:
    try:
        with path.open("rb") as file:  # by its bytes: FAISS opens no path that is not UTF-8
            reader = faiss.PyCallbackIOReader(file.read)  # type: ignore[attr-defined]
            return FlatIndex(vectors, head, faiss.read_index(reader))
    except (RuntimeError, OSError) as e:
        raise ArtefactError(f"{path}: FAISS cannot read it: {str(e).splitlines()[-1]}; {MEND}") from e
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {e}; {MEND}") from e
