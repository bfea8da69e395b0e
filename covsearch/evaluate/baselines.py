"""What a pair model must beat: distances that need no training, from the packed frames the model sees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import BINS
from covsearch.dataset.pairs import Pairs

MEAN_CHROMA, RANDOM = "mean chroma", "random"
_CHUNK = 2**16  # pairs at once: a 24-bin mean of 65,536 pairs is 12 MB of float64


class Baseline(Protocol):
    """Frames of every performance, pairs, seed -> a distance (N,) for each pair, high = non-cover."""

    def __call__(self, frames: Iterable[NDArray[np.float16]], pairs: Pairs, seed: int) -> NDArray[np.float64]:
        """Distances of `pairs`, whose positions count through `frames`."""
        ...


def mean_chroma(frames: NDArray[np.floating]) -> NDArray[np.float64]:
    """The average frame of one performance.

    Parameters
    ----------
    frames : NDArray, shape (L, F)
        Frames as a branch sees them: unit L2 norm before block means.

    Returns
    -------
    NDArray[float64], shape (F,)
    """
    average: NDArray[np.float64] = frames.mean(axis=0, dtype=np.float64)  # (F,)
    return average


def key_invariant_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """One minus the cosine similarity of two chroma vectors in the key in which they fit best.

    Parameters
    ----------
    a, b : NDArray[float64], shapes (N, F)
        Or (1, F), for one with each of the others. F is a multiple of 12; each block of 12 bins is one feature, and
        all blocks are rolled together, since a song that is transposed is transposed in every feature.

    Returns
    -------
    NDArray[float64], shape (N,)
        In [0, 2], in [0, 1] for chroma, which has no negative bins; 1 where a vector is all zero.

    References
    ----------
    The optimal transposition index of Serrà, Gómez, Herrera, "Transposing chroma representations to a common
    key" (2008), with the cosine of mean chroma as the similarity.
    """
    blocks = unit_rows(a).reshape(len(a), -1, BINS)  # (N, F / 12, 12)
    others = unit_rows(b).reshape(len(b), -1, BINS)  # (N, F / 12, 12)
    fits = [np.einsum("nfp,nfp->n", blocks, np.roll(others, key, axis=2)) for key in range(BINS)]
    best: NDArray[np.float64] = np.max(fits, axis=0)
    return 1 - best


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """`vectors` (N, D) at unit length, in float64; zero where a vector is."""
    vectors = vectors.astype(np.float64)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = vectors / np.where(norm > 0, norm, 1)
    return unit


def mean_chroma_baseline(frames: Iterable[NDArray[np.float16]], pairs: Pairs, seed: int = 0) -> NDArray[np.float64]:
    """Key-invariant distance of mean chroma; nothing is random in it."""
    means = np.stack([mean_chroma(sequence) for sequence in frames])  # (M, F)
    distance = np.empty(len(pairs))
    for k in range(0, len(pairs), _CHUNK):
        rows = slice(k, k + _CHUNK)
        distance[rows] = key_invariant_distance(means[pairs.a[rows]], means[pairs.b[rows]])
    return distance


def random_baseline(frames: Iterable[NDArray[np.float16]], pairs: Pairs, seed: int = 0) -> NDArray[np.float64]:
    """Uniform noise in [0, 1): what no knowledge at all scores on these very pairs."""
    return np.random.default_rng([seed, 1]).random(len(pairs))


BASELINES: dict[str, Baseline] = {MEAN_CHROMA: mean_chroma_baseline, RANDOM: random_baseline}
