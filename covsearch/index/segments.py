"""Segments of tracks, as foreign vectors have them: two tracks are as alike as the most alike pair of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from covsearch.config import FeatureConfig
from covsearch.counting import comma_list
from covsearch.errors import ArtefactError, UsageError
from covsearch.index import offsets
from covsearch.index.collection import check_unit, read_tensors
from covsearch.index.flat import product_error
from covsearch.index.manifest import Manifest
from covsearch.index.part import Packed, Part
from covsearch.ranking.nearest import Ranking

_FOREIGN = "segments come with foreign vectors: run `covsearch build-index --vectors`"


@dataclass(frozen=True, eq=False)
class Segments(Part):
    """The segments of N tracks, M in all.

    Attributes
    ----------
    vectors : NDArray[float32], shape (M, D)
        Unit length.
    first : NDArray[int64], shape (N + 1,)
        Rows ``first[i]`` to ``first[i + 1]`` are of track i; at least one.

    Raises
    ------
    ArtefactError
        When the two do not fit each other.
    """

    vectors: NDArray[np.float32]
    first: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.vectors.dtype != np.float32 or self.vectors.ndim != 2:
            raise ArtefactError(f"expected segments as float32 (M, D), not {self.vectors.dtype} {self.vectors.shape}")
        count = len(self.vectors)
        if not (offsets.rise(self.first, count) and len(self)):
            raise ArtefactError(f"offsets must rise from 0 to the number of segments, {count}")

    def __len__(self) -> int:
        return len(self.first) - 1

    def __add__(self, other: Segments) -> Segments:
        return Segments(np.concatenate([self.vectors, other.vectors]), offsets.joined(self.first, other.first))

    def take(self, rows: Sequence[int]) -> Segments:
        """Those of some tracks, at least one, in the order of `rows`."""
        places, first = offsets.places(self.first, rows)
        return Segments(self.vectors[places], first)

    def track(self, row: int) -> NDArray[np.float32]:
        """The segments of track `row`, (m, D)."""
        return self.vectors[self.first[row] : self.first[row + 1]]

    def save(self, path: Path) -> None:
        """Write them as safetensors."""
        tensors: dict[str, NDArray[Any]] = {"vectors": np.ascontiguousarray(self.vectors), "first": self.first}
        path.write_bytes(safetensors.numpy.save(tensors))

    @classmethod
    def load(cls, path: Path, manifest: Manifest) -> Segments:
        """Read what :meth:`save` wrote."""
        tensors = read_tensors(path)
        if sorted(tensors) != ["first", "vectors"]:
            raise ArtefactError(f"expected first and vectors, found {comma_list(map(repr, sorted(tensors)))}")
        segments = cls(tensors["vectors"], tensors["first"])
        if segments.vectors.shape[1] != manifest.dim:
            raise ArtefactError(f"expected segments of {manifest.dim} numbers, found {segments.vectors.shape[1]}")
        if not np.isfinite(segments.vectors).all():
            raise ArtefactError("holds NaN or infinity")
        return segments

    def blob(self, row: int) -> bytes:
        """The segments of a track, one after the other."""
        return self.track(row).astype("<f4").tobytes()

    @classmethod
    def of_blobs(cls, blobs: Sequence[bytes], manifest: Manifest) -> Segments:
        """Of what :meth:`blob` made."""
        size = 4 * manifest.dim
        if odd := next((len(blob) for blob in blobs if len(blob) % size), 0):
            raise ArtefactError(f"expected segments of {size} bytes each, found {odd} bytes")
        first = np.cumsum([0, *(len(blob) // size for blob in blobs)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(blobs), "<f4").reshape(-1, manifest.dim).astype(np.float32), first)

    def check(self, names: Sequence[str]) -> None:
        """Unit vectors."""
        owners = np.repeat(np.arange(len(self)), np.diff(self.first)).tolist()
        check_unit([f"a segment of {names[row]}" for row in owners], self.vectors)

    @classmethod
    def settings_for(cls, features: FeatureConfig, frame_rate: float, like: Any) -> NoReturn:
        """No model of ours makes segments."""
        raise UsageError(_FOREIGN)

    @classmethod
    def make(cls, packed: Packed, settings: Any) -> NoReturn:
        """No model of ours makes segments."""
        raise UsageError(_FOREIGN)

    def search(self, own: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` tracks with the most alike pair of segments, exactly.

        All pairs are multiplied in float32. The tracks that may be among the `k`, by the bound of the rounding error,
        are multiplied once more in float64, and these are ranked.

        Parameters
        ----------
        own : NDArray[float32], shape (m, D)
            The query's, of unit length.
        k : int
            At least 1; more than there are tracks gives all.
        exclude : int, optional
            A row that is not ranked: the query's own.

        Returns
        -------
        Ranking
            Distances are 1 - cosine, in [0, 2] but for rounding; equal ones in row order.
        """
        if k < 1:
            raise UsageError(f"at least 1 match must be asked for, not {k}")
        near = nearest(self, own)
        rows = np.delete(np.arange(len(self)), [] if exclude is None else [exclude])
        if len(rows) > k:
            least = np.partition(near[rows], -k)[-k]
            rows = rows[near[rows] >= least - 2.02 * product_error(own.shape[1])]  # lengths are 1 but for rounding
        distances = np.array([1 - _cosine(own, self.track(row)) for row in rows.tolist()])
        order = np.lexsort((rows, distances))[:k]
        return Ranking(rows[order].astype(np.int64), distances[order])


def nearest(segments: Segments, own: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of the most alike pair of segments of a query (m, D) with each track, in float32, (N,)."""
    cosine = (segments.vectors @ own.T).max(axis=1)
    near: NDArray[np.float32] = np.maximum.reduceat(cosine, segments.first[:-1])
    return near


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of the most alike pair of (m, D) and (n, D), in float64, pair by pair: equal pairs have equal ones."""
    return max(float((b.astype(np.float64) * row.astype(np.float64)).sum(axis=1).max()) for row in a)
