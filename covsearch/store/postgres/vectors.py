"""The vectors of a generation, in memory: exact search is that of the local store."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.index.manifest import MEND
from covsearch.store.postgres.link import raw
from covsearch.store.postgres.pin import Pin

_LOCK = threading.Lock()
_LAST: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
"""Of the last generation that this process read of each database: recordings, ascending, and their vectors."""


def vectors_of(pin: Pin, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Vectors (N, D) of the recordings `numbers`; those that this process read before are not fetched again.

    Raises
    ------
    ArtefactError
        When one is missing, has another length or is not finite.
    """
    dim = pin.manifest.dim
    with _LOCK:
        known, vectors = _LAST.get(pin.store, (np.empty(0, np.int64), np.empty((0, dim), np.float32)))
        if vectors.shape[1] != dim:
            known, vectors = known[:0], np.empty((0, dim), np.float32)
        wanted = np.unique(numbers)
        kept = np.isin(known, wanted)
        new = np.setdiff1d(wanted, known)
        more = fetched(pin, new)
        joined = np.concatenate([known[kept], new])
        order = np.argsort(joined)
        _LAST[pin.store] = (joined[order], np.concatenate([vectors[kept], more])[order])
        known, vectors = _LAST[pin.store]
    return vectors[np.searchsorted(known, numbers)]


def fetched(pin: Pin, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Vectors (n, D) of the recordings `numbers`, ascending, from the server; raises as :func:`vectors_of`."""
    dim = pin.manifest.dim
    query = b"SELECT id, vector FROM recordings WHERE id = ANY(%b) ORDER BY id"
    found, read = list[int](), list[bytes]()
    if len(numbers):
        with pin.connection() as connection, raw(connection).cursor(binary=True) as cursor:
            for number, vector in cursor.execute(query, [numbers.tolist()]):
                found.append(number)
                read.append(vector)
    if found != numbers.tolist() or any(len(vector) != 4 * dim for vector in read):
        raise ArtefactError(f"{pin.name}: expected {len(numbers)} vectors of {dim} numbers, one is missing; {MEND}")
    vectors = np.frombuffer(b"".join(read), "<f4").reshape(-1, dim).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise ArtefactError(f"{pin.name}: a vector holds NaN or infinity; {MEND}")
    return vectors
