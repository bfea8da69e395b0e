"""The two sides of a comparison that an index alone cannot answer: performances of an index, or of files in none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from covsearch.answers import Match
from covsearch.dataset.performance import Performance, same_work
from covsearch.decision import decide, decide_uncalibrated
from covsearch.embedding import embed_chroma
from covsearch.features.slow import slow_chroma
from covsearch.hearing import hear_performance
from covsearch.index.calibration import Calibration, read_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.rows import own_model
from covsearch.search import Searcher
from covsearch.stages import STAGES, Question, Scope, default_stage
from covsearch.store import in_memory


@dataclass(frozen=True, eq=False)
class Side:
    """One of two performances.

    Attributes
    ----------
    performance : Performance
    vector : NDArray[float32], shape (128,)
    chroma : Chroma
        Of this one.
    """

    performance: Performance
    vector: NDArray[np.float32]
    chroma: Chroma


def model_of(searcher: Searcher | None) -> tuple[Checkpoint, Calibration | None]:
    """The model of an index of a model's vectors, or the bundled one where there is none, and its calibration."""
    if searcher is None:
        bundled = load_checkpoint(bundled_checkpoint())
        return bundled, read_calibration(bundled.folder, bundled.fingerprint)
    return own_model(searcher.generation), cast("Calibration | None", searcher.calibration)


def side_of_index(searcher: Searcher, name: str) -> Side:
    """A performance of an index of a model's vectors."""
    assert searcher.chroma is not None
    row = searcher.collection.rows[name]
    chroma = searcher.chroma.take([row])
    return Side(searcher.performances([name])[0], searcher.collection.take([row])[0], chroma)


def side_of_file(
    path: Path, checkpoint: Checkpoint, cache: Path, index_rate: float, frame_rate: float | None = None
) -> Side:
    """A performance in a file of audio or of notes, or in an HDF5 file with all features of the model.

    Parameters
    ----------
    path : Path
    checkpoint : Checkpoint
    cache : Path
        The workspace's, for decoded audio.
    index_rate : float
        Of the files of the index, frames/s; without an index Da-TACOS's.
    frame_rate : float, optional
        Of an HDF5 file, frames/s, a possible one; by default what it declares.

    Raises
    ------
    ArtefactError
        When the file cannot be read, or has less than 15 s of sound.
    UsageError
        When the model does not hear audio, or a feature file says no frame rate and cannot be, or need not be, of the
        one assumed of it.
    """
    heard = hear_performance(checkpoint, [path], cache, frame_rate, index_rate)
    frames, slow_rate = slow_chroma(heard.chroma, checkpoint.config.features.names, heard.rate)
    own = Chroma(frames, np.array([0, len(frames)]), np.array([slow_rate]))
    return Side(heard.tags.performance(path.name), embed_chroma(checkpoint, heard.chroma, heard.rate), own)


def judge_sides(
    a: Side, b: Side, checkpoint: Checkpoint, calibration: Calibration | None
) -> tuple[Match, float | None]:
    """What a search by `a` says of `b` where there is nothing else to find, and the threshold of its probability.

    Parameters
    ----------
    a, b : Side
        Of the same model.
    checkpoint : Checkpoint
        That model.
    calibration : Calibration or None
        Its own.
    """
    head = Head(checkpoint.alpha, checkpoint.beta)
    alone = in_memory(["b"], b.vector[None], head)
    scope = Scope(alone, b.chroma, None, calibration, None)
    question = Question(a.vector, a.chroma.track(0))
    ranked = STAGES[default_stage(calibration)](scope, question, 1, None)
    distance = float(ranked.ranking.distances[0])
    p = head.probability(ranked.ranking.distances + head.beta)
    if ranked.ratio is None or ranked.chance is None:
        decided = decide_uncalibrated(p, ranked.same)
    else:
        decided = decide(ranked.ratio, ranked.best, ranked.chance, ranked.same, searched=1)
    said = (decided.probability[0], decided.predicted[0], bool(ranked.same[0]))
    listed = same_work(a.performance, b.performance)
    return Match(1, b.performance, *said, listed, float(p[0]), distance), decided.threshold
