"""The indexed performances: their ids and vectors, as a generation stores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from covsearch.config import EMBEDDING_DIM
from covsearch.errors import ArtefactError
from covsearch.index.generation import Generation
from covsearch.index.head import Head, load_head, save_head
from covsearch.index.manifest import MEND
from covsearch.index.mapped import map_matrix
from covsearch.index.searched import SearchedVectors, build_searched, is_flat, read_searched

UNIT = 1e-3
"""Allowed deviation of a vector's length from 1."""
_BLOCK = 65_536  # vectors in float64 at once


@dataclass(frozen=True, eq=False)
class Collection:
    """Ids and vectors, row by row.

    Attributes
    ----------
    pids : tuple of str
        PIDs in natural order.
    flat : SearchedVectors
        Their vectors and the head; of many vectors it is no flat index.
    """

    pids: tuple[str, ...]
    flat: SearchedVectors

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
    for first in range(0, len(vectors), _BLOCK):
        lengths = np.linalg.norm(vectors[first : first + _BLOCK].astype(np.float64), axis=1)
        wrong = ~(np.abs(lengths - 1) <= UNIT)  # NaN compares false
        if wrong.any():
            row = int(wrong.argmax())
            name, length = names[first + row], lengths[row]
            raise ArtefactError(f"{name}: vector must be finite and of length 1, its length is {length:.6g}")


def write_collection(
    folder: Path,
    pids: Sequence[str],
    vectors: NDArray[np.float32],
    head: Head,
    *,
    before: SearchedVectors | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Write ids, vectors, head and FAISS index of one generation into `folder`.

    Parameters
    ----------
    folder : Path
    pids : sequence of str
    vectors : NDArray[float32], shape (N, D)
    head : Head
    before, limit
        As for :func:`covsearch.index.searched.build_searched`.

    Returns
    -------
    dict
        What the manifest says of the FAISS index.
    """
    check_vectors(pids, vectors, head.dim)
    vectors = np.ascontiguousarray(vectors)
    (folder / "ids.json").write_text(json.dumps(list(pids)), encoding="utf-8")
    (folder / "embeddings.safetensors").write_bytes(safetensors.numpy.save({"vectors": vectors}))
    save_head(folder / "head.safetensors", head)
    searched = build_searched(vectors, head, before, limit)
    (folder / "index.faiss").write_bytes(searched.serialize())
    return searched.recipe


def read_collection(generation: Generation) -> Collection:
    """Read what :func:`write_collection` wrote, each part checked against the manifest's count and dimension.

    Raises
    ------
    ArtefactError
        When a file cannot be read or does not fit the others.
    """
    pids = _read_ids(generation.folder / "ids.json", generation.manifest.count)
    return Collection(pids, read_searched_vectors(generation))


def read_searched_vectors(generation: Generation) -> SearchedVectors:
    """The vectors, head and FAISS index alone; raises as :func:`read_collection`."""
    manifest, folder = generation.manifest, generation.folder
    dim = manifest.dim if manifest.foreign else EMBEDDING_DIM
    if manifest.dim != dim:
        raise ArtefactError(f"this covsearch searches {dim} dimensions, index has {manifest.dim}: {MEND}")
    read = _read_vectors if is_flat(manifest.recipe, dim) else _map_vectors
    vectors = read(folder / "embeddings.safetensors", manifest.count, dim)
    head = load_head(folder / "head.safetensors", dim)
    return read_searched(folder / "index.faiss", manifest.recipe, vectors, head)


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
    vectors = _fitting(path, read_tensors(path).get("vectors"), count, dim)
    if not np.isfinite(vectors).all():
        raise ArtefactError(f"{path}: holds NaN or infinity; {MEND}")
    return vectors


def _map_vectors(path: Path, count: int, dim: int) -> NDArray[np.float32]:
    """The same, mapped from the disk; whether a vector is finite shows when it is looked at."""
    try:
        with safe_open(path, framework="np") as file:  # which checks that the header fits the file
            there = "vectors" in file.keys()  # noqa: SIM118
        vectors = map_matrix(path, "vectors", np.float32) if there else None
    except (SafetensorError, KeyError, ValueError) as e:
        raise ArtefactError(f"{path}: expected safetensors: {e}; {MEND}") from e
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {e}; {MEND}") from e
    return _fitting(path, vectors, count, dim)


def _fitting(path: Path, vectors: NDArray[Any] | None, count: int, dim: int) -> NDArray[np.float32]:
    if vectors is None or vectors.dtype != np.float32 or vectors.shape != (count, dim):
        came = "none" if vectors is None else f"{vectors.dtype} {vectors.shape}"
        raise ArtefactError(f"{path}: expected float32 ({count}, {dim}), found {came}; {MEND}")
    return vectors
