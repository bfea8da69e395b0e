"""Batches of several kinds of music: synthesised covers of each source, and the collection's own training works.

Every batch is of one kind: a tune is told from a pop song by its accompaniment, and a batch of both teaches no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from covsearch.config import FeatureConfig, TrainConfig
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.pairs import Pairs
from covsearch.errors import UsageError
from covsearch.features.augment import crop
from covsearch.features.key import to_c
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.synthesis.cover import sees_covers
from covsearch.synthesis.sources import SongCollection
from covsearch.training.batches import Batch, make_batch, training_batches


class MixedBatches:
    """Endless batches, ``epoch_steps`` of which are an epoch; a :data:`~covsearch.training.batches.Batches`.

    The stored works are as likely as they are many among all works; the other batches come from the collections in
    proportion to their notes.

    Parameters
    ----------
    store : FrameStore
    pairs : Pairs
        Training pairs, as positions in the store.
    collections : sequence of SongCollection
    training : TrainConfig

    Raises
    ------
    UsageError
        When the store's features are not what covers are synthesised as: HPCP at 2.69 frames/s.
    """

    def __init__(
        self, store: FrameStore, pairs: Pairs, collections: Sequence[SongCollection], training: TrainConfig
    ) -> None:
        check_features(store.config)
        self.store, self.pairs, self.collections, self.training = store, pairs, collections, training
        own = len({store.wids[i] for i in np.union1d(pairs.a, pairs.b).tolist()})
        share = own / (own + sum(len(collection.maker) for collection in collections))
        notes = np.array([collection.notes for collection in collections])
        self.shares: NDArray[np.float64] = np.concatenate([[share], (1 - share) * notes / notes.sum()])

    def __call__(self, model: Siamese, rng: np.random.Generator, progress: float) -> Iterator[Batch]:
        """See :data:`~covsearch.training.batches.Batches`; covers get harder with `progress`."""
        steps, training = self.training.epoch_steps, self.training
        for step in range(steps):
            kind = int(rng.choice(len(self.shares), p=self.shares))
            if kind == 0:
                yield next(training_batches(self.store, self.pairs, model, training, rng))
                continue
            done = progress + step / steps / training.epochs
            hardness = training.first_hardness + (training.last_hardness - training.first_hardness) * done
            yield cover_batch(self.collections[kind - 1], training, self.store.config.key, hardness, model, rng)


def cover_batch(
    collection: SongCollection,
    training: TrainConfig,
    key: str,
    hardness: float,
    model: Siamese,
    rng: np.random.Generator,
) -> Batch:
    """P songs of one collection in K fresh covers each, and all pairs among them.

    Parameters
    ----------
    collection : SongCollection
    training : TrainConfig
        P, K and the longest cover.
    key : str
        ``played`` or ``normalised``.
    hardness : float
        In [0, 1]; see :meth:`~covsearch.synthesis.cover.CoverMaker.make`.
    model : Siamese
        Tells how far a batch is padded.
    rng : numpy.random.Generator
    """
    songs = rng.permutation(len(collection.maker))[: training.batch_works]
    works = np.repeat(songs, training.batch_versions)
    frames, lengths = collection.maker.make(works.tolist(), rng, hardness=hardness, frames=training.cover_frames)
    # versions of one song are of nearly one length, and nothing else would tell so much so cheaply
    tracks = [crop(track[:length], rng) for track, length in zip(frames, lengths.tolist(), strict=True)]
    if key == "normalised":
        tracks = [to_c(track) for track in tracks]
    a, b = np.triu_indices(len(tracks), 1)
    return make_batch(tracks, works.astype(np.int64), a.astype(np.int64), b.astype(np.int64), model)


def check_features(features: FeatureConfig) -> None:
    """Refuse features that covers are not synthesised as.

    Raises
    ------
    UsageError
        Unless they are HPCP at 2.69 frames/s.
    """
    if not sees_covers(features):
        raise UsageError(
            f"covers are synthesised as HPCP at {SLOW_RATE:.2f} frames/s, not {features.features} at "
            f"{features.rate:g}: say --features hpcp --rate {SLOW_RATE:.2f}"
        )
