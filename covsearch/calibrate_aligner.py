"""Fit the learned aligner beside a model's head and alignment, on that model's validation works."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch import durable
from covsearch.config import to_toml
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.embedding import embed_frames, embed_store
from covsearch.errors import UsageError
from covsearch.evaluate.protocol import read_trained_on, searched
from covsearch.evaluate.search_fit import work_precisions
from covsearch.features.frames import block_means
from covsearch.features.pack import pack_cached
from covsearch.features.slow import restored
from covsearch.index.calibration import read_calibration
from covsearch.index.head import Head
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.progress import Progress, silent
from covsearch.ranking.learned import Aligner, load_aligner
from covsearch.ranking.learned_fit import FIT, AlignerFit
from covsearch.stages import SPAN, align_all
from covsearch.synthesis.sources import SongCollection
from covsearch.training.aligner import split_songs
from covsearch.workspace import Workspace

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)  # of the network's score beside the ratio
VERSIONS, HARDNESS = 4, 0.7  # of the covers of songs held out


@dataclass(frozen=True, eq=False)
class Scored:
    """All that is said of all pairs of M performances, each matrix (M, M); diagonals are not looked at.

    Attributes
    ----------
    model : str
        Fingerprint of the model with the head.
    head : NDArray[float64]
        The head's scores, high = non-cover.
    aligned : NDArray[float64]
        :func:`~covsearch.ranking.fusion.log_qmax`, frame by frame.
    ratio : NDArray[float64]
        What a search tells of both.
    learned : NDArray[float64]
        The learned aligner's, high = cover.
    frames : NDArray[int64], shape (M,)
        How long they are; about 2.69 a second.
    work : NDArray[int64], shape (M,)
        Numbers of their works.
    """

    model: str
    head: NDArray[np.float64]
    aligned: NDArray[np.float64]
    ratio: NDArray[np.float64]
    learned: NDArray[np.float64]
    frames: NDArray[np.int64]
    work: NDArray[np.int64]

    def together(self, share: float) -> NDArray[np.float64]:
        """The ratio (M, M) with what the network adds at a weight of `share`."""
        shorter = np.minimum.outer(self.frames, self.frames)
        return self.ratio + AlignerFit(self.model, share).evidence(self.learned, shorter)


def calibrate_aligner(
    folder: Path,
    collections: Sequence[SongCollection],
    workspace: Workspace,
    seed: int = 0,
    progress: Progress = silent,
) -> AlignerFit:
    """Fit the aligner in `folder` and write ``fit.toml`` beside its weights.

    Its weight is fitted on the bundled model's validation works and on covers of the songs that were held out. What
    the sum means in a search is what the model's calibration says: the network's score is evidence beside the rest.

    Parameters
    ----------
    folder : Path
    collections : sequence of SongCollection
        What it was trained on.
    workspace : Workspace
        Its cache keeps packed frames.
    seed : int
        Of the training.
    progress : Progress

    Raises
    ------
    NotFoundError, ArtefactError
        When the aligner is not there, or a file is damaged.
    """
    aligner = load_aligner(folder)
    scored = score_part(aligner, sample_root(), "validation", workspace, progress)
    fit = AlignerFit(scored.model, fit_share([scored, *score_held_out(aligner, collections, seed, progress).values()]))
    durable.replace_text(folder / FIT, to_toml(fit=fit))
    return fit


def fit_share(scored: Sequence[Scored], kept: Sequence[NDArray[np.bool_]] | None = None) -> float:
    """The network's weight beside the ratio, by all pairs of performances, or of those kept, (M,) each.

    It orders: pairs of songs that nobody would confuse have no say in it. It is the least of :data:`SHARES` whose mean
    average precision, a mean over the parts, is below the highest by no more than one standard error of that fall, over
    works. More weight tells nothing more, and lets chance matches rise too.

    References
    ----------
    The rule of one standard error: Breiman et al., "Classification and regression trees", 1984, section 3.4.3.
    """
    masks = kept or [np.ones(len(one.work), dtype=np.bool_) for one in scored]
    chosen = [_part(one, np.flatnonzero(some)) for one, some in zip(scored, masks, strict=True) if some.any()]
    reached = {share: [work_precisions(one.together(share), one.work) for one in chosen] for share in SHARES}
    best = max(SHARES, key=lambda share: np.mean([one.mean() for one in reached[share]]))
    for share in SHARES:
        falls = [high - low for high, low in zip(reached[best], reached[share], strict=True)]
        error = math.sqrt(sum(fall.var() / len(fall) for fall in falls)) / len(falls)
        if np.mean([fall.mean() for fall in falls]) <= error:
            break
    return share


def _part(one: Scored, rows: NDArray[np.int64]) -> Scored:
    """What is said of some of the performances."""
    some = np.ix_(rows, rows)
    matrices = (one.head[some], one.aligned[some], one.ratio[some], one.learned[some])
    return Scored(one.model, *matrices, one.frames[rows], one.work[rows])


def score_held_out(
    aligner: Aligner, collections: Sequence[SongCollection], seed: int, progress: Progress = silent
) -> dict[str, Scored]:
    """All pairs of fresh covers of the songs that a training with this seed held out, by collection."""
    checkpoint, found = load_checkpoint(bundled_checkpoint()), {}
    for k, collection in enumerate(collections):
        songs, _ = split_songs(len(collection.maker), np.random.default_rng([seed, 1, k]))
        works, rng = np.repeat(songs, VERSIONS), np.random.default_rng([seed, 3, k])
        frames, lengths = collection.maker.make(works.tolist(), rng, hardness=HARDNESS)
        tracks = [track[:length] for track, length in zip(frames, lengths.tolist(), strict=True)]
        seen = [block_means(track, checkpoint.config.features.frames).astype(np.float16) for track in tracks]
        vectors = np.concatenate([embed_frames(checkpoint.model, [one]) for one in seen])
        found[collection.name] = score_tracks(aligner, tracks, vectors, works, progress)
    return found


def score_part(
    aligner: Aligner, root: Path, part: str | None, workspace: Workspace, progress: Progress = silent
) -> Scored:
    """Judge all pairs of a collection by the bundled model's head, by alignment, and by `aligner`.

    Parameters
    ----------
    aligner : Aligner
    root : Path
        A Da-TACOS folder.
    part : str or None
        ``validation`` or ``test`` works of the model's own collection; None is all of another collection.
    workspace : Workspace
        Its cache keeps packed frames.
    progress : Progress
    """
    checkpoint = load_checkpoint(bundled_checkpoint())
    features = checkpoint.config.features
    dataset = searched(open_dataset(root, features.names), read_trained_on(checkpoint.folder), part).dataset
    store = pack_cached(workspace.cache, dataset, features, progress=progress)
    vectors = embed_store(checkpoint, store, progress)
    tracks = [restored(store.slow(row)) for row in range(len(store))]
    work = np.unique(store.wids, return_inverse=True)[1].astype(np.int64)
    return score_tracks(aligner, tracks, vectors, work, progress)


def score_tracks(
    aligner: Aligner,
    tracks: list[NDArray[np.float32]],
    vectors: NDArray[np.float32],
    work: NDArray[np.int64],
    progress: Progress = silent,
) -> Scored:
    """The same of M tracks (L_i, 12) at 2.69 frames/s with the bundled model's vectors (M, 128) and works (M,).

    Raises
    ------
    UsageError
        When the bundled model has no calibration.
    """
    checkpoint = load_checkpoint(bundled_checkpoint())
    head = Head(checkpoint.alpha, checkpoint.beta)
    score = np.stack([head.distances(vector, vectors) for vector in vectors]) + head.beta
    aligned, learned = align_all(tracks, 1, SPAN, progress), np.zeros((len(tracks), len(tracks)))
    for row in range(len(tracks) - 1):
        learned[row, row + 1 :] = aligner.scores(tracks[row], tracks[row + 1 :])
        progress("judging by the learned aligner", row + 1, len(tracks) - 1)
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    if calibration is None:
        raise UsageError(f"the model {checkpoint.fingerprint} has no calibration: run `covsearch calibrate`")
    ratio = calibration.fine.ratio(score, aligned)
    frames = np.array([len(track) for track in tracks], dtype=np.int64)
    return Scored(checkpoint.fingerprint, score, aligned, ratio, learned + learned.T, frames, work)
