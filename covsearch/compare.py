"""Two performances of the index beside each other: how likely covers, in which keys, and where they run together."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.files import LOOSE
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.ids import as_file_name
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance, same_work
from covsearch.dataset.sample import sample_root
from covsearch.decision import decide, word
from covsearch.errors import NotFoundError, UsageError
from covsearch.features.frames import means_of, seen_rate
from covsearch.features.pack import frames_of
from covsearch.index.generation import Generation
from covsearch.index.windows import Passage, chamfer, passages
from covsearch.ranking.alignment import Alignment, align
from covsearch.search import Searcher, open_in, read_newest
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
    cover_probability : float
        In [0, 1], near 1 cover; the one that a query for `a` gives `b`.
    predicted : bool
        What covsearch says: whether they are covers; as a query decides.
    listed : bool or None
        What the metadata says: whether both are performances of one work; None where that is not known.
    threshold : float
        They are predicted to be covers when `cover_probability` is above it.
    head_p : float
        The report's p, σ(distance + β) in [0, 1]: near 0 cover.
    distance : float
        The learned weighted squared distance, without the bias.
    alignment : Alignment
        In the key in which they fit best.
    rates : (float, float)
        Frames/s of either performance in `alignment`.
    similarity : float or None
        Chamfer similarity of their windows; None where the index has none.
    passages : tuple of Passage
        Windows of which each is the other's most alike, the most alike first; empty where the index has none.
    generation, model : str
        What the distance comes from.
    """

    a: Performance
    b: Performance
    cover_probability: float
    predicted: bool
    listed: bool | None
    threshold: float
    head_p: float
    distance: float
    alignment: Alignment
    rates: tuple[float, float]
    similarity: float | None
    passages: tuple[Passage, ...]
    generation: str
    model: str

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
        return (self.alignment.path.astype(np.float64) + self.alignment.span / 2) / self.rates

    @property
    def stretch(self) -> Stretch | None:
        """Where the path begins and ends, None where nothing aligns."""
        path = self.alignment.path
        if not len(path):
            return None
        begin, end = path[0] / self.rates, (path[-1] + self.alignment.span) / self.rates
        return Stretch((float(begin[0]), float(end[0])), (float(begin[1]), float(end[1])))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON; times in seconds, the matrix left out."""
        alignment, stretch = self.alignment, self.stretch
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "cover_probability": self.cover_probability,
            "predicted": self.predicted,
            "listed": self.listed,
            "head_p": self.head_p,
            "distance": self.distance,
            "semitones": alignment.semitones,
            "alignment": {
                "score": alignment.score,
                "chance": alignment.chance,
                "stretch": stretch and asdict(stretch),
                "path": self.path.tolist(),
            },
            "windows": {"similarity": self.similarity, "passages": [asdict(p) for p in self.passages]},
            "settings": {
                "threshold": self.threshold,
                "frame_rates": list(self.rates),
                "generation": self.generation,
                "model": self.model,
            },
        }

    def plot(self, path: str | Path | None = None) -> Path:
        """Draw the cross-similarity and the aligned path; see :func:`draw`.

        Parameters
        ----------
        path : str or Path, optional
            A ``.png`` or ``.svg`` file, or a folder; by default the current folder.
        """
        return draw(self, Path() if path is None else Path(path))


def compare(workspace: Workspace, a: str, b: str, *, dataset_dir: Path | None = None) -> Comparison:
    """Compare two performances of the workspace's index.

    Parameters
    ----------
    workspace : Workspace
    a, b : str
        Ids, or ``collection:id`` where several collections have the id.
    dataset_dir : Path, optional
        Where the feature files are; by default where they were when the index was built.

    Raises
    ------
    NotFoundError
        When there is no index, no such performance, or no feature file any more.
    UsageError
        When `a` is `b`, or several collections have one of them.
    ArtefactError
        When the index or a feature file is damaged.
    """
    searcher = read_newest(workspace, _open)
    a, b = searcher.named(a), searcher.named(b)
    if a == b:
        raise UsageError(f"expected two performances, got {a} twice")
    generation, head = searcher.generation, searcher.collection.flat.head
    rows = [searcher.collection.rows[pid] for pid in (a, b)]
    vectors = searcher.collection.flat.vectors[rows]
    distance = head.distances(vectors[0], vectors[1:])
    p = head.probability(distance + head.beta)
    decided = decide(distance + head.beta, p, searcher.calibration, searched=len(searcher.collection.pids) - 1)
    performances = searcher.catalogue.get([a, b])
    (frames_a, frames_b), rates = _read_frames(searcher, [a, b], dataset_dir)
    windows = [searcher.windows.take([row]) for row in rows] if searcher.windows else None
    return Comparison(
        a=performances[a],
        b=performances[b],
        cover_probability=decided.probability[0],
        predicted=decided.predicted[0],
        listed=same_work(performances[a], performances[b]),
        threshold=decided.threshold,
        head_p=float(p[0]),
        distance=float(distance[0]),
        alignment=align(frames_a, frames_b),
        rates=rates,
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
    names = "_".join(as_file_name(p.pid) for p in (found.a, found.b))
    return plots.cross_similarity(
        found.alignment.similarity,
        found.path,
        path if path.suffix in plots.SUFFIXES else path / f"compare_{names}.png",
        rates=found.rates,
        span=found.alignment.span,
        names=(_name(found.a), _name(found.b)),
        title=f"{found.cover_probability:.1%}: {word(found.predicted)} · {found.key}\ntogether {found.together}",
    )


def _name(performance: Performance) -> str:
    return " · ".join(part for part in (performance.pid, performance.title, performance.artist) if part)


def _open(generation: Generation) -> Searcher:
    return open_in(generation, windows=generation.manifest.windows is not None)


def _read_frames(
    searcher: Searcher, names: Sequence[str], dataset_dir: Path | None
) -> tuple[list[NDArray[np.float32]], tuple[float, float]]:
    """What the model hears of each, as played and at 2.69 frames/s or, of more than 25 minutes, less; and those rates.

    The two may be from folders with different frame rates, and then only nearly have one in common.
    """
    config = replace(searcher.generation.manifest.features, frames=sys.maxsize, rate=SLOW_RATE, key="played")
    origins, stored = searcher.catalogue.origins(names), searcher.catalogue.stored(names)
    frames, rates = [], []
    for name in names:
        origin, performance = origins.get(name), stored[name]
        files, root = _files(performance, origin, config.names, dataset_dir)
        rate = origin.frame_rate if origin else searcher.generation.manifest.frame_rate
        frames.append(frames_of(files, config, rate, performance.pid, performance.wid, root))
        rates.append(seen_rate(config, rate))
    block = -(-max(map(len, frames)) // FRAMES)
    return [means_of(sequence, block) for sequence in frames], (rates[0] / block, rates[1] / block)


def _files(
    performance: Performance, origin: Origin | None, names: Sequence[str], dataset_dir: Path | None
) -> tuple[Mapping[str, Path], Path]:
    """The feature files of a performance: in the dataset that is named, or else where they were when it was indexed.

    With them the folder that they must lie in.
    """
    root = Path(origin.folder) if origin and origin.folder else sample_root()
    before = _indexed_files(origin, names, root)
    there = all(path.is_file() for path in before.values()) and bool(before)
    if dataset_dir:
        found = _files_in(dataset_dir, performance, origin, names, needed=not there)
        if found:
            return found
    if not there:
        where = f"{next(iter(before.values()))} is not there" if before else "nobody noted where its files are"
        raise NotFoundError(f"{performance.pid}: {where}; say with --dataset in which folder they are now")
    return before, root


def _indexed_files(origin: Origin | None, names: Sequence[str], root: Path) -> dict[str, Path]:
    """Feature -> file, as they were found when the index was made; empty where that is not known."""
    if origin is None or not set(names) <= set(origin.files):
        return {}
    return {name: root / origin.files[name].path for name in names}


def _files_in(
    folder: Path, performance: Performance, origin: Origin | None, names: Sequence[str], *, needed: bool
) -> tuple[Mapping[str, Path], Path] | None:
    """Files of a performance in a dataset, and its root; None where it has none and they are not `needed` there."""
    subset = origin.subset if origin and origin.subset != LOOSE else None
    try:
        dataset = open_dataset(folder, names, subset=subset)
        if performance.pid in dataset.files:
            return dataset.files[performance.pid], dataset.root
        what = " and ".join(names)
        raise NotFoundError(f"{folder} has no {what} file of {performance.pid}; name another folder: --dataset")
    except NotFoundError:
        if needed or not folder.is_dir():
            raise
        return None
