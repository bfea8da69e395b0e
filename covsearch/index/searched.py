"""Which FAISS index a generation holds: a flat one, searched exactly, or FastScan's, of many vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.index import fastscan, flat
from covsearch.index.fastscan import FastScanIndex, build_fastscan
from covsearch.index.flat import FlatIndex
from covsearch.index.head import Head
from covsearch.index.manifest import MEND
from covsearch.ranking.nearest import Ranking

FLAT_LIMIT = 300_000
"""Vectors up to which the index is flat: about where a query for 1,000 candidates takes FastScan as long."""


class SearchedVectors(Protocol):
    """Vectors (N, D) under a head, and the FAISS index that finds the nearest."""

    vectors: NDArray[np.float32]
    head: Head
    exact: bool

    def __len__(self) -> int:
        """N."""

    @property
    def recipe(self) -> dict[str, Any]:
        """What the manifest says of it."""

    def rank(self, u: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` nearest rows, with the head's distances in float64; proven to be them where `exact`."""

    def serialize(self) -> bytes:
        """The FAISS index as ``faiss.read_index`` reads it from a file."""

    def check_rows(self) -> None:
        """An ArtefactError when the FAISS index holds other rows than `vectors`."""


def build_searched(
    vectors: NDArray[np.float32], head: Head, before: SearchedVectors | None = None, limit: int | None = None
) -> SearchedVectors:
    """An index of `vectors`: flat up to `limit` of them.

    Parameters
    ----------
    vectors : NDArray[float32], shape (N, D)
    head : Head
    before : SearchedVectors, optional
        Of the rows that these were made from by adding and removing; what it learned may be kept.
    limit : int, optional
        By default :data:`FLAT_LIMIT`.
    """
    if len(vectors) <= (FLAT_LIMIT if limit is None else limit):
        return FlatIndex(vectors, head)
    return build_fastscan(vectors, head, before if isinstance(before, FastScanIndex) else None)


def is_flat(recipe: Mapping[str, Any], dim: int) -> bool:
    """Whether a manifest's recipe is that of a flat index over vectors of `dim` numbers; else it is FastScan's.

    Raises
    ------
    ArtefactError
        When it is neither.
    """
    if dict(recipe) == flat.recipe(dim):
        return True
    error, known = recipe.get("error"), fastscan.recipe(dim)
    if dict(recipe) == {**known, "error": error} and type(error) is float and 0 <= error < math.inf:
        return False
    expected = f"{dim} dimensions, {flat.recipe(dim)} or {known} with its error"
    raise ArtefactError(f"this covsearch searches {expected}; index has {dict(recipe)}: {MEND}")


def read_searched(path: Path, recipe: Mapping[str, Any], vectors: NDArray[np.float32], head: Head) -> SearchedVectors:
    """Read what ``serialize`` wrote.

    Parameters
    ----------
    path : Path
    recipe : mapping
        As the manifest has it.
    vectors : NDArray[float32], shape (N, D)
    head : Head

    Raises
    ------
    ArtefactError
        When it cannot be read, or is not the index of these vectors' shape that `recipe` says.
    """
    try:
        with path.open("rb") as file:  # by its bytes: FAISS opens no path that is not UTF-8, and maps no codes
            found = faiss.read_index(faiss.PyCallbackIOReader(file.read))  # type: ignore[attr-defined]
        if is_flat(recipe, vectors.shape[1]):
            return FlatIndex(vectors, head, found)
        return FastScanIndex(vectors, head, found, recipe["error"])
    except (RuntimeError, OSError) as e:
        raise ArtefactError(f"{path}: FAISS cannot read it: {str(e).splitlines()[-1]}; {MEND}") from e
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {e}; {MEND}") from e
