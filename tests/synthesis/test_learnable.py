"""Covers of one song are more alike than covers of two, in whatever key."""

from __future__ import annotations

import numpy as np
from songs import make_song

from covsearch.evaluate.retrieval_baselines import fourier_magnitude
from covsearch.synthesis import CoverMaker

SONGS = 12


def mean_reciprocal_rank(hardness: float, seed: int) -> float:
    """Of the other cover of each of 24; average precision, as there is one to be found."""
    rng = np.random.default_rng(seed)
    works = np.repeat(np.arange(SONGS), 2)
    maker = CoverMaker([make_song(song, bars=24) for song in range(SONGS)])
    frames, lengths = maker.make(works.tolist(), rng, hardness=hardness)
    vectors = np.stack([fourier_magnitude(row[:length]) for row, length in zip(frames, lengths, strict=True)])
    near = vectors @ vectors.T
    np.fill_diagonal(near, -np.inf)
    other = near[np.arange(2 * SONGS), np.arange(2 * SONGS) ^ 1]
    return float(np.mean(1 / (near >= other[:, None]).sum(axis=1)))


def test_the_other_cover_is_found_by_what_key_does_not_change() -> None:
    reciprocal = 1 / np.arange(1, 2 * SONGS)  # of every rank, all as likely by chance
    draws = 10
    # two covers of a pair are found or missed together: so many pairs are independent
    error = reciprocal.std() / np.sqrt(draws * SONGS)
    found = np.mean([mean_reciprocal_rank(0.2, seed) for seed in range(draws)])
    assert found > reciprocal.mean() + 5 * error


def test_harder_covers_are_harder_to_find() -> None:
    easy, hard = (np.mean([mean_reciprocal_rank(h, seed) for seed in range(5)]) for h in (0.0, 1.0))
    assert easy > hard
