"""What a model must beat in search: methods without training, behind one registry.

They read stored chroma at a frame rate of their own, 2.7 frames/s, whatever a model's configuration makes of it:
2D-FTM's window is 28 s of music, and a model may see its tracks in a few dozen frames.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import comma_list
from covsearch.dataset.datacos import Dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.hdf5 import read_chroma
from covsearch.errors import UsageError
from covsearch.evaluate.alignment import QMAX, alignable
from covsearch.evaluate.baselines import MEAN_CHROMA, RANDOM, key_invariant_distance, mean_chroma, unit_rows
from covsearch.evaluate.ranks import Distances
from covsearch.features.frames import means_of, repeated, unit_norm
from covsearch.progress import Progress, silent

WINDOW = 75  # frames of 2D-FTM, 28 s
POWER = 1.96  # of chroma before 2D-FTM: as published
FTM = "2D-FTM"
_WINDOWS = 1024  # of one track at most, evenly spread; 7 minutes have fewer, and hours of audio must fit in memory

Description = NDArray[Any]
"""What a method keeps of one performance, of any shape."""
Compare = Callable[[Sequence[Description], int, int], Distances]
"""What was kept of N performances (empty when nothing is), N and a seed -> :data:`Distances`."""


@dataclass(frozen=True)
class VectorBaseline:
    """A method that compares what it keeps of each performance by array arithmetic.

    Attributes
    ----------
    describe : callable or None
        Frames (L, 12) float32 at 2.7 frames/s, unit-normed before block means -> what is kept of the performance.
        None needs no frames.
    compare : Compare
    """

    describe: Callable[[NDArray[np.float32]], Description] | None
    compare: Compare


@dataclass(frozen=True)
class AlignedBaseline:
    """A method that aligns every pair of performances (:mod:`covsearch.evaluate.alignment`).

    Attributes
    ----------
    describe : callable
        Frames as for :class:`VectorBaseline` -> the frames that are aligned.
    """

    describe: Callable[[NDArray[np.float32]], Description] = alignable


@dataclass(frozen=True, eq=False)
class Kept:
    """What one method keeps of a collection.

    Attributes
    ----------
    rows : sequence of Description
        One a performance; empty for a method that needs none.
    seconds : float
        CPU seconds a performance, from the frames that the method hears to what it keeps.
    """

    rows: Sequence[Description]
    seconds: float


def slow_frames(chroma: NDArray[np.float32], frame_rate: float) -> NDArray[np.float32]:
    """Stored chroma as the methods here see it.

    Parameters
    ----------
    chroma : NDArray[float32], shape (T, 12)
    frame_rate : float
        Of `chroma`, frames/s.

    Returns
    -------
    NDArray[float32], shape (L, 12)
        Unit L2 norm, then means of the whole number of frames that comes nearest to 2.7 frames/s.
    """
    return means_of(unit_norm(chroma), round(frame_rate / SLOW_RATE))


def describe_all(
    dataset: Dataset,
    pids: Sequence[str],
    feature: str,
    describe: Mapping[str, Callable[[NDArray[np.float32]], Description]],
    progress: Progress = silent,
) -> dict[str, Kept]:
    """Read every file once and keep what the methods keep of it; the frames themselves are let go.

    Parameters
    ----------
    dataset : Dataset
    pids : sequence of str
    feature : str
    describe : mapping
        Name of a method -> its `describe`.
    progress : Progress

    Returns
    -------
    dict
        Name -> what it keeps, in the order of `pids`.

    Raises
    ------
    FeatureFileError
        For a file that is refused.
    """

    def work(pid: str) -> list[tuple[Description, float]]:
        wid = dataset.performances[pid].wid
        chroma = read_chroma(dataset.files[pid][feature], feature, pid=pid, wid=wid, root=dataset.root)
        frames = slow_frames(chroma, dataset.frame_rate)
        return [_timed(make, frames) for make in describe.values()]

    found: list[list[tuple[Description, float]]] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for one in pool.map(work, pids):
            found.append(one)
            progress("baselines read", len(found), len(pids))
    return {
        name: Kept([one[k][0] for one in found], sum(one[k][1] for one in found) / len(pids))
        for k, name in enumerate(describe)
    }


def _timed(
    make: Callable[[NDArray[np.float32]], Description], frames: NDArray[np.float32]
) -> tuple[Description, float]:
    started = time.thread_time()
    return make(frames), time.thread_time() - started


def random_distances(kept: Sequence[Description], size: int, seed: int) -> Distances:
    """Uniform noise in [0, 1), the same for a query whatever block it is in."""
    return lambda queries: np.stack([np.random.default_rng([seed, 1, q]).random(size) for q in queries.tolist()])


def mean_chroma_distances(kept: Sequence[Description], size: int, seed: int) -> Distances:
    """:func:`covsearch.evaluate.baselines.key_invariant_distance` of each query with the whole collection."""
    means = np.stack(kept)  # (N, 12)
    return lambda queries: np.stack([key_invariant_distance(means[[q]], means) for q in queries.tolist()])


def fourier_magnitude(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """2D-FTM: the magnitude of the 2-D Fourier transform of 28 s of chroma, the median over all windows.

    A magnitude forgets shifts: of pitch, which is transposition, and of time within the window.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, 12)
        At 2.7 frames/s; a track shorter than the window is repeated.

    Returns
    -------
    NDArray[float32], shape (525,)
        75 x 7, unit L2 norm: the spectrum of real numbers is symmetric, so half of its 12 columns says all;
        inner products are those of the full one. Zero where nothing sounds.

    References
    ----------
    Bertin-Mahieux, Ellis, "Large-scale cover song recognition using the 2D Fourier transform magnitude",
    ISMIR 2012; there on beats, here on frames of 0.37 s.
    """
    windows = np.lib.stride_tricks.sliding_window_view(repeated(frames, WINDOW) ** POWER, WINDOW, axis=0)  # (n, 12, 75)
    spread = windows[:: -(-len(windows) // _WINDOWS)].swapaxes(1, 2)
    magnitude = np.median(np.abs(np.fft.rfft2(spread)), axis=0)  # (75, 7)
    magnitude[:, 1:-1] *= np.sqrt(2)  # these columns stand for two of the full spectrum
    vector: NDArray[np.float32] = unit_rows(magnitude.reshape(1, -1))[0].astype(np.float32)
    return vector


def vector_distances(kept: Sequence[Description], size: int, seed: int) -> Distances:
    """One minus the cosine of vectors of any length, in [0, 2]."""
    unit = unit_rows(np.stack(kept))  # (N, D)
    return lambda queries: 1 - unit[queries] @ unit.T


RETRIEVAL_BASELINES: dict[str, VectorBaseline | AlignedBaseline] = {
    FTM: VectorBaseline(fourier_magnitude, vector_distances),
    MEAN_CHROMA: VectorBaseline(mean_chroma, mean_chroma_distances),
    QMAX: AlignedBaseline(),
    RANDOM: VectorBaseline(None, random_distances),
}
DEFAULT_BASELINES = tuple(n for n, method in RETRIEVAL_BASELINES.items() if isinstance(method, VectorBaseline))
"""Those that do not align every pair."""


def find_retrieval_baselines(names: Iterable[str]) -> dict[str, VectorBaseline | AlignedBaseline]:
    """The methods called `names`, each once, in that order.

    Raises
    ------
    UsageError
        When there is none of a name; the message lists what there is.
    """
    chosen = dict.fromkeys(names)
    unknown = [name for name in chosen if name not in RETRIEVAL_BASELINES]
    if unknown:
        raise UsageError(f"no baseline is called {unknown[0]!r}; there are {comma_list(sorted(RETRIEVAL_BASELINES))}")
    return {name: RETRIEVAL_BASELINES[name] for name in chosen}
