"""What the learned aligner is trained and judged on: pools of covers, groups of pairs, and their matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.config import EMBEDDING_DIM
from covsearch.embedding import embed_frames
from covsearch.features.frames import block_means
from covsearch.models import Siamese
from covsearch.ranking.learned import HeardTrack, heard, keys, matrix
from covsearch.synthesis.cover import CoverMaker

_AT_ONCE = 20  # songs whose covers are synthesised together
_NEAREST = 30  # from which hard negatives are drawn
_SHORTEST_CROP, _SHORTEST_EXCERPT = 0.4, 0.15
_FEWEST_FRAMES = 48  # 18 s
_BATCH = 16
_MULTIPLE = 16  # heights and widths of a batch of matrices: few shapes, each of which torch prepares once


@dataclass(frozen=True, eq=False)
class Pool:
    """Performances that are compared with each other.

    Attributes
    ----------
    tracks : list of HeardTrack
    work : NDArray[int64], shape (M,)
        Numbers of their songs.
    near : NDArray[int64], shape (M, M)
        Positions, the nearest by vectors first.
    """

    tracks: list[HeardTrack]
    work: NDArray[np.int64]
    near: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairGroups:
    """Pairs to be judged: each group has an anchor, its covers, and others that are none.

    Attributes
    ----------
    a, b : NDArray[int64], shape (N,)
        Positions in a pool.
    cover : NDArray[bool], shape (N,)
    start : NDArray[int64], shape (G,)
        Where each group begins.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    cover: NDArray[np.bool_]
    start: NDArray[np.int64]


def covers_pool(
    maker: CoverMaker,
    songs: NDArray[np.int64],
    model: Siamese,
    config: AlignerConfig,
    training: AlignerTraining,
    hardness: float,
    rng: np.random.Generator,
) -> Pool:
    """Fresh covers of some of a maker's songs, ``training.versions`` of each, some cropped."""
    tracks, works = [], np.repeat(songs, training.versions)
    for some in (songs[i : i + _AT_ONCE] for i in range(0, len(songs), _AT_ONCE)):
        frames, lengths = maker.make(np.repeat(some, training.versions).tolist(), rng, hardness=hardness)
        tracks += [track[:length] for track, length in zip(frames, lengths.tolist(), strict=True)]
    return pool(_cut(tracks, training, rng), works, model, config)


def pool(tracks: Sequence[NDArray[np.float32]], work: NDArray[np.int64], model: Siamese, config: AlignerConfig) -> Pool:
    """Performances (L_i, 12) at 2.69 frames/s, ready to be compared; `model` says which are near."""
    frames = [block_means(track, 2048).astype(np.float16) for track in tracks]
    vectors = np.empty((len(tracks), EMBEDDING_DIM), dtype=np.float32)
    order = np.argsort([len(one) for one in frames], kind="stable")
    for rows in (order[i : i + _BATCH] for i in range(0, len(order), _BATCH)):
        vectors[rows] = embed_frames(model, [frames[row] for row in rows.tolist()])
    near = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")
    return Pool([heard(track, config) for track in tracks], work, near)


def training_groups(pool: Pool, training: AlignerTraining, rng: np.random.Generator) -> PairGroups:
    """The pairs of one step: of every anchor one cover, then the negatives."""
    anchors = rng.permutation(len(pool.work))[: training.anchors]
    others = []
    for anchor in anchors.tolist():
        same = pool.work == pool.work[anchor]
        same[anchor] = False
        near = pool.near[anchor][pool.work[pool.near[anchor]] != pool.work[anchor]]
        cover = rng.choice(np.flatnonzero(same), 1)
        hard = rng.choice(near[:_NEAREST], training.hard, replace=False)
        others.append(np.concatenate([cover, hard, rng.choice(near, training.negatives - training.hard)]))
    size = 1 + training.negatives
    pairs = np.concatenate(others), np.repeat(anchors, size)
    return PairGroups(pairs[1], pairs[0], np.arange(len(pairs[0])) % size == 0, np.arange(0, len(pairs[0]), size))


def judged_groups(pool: Pool, negatives: int) -> PairGroups:
    """Of every performance with a cover: all covers, and its nearest non-covers."""
    a, b, start = [], [], [0]
    for anchor in range(len(pool.work)):
        near = pool.near[anchor][pool.near[anchor] != anchor]
        same = pool.work[near] == pool.work[anchor]
        if same.any():
            b += [near[same], near[~same][:negatives]]
            a.append(np.full(len(b[-1]) + len(b[-2]), anchor))
            start.append(start[-1] + len(a[-1]))
    left, right = np.concatenate(a), np.concatenate(b)
    return PairGroups(left, right, pool.work[left] == pool.work[right], np.array(start[:-1]))


def matrices(pool: Pool, groups: PairGroups, config: AlignerConfig) -> tuple[Tensor, Tensor]:
    """Matrices of all pairs in the key that fits best, padded (N, C, H, W), and their sizes (N, 2)."""
    made = [_seen(pool.tracks[i], pool.tracks[j], config) for i, j in zip(groups.a, groups.b, strict=True)]
    sizes = np.array([one.shape[1:] for one in made])
    height, width = (-(-sizes.max(axis=0) // _MULTIPLE) * _MULTIPLE).tolist()
    batch = np.zeros((len(made), config.channels, height, width), dtype=np.float32)
    for row, one in zip(batch, made, strict=True):
        row[:, : one.shape[1], : one.shape[2]] = one
    return torch.from_numpy(batch), torch.from_numpy(sizes)


def mean_average_precision(score: NDArray[np.float32], groups: PairGroups) -> float:
    """Mean over groups of the precision at each cover's rank, ties counting against it."""
    found = []
    for start, end in zip(groups.start, [*groups.start[1:], len(score)], strict=True):
        some, cover = score[start:end], groups.cover[start:end]
        order = np.lexsort((cover, -some))  # a non-cover goes first among equals
        ranks = np.flatnonzero(cover[order]) + 1
        found.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(found))


def _seen(first: HeardTrack, second: HeardTrack, config: AlignerConfig) -> NDArray[np.float32]:
    short, long = sorted((first, second), key=lambda one: len(one.units))
    return matrix(short, long, keys(short, long)[0], config)


def _cut(
    tracks: list[NDArray[np.float32]], training: AlignerTraining, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Excerpts of some songs, the same of all their covers, and stretches of some covers of the others."""
    found = []
    for first in range(0, len(tracks), training.versions):
        covers = tracks[first : first + training.versions]
        if rng.random() < training.excerpts:
            share, place = rng.uniform(_SHORTEST_EXCERPT, 1), rng.random()
            found += [_stretch(track, share, place) for track in covers]
            continue
        for track in covers:
            share = rng.uniform(_SHORTEST_CROP, 1) if rng.random() < training.cropped else 1.0
            found.append(_stretch(track, share, rng.random()))
    return found


def _stretch(track: NDArray[np.float32], share: float, place: float) -> NDArray[np.float32]:
    """A `share` of a track, but 18 s at least; `place` is 0 for its beginning and 1 for its end."""
    length = min(len(track), max(_FEWEST_FRAMES, int(len(track) * share)))
    start = int((len(track) - length) * place)
    return track[start : start + length]
