"""Vectors as the bundled model makes them, a million of them: what ``benchmarks.many_vectors`` searches.

So many covers cannot be synthesised here. Some 15,000 are (:mod:`covsearch.evaluate.distractors`) and embedded by the
bundled model: about 16 versions of each of POP909's songs. The other works are drawn from these:

- the centre of a drawn work lies between the centres of two real ones, a share of U(0, 1) of the way along the great
  circle, and its length is between theirs by the same share;
- a version of it is that centre and the noise of a real version: its difference from its own work's centre. All
  versions of one drawn work take the noise of different versions of one real work. The sum is made of unit length.

So versions are as far from each other as real ones. Centres lie closer together than real ones do, which is said
beside the figures (:func:`described`): it makes the 100 nearest harder to tell from the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covsearch.index.head import Head

VERSIONS = 8  # of a drawn work
_CHUNK = 8192  # works drawn at once


@dataclass(frozen=True, eq=False)
class Real:
    """Embedded covers.

    Attributes
    ----------
    vectors : NDArray[float32], shape (n, D)
        Of unit length.
    works : NDArray[int64], shape (n,)
        Which song each is a cover of, from 0; at least :data:`VERSIONS` of each.
    """

    vectors: NDArray[np.float32]
    works: NDArray[np.int64]

    def centres(self) -> NDArray[np.float64]:
        """Mean of every work's versions, (w, D); not of unit length."""
        sums = np.zeros((int(self.works.max()) + 1, self.vectors.shape[1]))
        np.add.at(sums, self.works, self.vectors)
        return sums / np.bincount(self.works)[:, None]


def draw(real: Real, count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`count` vectors and their works: the real ones first, the others drawn from them.

    Parameters
    ----------
    real : Real
    count : int
        N; a smaller one gives the first of a larger.
    seed : int

    Returns
    -------
    NDArray[float32], shape (N, D)
        Of unit length.
    NDArray[int64], shape (N,)
        Work of each.
    """
    own = len(real.vectors)
    vectors = np.empty((count, real.vectors.shape[1]), dtype=np.float32)
    vectors[:own] = real.vectors[:count]
    at = own
    for made in _drawn(real, seed):
        if at >= count:
            break
        some = made[: count - at]
        vectors[at : at + len(some)] = some
        at += len(some)
    works = np.arange(count - own) // VERSIONS + int(real.works.max()) + 1 if count > own else np.empty(0, np.int64)
    return vectors, np.concatenate([real.works[:count], works])


def _drawn(real: Real, seed: int) -> Iterator[NDArray[np.float32]]:
    """Versions of drawn works, chunk after chunk without end."""
    centres, order = real.centres(), np.argsort(real.works, kind="stable")
    noise = real.vectors - centres[real.works]
    sizes = np.bincount(real.works)
    first = np.cumsum(sizes) - sizes
    for chunk in range(2**31):
        rng = np.random.default_rng([seed, chunk])
        a, of = rng.integers(0, len(centres), (2, _CHUNK))
        b = (a + rng.integers(1, len(centres), _CHUNK)) % len(centres)  # another one
        middle = _between(centres[a], centres[b], rng.random(_CHUNK))
        places = rng.random((_CHUNK, int(sizes.max())))
        places[np.arange(places.shape[1]) >= sizes[of][:, None]] = np.inf  # a smaller work has no more versions
        which = np.argsort(places, axis=1)[:, :VERSIONS]
        versions = middle[:, None] + noise[order[first[of][:, None] + which]]
        versions /= np.linalg.norm(versions, axis=2, keepdims=True)
        yield versions.reshape(-1, versions.shape[2]).astype(np.float32)


def _between(a: NDArray[np.float64], b: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spherical interpolation of rows, (n, D), a share of the way from `a` to `b`; lengths are interpolated too."""
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    cosine = np.clip((a * b).sum(axis=1, keepdims=True) / (lengths[0] * lengths[1]), -1, 1)
    angle = np.maximum(np.arccos(cosine), 1e-9)
    t = share[:, None]
    point = (np.sin((1 - t) * angle) * a / lengths[0] + np.sin(t * angle) * b / lengths[1]) / np.sin(angle)
    longer: NDArray[np.float64] = point * ((1 - t) * lengths[0] + t * lengths[1])
    return longer


def described(vectors: NDArray[np.float32], works: NDArray[np.int64], head: Head, seed: int) -> dict[str, float]:
    """What vectors are like: median head distances within works and to anything, and how many directions they fill.

    Parameters
    ----------
    vectors : NDArray[float32], shape (n, D)
    works : NDArray[int64], shape (n,)
    head : Head
    seed : int
        Of the pairs that are looked at.
    """
    rng = np.random.default_rng(seed)
    some = vectors[rng.choice(len(vectors), min(len(vectors), 20_000), replace=False)].astype(np.float64)
    spectrum = np.linalg.eigvalsh(np.cov(some.T))
    order = np.argsort(works, kind="stable")
    beside = order[:-1][works[order[:-1]] == works[order[1:]]]
    pairs = rng.choice(len(beside), min(len(beside), 5000), replace=False)
    after = np.empty(len(works), dtype=np.int64)
    after[order[:-1]] = order[1:]
    a = beside[pairs]
    c, d = rng.integers(0, len(vectors), (2, 5000))
    return {
        "within_works": float(np.median(_distances(head, vectors[a], vectors[after[a]]))),
        "between_any": float(np.median(_distances(head, vectors[c], vectors[d]))),
        "directions": float(spectrum.sum() ** 2 / (spectrum**2).sum()),
    }


def _distances(head: Head, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((np.square(a.astype(np.float64) - b) * head.alpha).sum(axis=1))
