"""A dataset as pictures: the report's Figures 1 to 3."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.counting import counted
from covsearch.dataset.datacos import Dataset
from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.info import DatasetInfo
from covsearch.errors import FeatureFileError
from covsearch.progress import Progress, silent

PERFORMANCES = 200  # more do not move an 80-bin histogram, and each is some 5 ms of reading
FRAMES = 2000  # of each performance, so that all of them weigh alike and fit in memory
SEED = 0


def draw_info(info: DatasetInfo, folder: Path, progress: Progress = silent) -> list[Path]:
    """Draw ``feature-distributions-FEATURE.png`` for every feature, and ``lengths.png``.

    Distributions are of at most 2,000 frames of each of at most 200 performances, drawn with a fixed seed; the
    titles say of how many.

    Parameters
    ----------
    info : DatasetInfo
    folder : Path
        Made when missing.
    progress : Progress

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    readable = {name: lengths for name, lengths in info.lengths.items() if len(lengths)}
    paths = [_draw_distributions(info.dataset, name, folder, progress) for name in readable]
    return [path for path in (*paths, _draw_lengths(info, readable, folder)) if path]


def _draw_distributions(dataset: Dataset, name: str, folder: Path, progress: Progress) -> Path | None:
    frames, performances = sample_frames(dataset, name, progress)
    if not performances:
        return None
    total = sum(name in files for files in dataset.files.values())
    title = f"{name.upper()}, {dataset.subset}: {performances:,} of {counted(total, 'performance')}"
    return plots.feature_distributions(frames, folder / f"feature-distributions-{name}.png", title=title)


def sample_frames(dataset: Dataset, name: str, progress: Progress = silent) -> tuple[NDArray[np.float32], int]:
    """Frames (n, 12) of randomly chosen performances, and of how many; refused files are passed over."""
    rng = np.random.default_rng(SEED)
    pids = [pid for pid, files in dataset.files.items() if name in files]
    order = rng.permutation(len(pids))[:PERFORMANCES]
    chosen = []
    for done, i in enumerate(order, 1):
        pid = pids[i]
        try:
            frames = read_chroma(dataset.files[pid][name], name, pid=pid, wid=dataset.performances[pid].wid)
        except FeatureFileError:
            continue  # `info.skipped` has it
        chosen.append(frames[rng.permutation(len(frames))[:FRAMES]])
        progress(f"sampling {name}", done, len(order))
    return np.concatenate(chosen) if chosen else np.empty((0, 12), np.float32), len(chosen)


def _draw_lengths(info: DatasetInfo, readable: Mapping[str, NDArray[np.int64]], folder: Path) -> Path | None:
    """Of the first feature: all are made from the same audio and equally long but for a frame."""
    for name, lengths in readable.items():
        title = f"{name.upper()}, {info.dataset.subset}: {counted(len(lengths), 'performance')}"
        return plots.length_histogram(lengths, folder / "lengths.png", frame_rate=info.dataset.frame_rate, title=title)
    return None
