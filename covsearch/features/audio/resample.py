"""Blocks of samples at one rate to blocks at another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


def resampled(blocks: Iterable[NDArray[np.float32]], source: int, target: int) -> Iterator[NDArray[np.float32]]:
    """The same sound at another rate, without delay.

    Parameters
    ----------
    blocks : iterable of NDArray[float32], shape (n,)
        Mono.
    source, target : int
        Samples a second. Where they are equal, the blocks come out as they are.

    Yields
    ------
    NDArray[float32], shape (m,)
    """
    if source == target:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(source, target, num_channels=1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
