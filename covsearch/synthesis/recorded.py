"""Real recordings of songs: a bass and a treble chroma, mixed and changed by chance into what HPCP might show.

What is sung over a chord, drummed and mixed cannot be invented from a chart. NNLS chroma of the recording has it, but
not HPCP's overtones, noise and compression. These are drawn anew for every cover, over wide ranges, because nobody
knows them of the next recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.features.augment import stretch

Recording = NDArray[np.float32]
"""(T, 2, 12): bass and treble, from C on, at 2.69 frames/s."""

GROUP = "chroma"
_TO_C = -3  # columns begin with A
_SHORTEST, _LONGEST = 60, 6000  # frames: 22 s, 37 minutes
_SPARE = 1.3  # a slower tempo needs more frames than are wanted
_MOST = 10_000  # recordings


def read_recordings(path: Path) -> dict[str, Recording]:
    """NNLS chroma of recordings, by their ids; those too short or too long, or not finite, are left out.

    Parameters
    ----------
    path : Path
        HDF5 as ``billboard_chroma.h5`` has it: ``chroma/<id>``, floats (T, 24), bass then treble, each from A on, at
        2.69 frames/s; the attribute ``frame_rate`` says so.

    Raises
    ------
    NotFoundError
        When it is not there.
    ArtefactError
        When it is no such file, or none of its recordings can be used.
    """
    from covsearch.dataset.hdf5 import read_group

    if not path.is_file():
        raise NotFoundError(f"{path} is not there; expected HDF5 with NNLS chroma of recordings")
    rate, found = read_group(path, GROUP, 24, _MOST)
    if rate is None or abs(rate / SLOW_RATE - 1) >= 0.01:
        raise ArtefactError(f"{path}: expected a frame_rate of {SLOW_RATE:.2f}, got {rate}")
    usable = {
        name: np.ascontiguousarray(np.roll(chroma.reshape(-1, 2, 12), _TO_C, axis=2))
        for name, chroma in found.items()
        if not isinstance(chroma, str) and _SHORTEST <= len(chroma) <= _LONGEST and chroma.min() >= 0 and chroma.any()
    }
    if not usable:
        why = next((f"; {name} {reason}" for name, reason in found.items() if isinstance(reason, str)), "")
        raise ArtefactError(f"{path}: none of its {len(found)} recordings is (T, 24) floats of 22 s to 37 minutes{why}")
    return usable


def recorded_cover(
    recording: Recording, rng: np.random.Generator, *, frames: int | None = None, semitones: int = 0
) -> NDArray[np.float32]:
    """A stretch of a recording as HPCP might show it.

    Parameters
    ----------
    recording : NDArray[float32], shape (T, 2, 12)
    rng : numpy.random.Generator
        The same state gives the same stretch.
    frames : int, optional
        At most so many; by default the whole.
    semitones : int
        How far it is transposed up.

    Returns
    -------
    NDArray[float32], shape (L, 12)
        Unit frames at 2.69 frames/s.
    """
    wanted = len(recording) if frames is None else min(len(recording), int(frames * _SPARE))
    start = int(rng.integers(len(recording) - wanted + 1))
    bass, treble = recording[start : start + wanted].swapaxes(0, 1)
    energy = rng.uniform(0.4, 1.3) * treble + rng.uniform(0.1, 1.0) * bass
    # of every note the third and the fifth harmonic: a fifth and a major third above
    energy = (
        energy + rng.uniform(0, 0.35) * np.roll(energy, 7, axis=1) + rng.uniform(0, 0.15) * np.roll(energy, 4, axis=1)
    )
    leak = rng.uniform(0, 0.06)
    energy = (1 - 2 * leak) * energy + leak * (np.roll(energy, 1, axis=1) + np.roll(energy, -1, axis=1))
    energy = energy * np.exp(rng.normal(0, 0.15, 12))  # the mix favours some pitches
    energy = energy / (energy.max(axis=1).mean() + 1e-9)
    energy = energy + rng.uniform(0, 0.12) * rng.standard_exponential(energy.shape) + rng.uniform(0.001, 0.08)
    energy = energy ** rng.uniform(0.5, 1.1)
    energy = energy / np.sqrt(np.square(energy).sum(axis=1, keepdims=True))
    return stretch(np.roll(energy, semitones, axis=1), rng).astype(np.float32)[:frames]


def recordings_of(songs: Iterable[str], recordings: Mapping[str, Recording]) -> dict[str, Recording]:
    """The recordings of songs, by the songs' names, whose last part without a suffix is the recording's id."""
    named = {name: recordings.get(PurePosixPath(name).stem) for name in songs}
    return {name: recording for name, recording in named.items() if recording is not None}
