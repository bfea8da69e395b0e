"""Windows of performances: how alike two are part by part, and which part of one is most like which of the other.

One vector speaks for a whole performance; a window's vector speaks for two minutes of it. Performances that share a
part, or play their parts in another order, are nearer by their windows than as wholes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM, FeatureConfig
from covsearch.counting import comma_list
from covsearch.errors import ArtefactError
from covsearch.features.frames import seen_rate
from covsearch.features.windows import Cuts, WindowRecipe
from covsearch.index import offsets
from covsearch.index.collection import check_unit, read_tensors
from covsearch.index.manifest import Manifest
from covsearch.index.part import Packed, Part


@dataclass(frozen=True, eq=False)
class Windows(Part):
    """The embedded windows of N performances, M in all.

    Attributes
    ----------
    vectors : NDArray[float32], shape (M, 128)
        Unit length.
    cuts : Cuts
        Whose and where each is.

    Raises
    ------
    ArtefactError
        When the two do not fit each other.
    """

    vectors: NDArray[np.float32]
    cuts: Cuts

    def __post_init__(self) -> None:
        first, start, count = self.cuts.first, self.cuts.start, len(self.vectors)
        if self.vectors.dtype != np.float32 or self.vectors.shape[1:] != (EMBEDDING_DIM,):
            came = f"{self.vectors.dtype} {self.vectors.shape}"
            raise ArtefactError(f"windows: expected float32 of shape (M, {EMBEDDING_DIM}), not {came}")
        if not (offsets.rise(first, count) and len(self)):
            raise ArtefactError(f"windows: offsets must rise from 0 to the number of windows, {count}")
        if start.dtype != np.float64 or start.shape != (count,):
            raise ArtefactError(f"windows: {count} vectors and {start.dtype} {start.shape} starts do not fit")

    def __len__(self) -> int:
        return len(self.cuts.first) - 1

    def __add__(self, other: Windows) -> Windows:
        """The windows of these performances and, after them, of the other ones; the recipe is the first one's."""
        first = offsets.joined(self.cuts.first, other.cuts.first)
        start = np.concatenate([self.cuts.start, other.cuts.start])
        return Windows(np.concatenate([self.vectors, other.vectors]), Cuts(first, start, self.cuts.recipe))

    def take(self, rows: Sequence[int]) -> Windows:
        """Those of some performances, at least one, in the order of `rows`."""
        places, first = offsets.places(self.cuts.first, rows)
        return Windows(self.vectors[places], Cuts(first, self.cuts.start[places], self.cuts.recipe))

    @property
    def settings(self) -> WindowRecipe:
        """How they were cut."""
        return self.cuts.recipe

    def save(self, path: Path) -> None:
        """Write them as safetensors; the recipe is left to the manifest."""
        vectors = np.ascontiguousarray(self.vectors)
        tensors: dict[str, NDArray[Any]] = {"vectors": vectors, "first": self.cuts.first, "start": self.cuts.start}
        path.write_bytes(safetensors.numpy.save(tensors))

    @classmethod
    def load(cls, path: Path, manifest: Manifest) -> Windows:
        """Read what :meth:`save` wrote."""
        tensors = read_tensors(path)
        if sorted(tensors) != ["first", "start", "vectors"]:
            raise ArtefactError(f"expected first, start and vectors, found {comma_list(map(repr, sorted(tensors)))}")
        windows = cls(tensors["vectors"], Cuts(tensors["first"], tensors["start"], manifest.parts["windows"]))
        if not (np.isfinite(windows.vectors).all() and np.isfinite(windows.cuts.start).all()):
            raise ArtefactError("holds NaN or infinity")
        return windows

    def blob(self, row: int) -> bytes:
        """Where its m windows begin, float64, then their vectors."""
        places = slice(self.cuts.first[row], self.cuts.first[row + 1])
        return self.cuts.start[places].astype("<f8").tobytes() + self.vectors[places].astype("<f4").tobytes()

    @classmethod
    def of_blobs(cls, blobs: Sequence[bytes], manifest: Manifest) -> Windows:
        """Of what :meth:`blob` made."""
        size = 8 + 4 * EMBEDDING_DIM
        if odd := next((len(blob) for blob in blobs if len(blob) % size), 0):
            raise ArtefactError(f"expected windows of {size} bytes each, found {odd} bytes")
        counts = [len(blob) // size for blob in blobs]
        start = [np.frombuffer(blob, "<f8", count) for blob, count in zip(blobs, counts, strict=True)]
        vectors = [np.frombuffer(blob, "<f4", offset=8 * count) for blob, count in zip(blobs, counts, strict=True)]
        first = np.cumsum([0, *counts], dtype=np.int64)
        cuts = Cuts(first, np.concatenate(start).astype(np.float64), manifest.parts["windows"])
        return cls(np.concatenate(vectors).reshape(-1, EMBEDDING_DIM).astype(np.float32), cuts)

    def check(self, names: Sequence[str]) -> None:
        """Unit vectors; the windows of a performance begin at 0 and go on from there."""
        first, start = self.cuts.first, self.cuts.start
        owners = np.repeat(np.arange(len(self)), np.diff(first)).tolist()
        check_unit([f"a window of {names[row]}" for row in owners], self.vectors)
        later = np.diff(start) > 0
        later[first[1:-1] - 1] = True  # where the next performance begins
        if start[first[:-1]].any() or not later.all():
            raise ArtefactError("the windows of a performance do not begin at 0 and go on from there")

    @classmethod
    def settings_for(cls, features: FeatureConfig, frame_rate: float, like: WindowRecipe | None) -> WindowRecipe:
        """Windows as long as the others, at the rate at which the model sees these files."""
        rate = seen_rate(features, frame_rate)
        return replace(like, rate=rate) if like else WindowRecipe(rate)

    @classmethod
    def make(cls, packed: Packed, settings: WindowRecipe) -> Windows:
        """Every window embedded with the index's model."""
        return cls(*packed.embed_windows(settings))


@dataclass(frozen=True)
class Passage:
    """Two windows that are alike.

    Attributes
    ----------
    a, b : float
        Where they begin in either performance, in seconds.
    cosine : float
        How alike they are, in [-1, 1].
    """

    a: float
    b: float
    cosine: float


def chamfer(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Chamfer similarity: how well every window of either finds its like in the other, on average.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (m, 128) and (n, 128)
        Unit vectors.

    Returns
    -------
    float
        Mean of the row maxima and mean of the column maxima of ``a @ b.T``, averaged; in [-1, 1].
    """
    cosine = a @ b.T  # (m, n)
    return float(cosine.max(axis=1).mean() + cosine.max(axis=0).mean()) / 2


def chamfer_to_all(
    query: NDArray[np.float32], vectors: NDArray[np.float32], first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """:func:`chamfer` of one performance with each of N, in one matrix product.

    Parameters
    ----------
    query : NDArray[float32], shape (m, 128)
    vectors : NDArray[float32], shape (M, 128)
    first : NDArray[int64], shape (N + 1,)
        As in :class:`~covsearch.features.windows.Cuts`.

    Returns
    -------
    NDArray[float64], shape (N,)
    """
    cosine = vectors @ query.T  # (M, m)
    theirs = np.add.reduceat(cosine.max(axis=1).astype(np.float64), first[:-1]) / np.diff(first)  # (N,)
    ours = np.maximum.reduceat(cosine, first[:-1], axis=0).mean(axis=1, dtype=np.float64)  # (N,)
    similarity: NDArray[np.float64] = (theirs + ours) / 2
    return similarity


def rerank_windows(query: Windows, candidates: Windows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Candidates from the most to the least alike by Chamfer similarity of windows.

    Parameters
    ----------
    query : Windows
        Of one performance.
    candidates : Windows
        Of k, in the order in which equally similar ones shall come.

    Returns
    -------
    NDArray[int64], shape (k,)
        Places among the candidates, the most alike first.
    NDArray[float64], shape (k,)
        Their similarities, descending.
    """
    similarity = chamfer_to_all(query.vectors, candidates.vectors, candidates.cuts.first)
    order = np.argsort(-similarity, kind="stable")
    return order, similarity[order]


def passages(a: Windows, b: Windows) -> tuple[Passage, ...]:
    """The pairs of windows of which each is the most alike of the other, the most alike pair first; at least one.

    Of equal ones the earliest.

    Parameters
    ----------
    a, b : Windows
        Of one performance each.
    """
    cosine = a.vectors @ b.vectors.T  # (m, n)
    to_b, to_a = cosine.argmax(axis=1), cosine.argmax(axis=0)
    mutual = np.flatnonzero(to_a[to_b] == np.arange(len(to_b)))
    found = (Passage(float(a.cuts.start[i]), float(b.cuts.start[to_b[i]]), float(cosine[i, to_b[i]])) for i in mutual)
    return tuple(sorted(found, key=lambda passage: -passage.cosine))
