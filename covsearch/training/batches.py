"""Pairs to batches in which every track is read, augmented and embedded once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covsearch.dataset.pairs import Pairs
from covsearch.features.augment import rotate_key
from covsearch.features.store import FrameStore
from covsearch.models import Siamese


@dataclass(frozen=True)
class Batch:
    """Distinct tracks and the pairs among them.

    Attributes
    ----------
    frames : Tensor, shape (B, T, F)
        Each track once, zero behind its length.
    lengths : Tensor, shape (B,)
    a, b : Tensor of int64, shape (N,)
        Rows of `frames`.
    label : Tensor of int64, shape (N,)
        0 = cover, 1 = non-cover.
    """

    frames: Tensor
    lengths: Tensor
    a: Tensor
    b: Tensor
    label: Tensor


def training_batches(
    store: FrameStore, pairs: Pairs, model: Siamese, size: int, rotate: bool, rng: np.random.Generator
) -> Iterator[Batch]:
    """All `pairs` once, in random order, `size` pairs a batch.

    Parameters
    ----------
    store : FrameStore
    pairs : Pairs
        Positions in the store.
    model : Siamese
        Tells how far a batch is padded.
    size : int
    rotate : bool
        Transpose every track of a batch by its own random number of semitones.
    rng : numpy.random.Generator
        Decides order and transpositions.
    """
    order = rng.permutation(len(pairs))
    for i in range(0, len(order), size):
        yield _batch(store, pairs.take(order[i : i + size]), model, rng if rotate else None)


def _batch(store: FrameStore, pairs: Pairs, model: Siamese, rng: np.random.Generator | None) -> Batch:
    tracks, rows = np.unique(np.stack([pairs.a, pairs.b]), return_inverse=True)
    a, b = rows.reshape(2, -1)
    wanted = tracks.tolist()
    frames, lengths = store.batch(wanted, model.batch_frames(store.lengths_of(wanted).tolist()))
    if rng is not None:
        frames = rotate_key(frames, rng.integers(0, 12, len(tracks)))
    tensors: list[NDArray[np.generic]] = [frames, lengths, a, b, pairs.label]
    return Batch(*(torch.from_numpy(np.ascontiguousarray(t)) for t in tensors))
