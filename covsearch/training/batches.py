"""Batches in which every track is read, augmented and embedded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covsearch.config import TrainConfig
from covsearch.dataset.pairs import COVER, NON_COVER, Pairs
from covsearch.features.augment import crop, drop_frames, mask_pitch, mask_time, rotate_key, stretch
from covsearch.features.frames import pad
from covsearch.features.store import FrameStore
from covsearch.models import Siamese

Batches = Callable[[Siamese, np.random.Generator, float], "Iterator[Batch]"]
"""One epoch's batches for a model (which tells how far they are padded), by the generator that decides everything
random, and by how much of the training is over, in [0, 1)."""


@dataclass(frozen=True)
class Batch:
    """Distinct tracks and pairs among them.

    Attributes
    ----------
    frames : Tensor, shape (B, T, F)
        Each track once, zero behind its length.
    lengths : Tensor, shape (B,)
    works : Tensor of int64, shape (B,)
        Equal numbers, equal works.
    a, b : Tensor of int64, shape (N,)
        Rows of `frames`.
    label : Tensor of int64, shape (N,)
        0 = cover, 1 = non-cover.
    """

    frames: Tensor
    lengths: Tensor
    works: Tensor
    a: Tensor
    b: Tensor
    label: Tensor


class StoredBatches:
    """Batches of the training pairs of a store; a :data:`Batches`."""

    def __init__(self, store: FrameStore, pairs: Pairs, training: TrainConfig) -> None:
        self.store, self.pairs, self.training = store, pairs, training

    def __call__(self, model: Siamese, rng: np.random.Generator, progress: float) -> Iterator[Batch]:
        """See :data:`Batches`; what `progress` is makes no difference."""
        return training_batches(self.store, self.pairs, model, self.training, rng)


def training_batches(
    store: FrameStore, pairs: Pairs, model: Siamese, training: TrainConfig, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch: all `pairs` once (loss ``pairs``), or every work that has versions once (the others).

    Parameters
    ----------
    store : FrameStore
    pairs : Pairs
        Training pairs, as positions in the store; their tracks are all that is seen.
    model : Siamese
        Tells how far a batch is padded.
    training : TrainConfig
        Loss, batch sizes and augmentations.
    rng : numpy.random.Generator
        Decides order, choice and augmentations.
    """
    works = np.unique(store.wids, return_inverse=True)[1]
    chosen = (
        _pair_batches(pairs, training, rng) if training.loss == "pairs" else _work_batches(pairs, works, training, rng)
    )
    for tracks, a, b in chosen:
        sequences = [augmented(store.frames(i).astype(np.float32), training, rng) for i in tracks.tolist()]
        yield make_batch(sequences, works[tracks], a, b, model)


def make_batch(
    sequences: Sequence[NDArray[np.float32]],
    works: NDArray[np.int64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    model: Siamese,
) -> Batch:
    """Pad B tracks (L_i, F) of `works` (B,) for `model`, and label the pairs `a`, `b` (N,) of them."""
    lengths = [len(sequence) for sequence in sequences]
    frames = pad(sequences, model.batch_frames(lengths))
    label = np.where(works[a] == works[b], COVER, NON_COVER)
    return Batch(*map(torch.from_numpy, (frames, np.array(lengths), works, a, b, label)))


def augmented(frames: NDArray[np.float32], training: TrainConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """A track (L, F) changed by chance in the ways that `training` asks for."""
    if training.rotate_keys:
        frames = rotate_key(frames, int(rng.integers(12)))
    if training.vary_time:
        frames = crop(stretch(frames, rng), rng)
    if training.mask_frames:
        frames = mask_pitch(mask_time(drop_frames(frames, rng), rng), rng)
    return frames


Chosen = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # tracks (B,), rows a (N,), rows b (N,)


def _pair_batches(pairs: Pairs, training: TrainConfig, rng: np.random.Generator) -> Iterator[Chosen]:
    order = rng.permutation(len(pairs))
    for i in range(0, len(order), training.batch_pairs):
        some = pairs.take(order[i : i + training.batch_pairs])
        tracks, rows = np.unique(np.stack([some.a, some.b]), return_inverse=True)
        a, b = rows.reshape(2, -1)
        yield tracks, a, b


def _work_batches(
    pairs: Pairs, works: NDArray[np.int64], training: TrainConfig, rng: np.random.Generator
) -> Iterator[Chosen]:
    """P works of up to K versions each, a quarter as many tracks without a version, and all pairs among them.

    pytorch-metric-learning's MPerClassSampler would repeat the tracks of works with fewer than K versions, and a
    track is no version of itself. Even with K = 2 it draws works anew for every batch, so that an epoch misses a
    quarter of them; it knows no tracks without a version, and its chance is a global of its module, not `rng`.
    """
    cliques: dict[int, list[int]] = {}
    for track in np.union1d(pairs.a, pairs.b).tolist():
        cliques.setdefault(int(works[track]), []).append(track)
    versions = [clique for clique in cliques.values() if len(clique) > 1]
    alone = np.array([clique[0] for clique in cliques.values() if len(clique) == 1], dtype=np.int64)
    groups = max(1, min(round(len(versions) / training.batch_works), len(versions) // 2))  # one work has no non-covers
    for group in np.array_split(rng.permutation(len(versions)), groups):
        drawn = [rng.permutation(versions[i])[: training.batch_versions] for i in group.tolist()]
        others = rng.permutation(alone)[: len(group) // 4]
        tracks = np.concatenate([*drawn, others]).astype(np.int64)
        a, b = np.triu_indices(len(tracks), 1)
        yield tracks, a.astype(np.int64), b.astype(np.int64)
