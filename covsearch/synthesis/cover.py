"""Fresh covers of songs, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from covsearch.config import FeatureConfig
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.synthesis.acoustics import add_noise, as_frames, detune, interrupt, reverberate, transpose
from covsearch.synthesis.arrangement import arrange
from covsearch.synthesis.form import FOREIGN, play_order, time_map
from covsearch.synthesis.recorded import Recording, recorded_cover
from covsearch.synthesis.song import Song

_COMMON = 1.2  # a loud frame's strongest pitch class, as a multiple of the mean frame's: noise is added relative to it
_RECORDED = 0.5  # of the covers of a song that has a recording
_OVERSAMPLING = 2  # frames are normalised before they are averaged, as a dataset's are


def sees_covers(features: FeatureConfig) -> bool:
    """Whether a branch sees what covers are synthesised as: HPCP at 2.69 frames/s."""
    return features.features == "hpcp" and abs(features.rate / SLOW_RATE - 1) <= 0.01


class CoverMaker:
    """Makes covers of a list of songs.

    Parameters
    ----------
    songs : sequence of Song
    recordings : mapping, optional
        Real recordings of some songs, by the songs' names. Half of the covers of such a song are stretches of its
        recording.
    """

    def __init__(self, songs: Sequence[Song], recordings: Mapping[str, Recording] | None = None) -> None:
        self.songs = list(songs)
        self.recordings = dict(recordings or {})

    def __len__(self) -> int:
        return len(self.songs)

    def make(
        self,
        which: Sequence[int],
        rng: np.random.Generator,
        *,
        hardness: float,
        frames: int | None = None,
        semitones: Sequence[int] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """One fresh cover of each of the songs `which`; a song named twice gives two different covers.

        Parameters
        ----------
        which : sequence of int
            B positions in the songs.
        rng : numpy.random.Generator
            The same state gives the same covers.
        hardness : float
            In [0, 1]; each cover's own hardness h is uniform in [0, `hardness`]. It rules how much the form, chords,
            notes, mix and tempo differ from the song.
        frames : int, optional
            At most so many frames: a stretch from anywhere in a longer cover. By default the whole.
        semitones : sequence of int, optional
            How far each of the B covers is transposed up. By default every key is as likely.

        Returns
        -------
        batch : NDArray[float32], shape (B, T, 12)
            At 2.69 frames/s, means of unit frames, C = 0; zero behind each length. T is the longest.
        lengths : NDArray[int64], shape (B,)
        """
        longest = None if frames is None else frames * _OVERSAMPLING
        played = [self._play(self.songs[i], rng, hardness * float(rng.random()), longest) for i in which]
        lengths = np.array([len(energy) for energy, _ in played])
        batch = np.zeros((len(played), 12, -(-lengths.max() // _OVERSAMPLING) * _OVERSAMPLING), dtype=np.float32)
        for row, (energy, _) in zip(batch, played, strict=True):
            row[:, : len(energy)] = energy.T
        batch /= _COMMON * (batch.max(axis=1).sum(axis=1) / lengths)[:, None, None] + 1e-9
        up = rng.integers(12, size=len(batch)) if semitones is None else np.array(semitones, dtype=np.int64)
        batch = reverberate(detune(transpose(batch, up), rng), rng)
        batch = as_frames(add_noise(batch, np.array([beat for _, beat in played]), rng), rng)
        halves = batch[:, :, ::_OVERSAMPLING] + batch[:, :, 1::_OVERSAMPLING]
        slow = np.asarray(np.ascontiguousarray(halves.swapaxes(1, 2)) / _OVERSAMPLING, dtype=np.float32)
        lengths = np.maximum(lengths // _OVERSAMPLING, 1)
        slow, lengths = self._recorded(slow, lengths, which, up, rng, frames)
        interrupt(slow, lengths, rng)
        slow[np.arange(slow.shape[1])[None] >= lengths[:, None]] = 0
        return slow[:, : lengths.max()], lengths

    def _recorded(
        self,
        batch: NDArray[np.float32],
        lengths: NDArray[np.int64],
        which: Sequence[int],
        up: NDArray[np.int64],
        rng: np.random.Generator,
        frames: int | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The batch with some covers of songs that have a recording taken from it; the same batch where none has."""
        taken = {}
        for row, i in enumerate(which):
            recording = self.recordings.get(self.songs[i].name)
            if recording is not None and rng.random() < _RECORDED:
                taken[row] = recorded_cover(recording, rng, frames=frames, semitones=int(up[row]))
        if not taken:
            return batch, lengths
        longest = max(batch.shape[1], *map(len, taken.values()))
        grown = np.zeros((len(batch), longest, 12), dtype=np.float32)
        grown[:, : batch.shape[1]] = batch
        lengths = lengths.copy()
        for row, cover in taken.items():
            grown[row] = 0
            grown[row, : len(cover)] = cover
            lengths[row] = len(cover)
        return grown, lengths

    def _play(
        self, song: Song, rng: np.random.Generator, h: float, longest: int | None
    ) -> tuple[NDArray[np.float32], float]:
        """One cover's energies (L, 12) at the finer frame rate, in its song's key, and the frames of a beat."""
        if song.versions:
            song = (song, *song.versions)[rng.integers(1 + len(song.versions))]
        order = play_order(song, rng, h)
        at = time_map(len(order), song.beat, SLOW_RATE * _OVERSAMPLING, longest, rng, h)
        first = int(at[0])
        played = order[first : int(np.ceil(at[-1]))]
        own = played[played != FOREIGN]
        start, end = (int(own.min()), int(own.max()) + 1) if len(own) else (0, song.steps)
        energy = _ordered(arrange(song, rng, h, start, end), np.where(played == FOREIGN, FOREIGN, played - start), rng)
        return _resample(energy, at - first), 4 * (len(at) - 1) / (at[-1] - at[0])


def _ordered(energy: NDArray[np.float32], order: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """The steps of (n, 12) in playing order; foreign ones are loops over four of the song's own sounds."""
    played = energy[order]
    foreign = np.flatnonzero(order == FOREIGN)
    if len(foreign):
        sounds = energy[rng.integers(len(energy), size=4)]
        loop = np.repeat(sounds, -(-len(foreign) // 4), axis=0)[: len(foreign)]
        played[foreign] = loop * np.exp(rng.normal(0, 0.3, (len(foreign), 1)))
    return played


def _resample(energy: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """Means of `energy` (m, 12) between neighbouring positions `at` (L + 1,), by its running sum; (L, 12)."""
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(energy, axis=0, dtype=np.float64)])
    at = np.minimum(at, len(energy) - 1e-6)
    before = at.astype(np.int64)
    share = (at - before)[:, None]
    running = total[before] * (1 - share) + total[before + 1] * share
    means = np.diff(running, axis=0) / np.maximum(np.diff(at), 1e-6)[:, None]
    return np.maximum(means, 0).astype(np.float32)
