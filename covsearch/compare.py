"""Two performances of the index beside each other: how likely covers, in which keys, and where they run together."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.performance import Performance
from covsearch.dataset.sample import sample_root
from covsearch.errors import NotFoundError, UsageError
from covsearch.features.alignment import Alignment, align
from covsearch.features.frames import means_of, seen_rate
from covsearch.features.pack import frames_of
from covsearch.index.generation import Generation
from covsearch.index.windows import Passage, chamfer, passages
from covsearch.index.windows_file import read_windows
from covsearch.search import THRESHOLD, Searcher, open_searcher, unknown_pid
from covsearch.workspace import Workspace

FRAMES = 4096  # of a track at most, 25 minutes at 2.69 frames/s: a matrix of 4,096 x 4,096 is 64 MB


@dataclass(frozen=True)
class Stretch:
    """Where two performances run together: seconds of begin and end in either."""

    a: tuple[float, float]
    b: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two performances beside each other.

    Attributes
    ----------
    a, b : Performance
    p : float
        σ(distance + β) in [0, 1]: near 0 cover, near 1 non-cover.
    distance : float
        The learned weighted squared distance, without the bias.
    alignment : Alignment
        In the key in which they fit best.
    rate : float
        Frames/s of `alignment`.
    similarity : float or None
        Chamfer similarity of their windows; None where the index has none.
    passages : tuple of Passage
        Windows of which each is the other's most alike, the most alike first; empty where the index has none.
    generation, model : str
        What the distance comes from.
    """

    a: Performance
    b: Performance
    p: float
    distance: float
    alignment: Alignment
    rate: float
    similarity: float | None
    passages: tuple[Passage, ...]
    generation: str
    model: str

    @property
    def verdict(self) -> str:
        """``cover`` or ``non-cover``, what the model says."""
        return "cover" if self.p < THRESHOLD else "non-cover"

    @property
    def is_cover(self) -> bool:
        """Whether the collection lists both under one work."""
        return self.a.wid == self.b.wid

    @property
    def key(self) -> str:
        """How the keys differ, in words."""
        steps = self.alignment.semitones
        if not steps:
            return "same key"
        plural = "" if abs(steps) == 1 else "s"
        return f"{self.b.pid} is {abs(steps)} semitone{plural} {'higher' if steps > 0 else 'lower'}"

    @property
    def together(self) -> str:
        """Where they run together and how surely, in words."""
        stretch, alignment = self.stretch, self.alignment
        if not stretch:
            return "nowhere"
        a, b = (f"{plots.clock(begin)}-{plots.clock(end)}" for begin, end in (stretch.a, stretch.b))
        return f"{a} ↔ {b} (score {alignment.score:g}, in other keys at most {alignment.chance:g})"

    @property
    def path(self) -> NDArray[np.float64]:
        """The aligned path in seconds, (K, 2): the middles of the stretches compared."""
        return (self.alignment.path.astype(np.float64) + self.alignment.span / 2) / self.rate

    @property
    def stretch(self) -> Stretch | None:
        """Where the path begins and ends, None where nothing aligns."""
        path = self.alignment.path
        if not len(path):
            return None
        begin, end = path[0] / self.rate, (path[-1] + self.alignment.span) / self.rate
        return Stretch((float(begin[0]), float(end[0])), (float(begin[1]), float(end[1])))


def compare(workspace: Workspace, a: str, b: str, *, dataset_dir: Path | None = None) -> Comparison:
    """Compare two performances of the workspace's index.

    Parameters
    ----------
    workspace : Workspace
    a, b : str
        PIDs.
    dataset_dir : Path, optional
        Where the feature files are; by default where they were when the index was built.

    Raises
    ------
    NotFoundError
        When there is no index, no such performance, or no feature file any more.
    UsageError
        When `a` is `b`.
    ArtefactError
        When the index or a feature file is damaged.
    """
    if a == b:
        raise UsageError(f"expected two performances, got {a} twice")
    searcher = open_searcher(workspace)
    generation, head = searcher.generation, searcher.collection.flat.head
    rows = [_row(searcher, pid) for pid in (a, b)]
    vectors = searcher.collection.flat.vectors[rows]
    distance = head.distances(vectors[0], vectors[1:])
    performances = searcher.catalogue.get([a, b])
    (frames_a, frames_b), rate = _read_frames(generation, [performances[a], performances[b]], dataset_dir)
    windows = [read_windows(generation).take([row]) for row in rows] if generation.manifest.windows else None
    return Comparison(
        a=performances[a],
        b=performances[b],
        p=float(head.probability(distance + head.beta)[0]),
        distance=float(distance[0]),
        alignment=align(frames_a, frames_b),
        rate=rate,
        similarity=chamfer(windows[0].vectors, windows[1].vectors) if windows else None,
        passages=passages(*windows) if windows else (),
        generation=generation.name,
        model=generation.manifest.model,
    )


def draw(found: Comparison, path: Path) -> Path:
    """Draw the cross-similarity in the best key and the aligned path; see :func:`covsearch.plots.cross_similarity`.

    Parameters
    ----------
    found : Comparison
    path : Path
        A ``.png`` or ``.svg`` file, or a folder, in which the picture is called after both PIDs.

    Returns
    -------
    Path
        Of the picture.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    return plots.cross_similarity(
        found.alignment.similarity,
        found.path,
        path if path.suffix in plots.SUFFIXES else path / f"compare_{found.a.pid}_{found.b.pid}.png",
        rate=found.rate,
        span=found.alignment.span,
        names=(_name(found.a), _name(found.b)),
        title=f"p = {found.p:.3f}, {found.verdict} · {found.key}\ntogether {found.together}",
    )


def _name(performance: Performance) -> str:
    return " · ".join(part for part in (performance.pid, performance.title, performance.artist) if part)


def _row(searcher: Searcher, pid: str) -> int:
    if pid not in searcher.collection.rows:
        raise NotFoundError(unknown_pid(pid, searcher.catalogue))
    return searcher.collection.rows[pid]


def _read_frames(
    generation: Generation, performances: Sequence[Performance], dataset_dir: Path | None
) -> tuple[list[NDArray[np.float32]], float]:
    """What the model hears of each, as played and at 2.69 frames/s or, of more than 25 minutes, less; and that rate."""
    manifest = generation.manifest
    dataset = _open_source(generation, dataset_dir)
    config = replace(manifest.features, frames=sys.maxsize, rate=SLOW_RATE, key="played")
    frames = [
        frames_of(_files(dataset, p, config), config, dataset.frame_rate, p.pid, p.wid, dataset.root)
        for p in performances
    ]
    block = -(-max(map(len, frames)) // FRAMES)
    return [means_of(sequence, block) for sequence in frames], seen_rate(config, dataset.frame_rate) / block


def _open_source(generation: Generation, dataset_dir: Path | None) -> Dataset:
    """The dataset that the index was built from, or what is named instead."""
    manifest = generation.manifest
    root = dataset_dir or (Path(manifest.source) if manifest.source else sample_root())
    try:
        return open_dataset(root, manifest.features.names, subset=manifest.subset, frame_rate=manifest.frame_rate)
    except NotFoundError as e:
        if dataset_dir:
            raise
        raise NotFoundError(f"{e}: the index was built from there; say with --dataset where it is now") from e


def _files(dataset: Dataset, performance: Performance, config: FeatureConfig) -> Mapping[str, Path]:
    if performance.pid not in dataset.files:
        names = " and ".join(config.names)
        raise NotFoundError(f"{dataset.root} has no {names} file of {performance.pid}; name another folder: --dataset")
    return dataset.files[performance.pid]
