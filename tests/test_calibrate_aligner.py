"""The learned aligner's weight beside head and alignment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from songs import make_song

from covsearch import calibrate_aligner as module
from covsearch.aligner_config import AlignerConfig
from covsearch.calibrate_aligner import Scored, calibrate_aligner, fit_share, score_held_out, score_tracks
from covsearch.index.head import Head
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.models.aligner import AlignerNet, folded
from covsearch.ranking.fusion import log_qmax
from covsearch.ranking.learned import Aligner
from covsearch.ranking.learned_fit import load_fit
from covsearch.ranking.scores import qmax_scores
from covsearch.stages import SPAN
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection
from covsearch.training.aligner import split_songs
from covsearch.workspace import Workspace


def made_up(works: int = 30, informed: float = 2.0, frames: int = 400) -> Scored:
    """Two performances a work; the learned score tells more than the ratio."""
    rng = np.random.default_rng(0)
    work = np.repeat(np.arange(works), 2)
    cover = (work[:, None] == work[None]).astype(np.float64)
    ratio, learned = (rng.normal(size=cover.shape) + weight * cover for weight in (1.0, informed))
    ratio, learned = ratio + ratio.T, learned + learned.T
    return Scored("invariant-00000000", -ratio, ratio, ratio, learned, np.full(len(work), frames), work)


def test_the_fit_is_written_beside_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_aligner", lambda _: None)
    monkeypatch.setattr(module, "score_part", lambda *_: made_up())
    fit = calibrate_aligner(tmp_path, [], Workspace(tmp_path))
    assert load_fit(tmp_path) == fit
    assert fit.model == "invariant-00000000"
    assert fit.share >= 1


def test_covers_of_songs_held_out_count_too() -> None:
    useless, telling = made_up(informed=0.0), made_up(informed=3.0)
    alone, both = fit_share([useless]), fit_share([useless, telling])
    assert both > alone
    kept = [np.ones(60, dtype=np.bool_), np.zeros(60, dtype=np.bool_)]
    assert fit_share([useless, telling], kept) == alone


def test_in_short_performances_the_network_is_not_heard() -> None:
    short = made_up(informed=3.0, frames=160)
    assert fit_share([short]) == 0
    assert (short.together(4.0) == short.ratio).all()


def test_songs_held_out_are_those_of_the_training() -> None:
    songs = SongCollection("tiny", CoverMaker([make_song(seed) for seed in range(6)]))
    aligner = Aligner(AlignerConfig(width=2), folded(AlignerNet(AlignerConfig(width=2)).eval()))
    scored = score_held_out(aligner, [songs], 7)["tiny"]
    held_out, _ = split_songs(6, np.random.default_rng([7, 1, 0]))
    assert scored.work.tolist() == np.repeat(held_out, 4).tolist()
    assert scored.learned.shape == (8, 8)
    assert scored.frames.shape == (8,)
    assert (scored.learned == scored.learned.T).all()


def test_every_pair_is_scored_as_a_search_does() -> None:
    rng = np.random.default_rng(1)
    aligner = Aligner(AlignerConfig(width=2), folded(AlignerNet(AlignerConfig(width=2)).eval()))
    tracks = [rng.random((length, 12), dtype=np.float32) for length in (60, 50, 90)]
    vectors = rng.normal(size=(3, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scored = score_tracks(aligner, tracks, vectors, np.array([0, 0, 1]))
    checkpoint = load_checkpoint(bundled_checkpoint())
    head = Head(checkpoint.alpha, checkpoint.beta)
    assert scored.frames.tolist() == [60, 50, 90]
    for a, b in ((0, 1), (2, 0), (1, 2)):
        assert scored.learned[a, b] == aligner.pair(tracks[a], tracks[b])
        qmax = qmax_scores(tracks[a], [tracks[b]], span=SPAN).scores
        assert scored.aligned[a, b] == pytest.approx(log_qmax(qmax, len(tracks[a]), len(tracks[b]))[0])
        assert scored.head[a, b] == pytest.approx(head.distances(vectors[a], vectors)[b] + head.beta)
