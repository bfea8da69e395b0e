"""What a Da-TACOS folder holds, counted and measured."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.datacos import Dataset
from covsearch.dataset.hdf5 import inspect_chroma, read_chroma
from covsearch.dataset.layout import Skipped, relative
from covsearch.errors import FeatureFileError
from covsearch.progress import Progress, silent


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset with the lengths of its files.

    Attributes
    ----------
    dataset : Dataset
        With the performances of which at least one file was not refused.
    lengths : mapping
        Feature -> frames of every performance whose file was not refused, NDArray[int64] of shape (n,).
    skipped : tuple of Skipped
        What the dataset left out, and the files that were refused.
    checked : bool
        Whether every value was read, or headers only.
    """

    dataset: Dataset
    lengths: Mapping[str, NDArray[np.int64]]
    skipped: tuple[Skipped, ...]
    checked: bool

    @property
    def cliques(self) -> dict[int, int]:
        """Clique size -> number of works, by size."""
        return dict(sorted(Counter(len(pids) for pids in self.dataset.works.values()).items()))

    @property
    def years(self) -> list[int]:
        """The known release years, sorted."""
        return sorted(p.year for p in self.dataset.performances.values() if p.year is not None)

    @property
    def instrumental(self) -> tuple[int, int]:
        """How many performances are instrumental, and of how many that is known."""
        known = [p.instrumental for p in self.dataset.performances.values() if p.instrumental is not None]
        return sum(known), len(known)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values; lengths in frames and in minutes."""
        years, (instrumental, known) = self.years, self.instrumental
        return {
            "root": str(self.dataset.root),
            "subset": self.dataset.subset,
            "metadata": str(self.dataset.metadata) if self.dataset.metadata else None,
            "works": len(self.dataset.works),
            "performances": len(self.dataset.performances),
            "cliques": {str(size): works for size, works in self.cliques.items()},
            "frame_rate": {"value": self.dataset.frame_rate, "known": self.dataset.rate_is_known},
            "features": {name: self._feature(lengths) for name, lengths in self.lengths.items()},
            "years": {"first": years[0], "last": years[-1], "known": len(years)} if years else None,
            "instrumental": {"yes": instrumental, "known": known},
            "checked": "values" if self.checked else "headers",
            "skipped": [{"path": s.path, "reason": s.reason} for s in self.skipped],
        }

    def _feature(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        frames = spread(lengths)
        minutes = {name: value / self.dataset.frame_rate / 60 for name, value in frames.items()}
        return {"files": len(lengths), "frames": frames, "minutes": minutes}


def spread(lengths: NDArray[np.int64]) -> dict[str, float]:
    """Min, median, mean and max of `lengths`; nothing of nothing."""
    if not len(lengths):
        return {}
    values = (lengths.min(), np.median(lengths), lengths.mean(), lengths.max())
    return {name: float(value) for name, value in zip(("min", "median", "mean", "max"), values, strict=True)}


def measure_dataset(
    dataset: Dataset,
    *,
    check: bool = False,
    strict: bool = False,
    progress: Progress = silent,
) -> DatasetInfo:
    """Measure every feature file of `dataset`.

    Parameters
    ----------
    dataset : Dataset
    check : bool
        Read every value instead of the headers.
    strict : bool
        Stop at the first refused file.
    progress : Progress

    Raises
    ------
    FeatureFileError
        With `strict`, for the first refused file.
    """
    lengths: dict[str, list[int]] = {name: [] for name in dataset.features}
    usable: set[str] = set()
    skipped = list(dataset.skipped)
    jobs = [(pid, name) for pid, files in dataset.files.items() for name in sorted(files)]
    stage = "reading values" if check else "reading headers"
    for done, ((pid, name), result) in enumerate(zip(jobs, _measured(dataset, jobs, check), strict=True), 1):
        if isinstance(result, int):
            lengths[name].append(result)
            usable.add(pid)
        elif strict:
            raise result
        else:
            skipped.append(Skipped(relative(result.path, dataset.root), result.reason))
        progress(stage, done, len(jobs))
    return DatasetInfo(
        dataset=_only(dataset, usable),
        lengths={name: np.array(frames, dtype=np.int64) for name, frames in lengths.items()},
        skipped=tuple(skipped),
        checked=check,
    )


def _only(dataset: Dataset, pids: Set[str]) -> Dataset:
    """`dataset` with the performances `pids` alone."""
    performances = {pid: performance for pid, performance in dataset.performances.items() if pid in pids}
    return replace(dataset, performances=performances, files={pid: dataset.files[pid] for pid in performances})


def _measured(dataset: Dataset, jobs: Sequence[tuple[str, str]], check: bool) -> Iterator[int | FeatureFileError]:
    """Frames of each file, or why it was refused, in the order of `jobs`."""

    def measure(job: tuple[str, str]) -> int | FeatureFileError:
        pid, name = job
        path, wid, rate = dataset.files[pid][name], dataset.performances[pid].wid, dataset.rate_to_match
        try:
            if check:
                return len(read_chroma(path, name, pid=pid, wid=wid, root=dataset.root, frame_rate=rate))
            return inspect_chroma(path, name, pid=pid, wid=wid, root=dataset.root, frame_rate=rate)
        except FeatureFileError as e:
            return e

    pool = ThreadPoolExecutor(os.cpu_count())  # threads inflate in parallel; see covsearch.dataset.chunks
    try:
        yield from pool.map(measure, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def group_reasons(skipped: Sequence[Skipped]) -> list[tuple[str, list[str]]]:
    """Reasons that differ only in names and numbers, together: the first one's words, and all paths.

    Returns
    -------
    list of (str, list of str)
        Most paths first.
    """
    groups: dict[str, tuple[str, list[str]]] = {}
    for s in skipped:
        groups.setdefault(re.sub(r"[PW]_\d+|-?\d[\d,.]*", "#", s.reason), (s.reason, []))[1].append(s.path)
    return sorted(groups.values(), key=lambda group: -len(group[1]))
