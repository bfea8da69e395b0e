"""Judge files of distances or vectors, of anybody's systems, by a CSV of works: ``covsearch score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import counted
from covsearch.dataset.tracks_csv import MAX_ROWS
from covsearch.dataset.vectors import as_ids
from covsearch.dataset.works_csv import Works, WorksFile, read_works
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.evaluate.bootstrap import REPLICATES
from covsearch.evaluate.distances import METRICS, between
from covsearch.evaluate.ranks import Distances
from covsearch.evaluate.score import MapDifference, RetrievalScore, differences, retrieval
from covsearch.guard.arrays import map_npy, read_floats, read_npz
from covsearch.guard.documents import parse_json
from covsearch.guard.files import RefusedError
from covsearch.progress import Progress, silent

MAX_BYTES = 2**33  # of a file that is read whole
DISTANCES, VECTORS, IDS = "distances", "vectors", "ids"
SUFFIXES = (".npy", ".npz", ".safetensors")
COLUMNS = ("system", "MAP [95 % CI]", "MR1", "median", "MRR", "P@1", "P@10", "R@10", "NAR", "AUC", "at 1 %", "at 5 %")
_SHOWN = {"mr1": ".1f", "median_rank": "g", "mrr": ".3f", "precision@1": ".3f", "precision@10": ".3f"} | {
    "recall@10": ".3f", "nar": ".4f", "auc": ".3f", "detected@0.01": ".3f", "detected@0.05": ".3f"
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SystemScore:
    """One row: a system by its name."""

    name: str
    scored: RetrievalScore

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS`."""
        figures = self.scored.figures
        others = (f"{figures[key].value:{form}}" if key in figures else "" for key, form in _SHOWN.items())
        return (self.name, f"{figures['map']:.3f}", *others)


@dataclass(frozen=True, eq=False)
class ScoreReport:
    """Systems that ranked the same performances.

    Attributes
    ----------
    rows : tuple of SystemScore
        In the order of the files.
    differences : tuple of MapDifference
        Every pair of systems.
    protocol : str or None
    notes : tuple of str
        What a reader of the numbers must know.
    """

    rows: tuple[SystemScore, ...]
    differences: tuple[MapDifference, ...]
    protocol: str | None
    notes: tuple[str, ...]

    columns = COLUMNS
    group_columns = ("queries", "MAP [95 % CI]", "MR1", "P@1")

    def group_rows(self) -> list[tuple[str, ...]]:
        """Cells of the queries by size of their work, then by source; none where all queries are one group."""
        found = []
        for kind, what in (("by_size", "works of {}"), ("by_source", "source {}")):
            groups = [(row.name, one) for row in self.rows for one in getattr(row.scored, kind)]
            names = dict.fromkeys(one.name for _, one in groups)
            if len(names) > 1:
                ordered = ((system, one) for name in names for system, one in groups if one.name == name)
                found += [(what.format(one.name), system, *one.row()) for system, one in ordered]
        return found

    @property
    def heading(self) -> str:
        """What was searched, in a line."""
        one = self.rows[0].scored
        named = f", protocol {self.protocol}" if self.protocol else ""
        searched = f"{counted(one.performances, 'performance')} of {counted(one.works, 'work')}"
        return f"{counted(one.queries, 'query', 'queries')} in {searched}{named}"

    @property
    def caption(self) -> str:
        """What the columns mean, in a few lines."""
        replicates = self.rows[0].scored.replicates
        return (
            f"ties count against the system; intervals from {replicates:,} resamplings of the works\n"
            "at 1 %, at 5 %: queries whose best match is a cover and passes the threshold that so many queries pass "
            "without covers"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single ranks, ready for :func:`json.dumps`."""
        return {
            "protocol": self.protocol,
            "systems": [{"name": one.name, **one.scored.to_dict()} for one in self.rows],
            "differences": [one.to_dict() for one in self.differences],
            "notes": list(self.notes),
        }


def score_files(
    paths: Sequence[Path],
    works: Path,
    *,
    metric: str | None = None,
    similarity: bool = False,
    protocol: str | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress = silent,
) -> ScoreReport:
    """Judge each file, and compare every pair of them.

    Parameters
    ----------
    paths : sequence of Path
        ``.npy`` (memory-mapped), ``.npz`` with ``distances`` or ``vectors`` and perhaps ``ids``, or ``.safetensors``
        with the same, ids as a JSON array in its metadata.
    works : Path
        See :mod:`covsearch.dataset.works_csv`.
    metric : str, optional
        ``cosine`` or ``euclidean``: the files hold vectors (N, D). By default they hold distances (N, N), row = query.
    similarity : bool
        The files hold similarities: high = cover.
    protocol : str, optional
        See :func:`~covsearch.evaluate.score.retrieval`.
    seed, replicates : int
        Of the bootstrap over works.
    progress : Progress

    Raises
    ------
    NotFoundError
        When a file is not there.
    ArtefactError
        When a file is damaged, holds something else, or does not fit the works.
    UsageError
        When an option cannot be, files hold different performances, or nothing has a cover.
    """
    if metric is not None and similarity:
        raise UsageError("vectors have a metric and are no similarities: leave one of the two out")
    said, names = read_works(works), _names(paths)
    systems: list[SystemScore] = []
    common: Works | None = None
    for name, path in zip(names, paths, strict=True):
        found, own = _load(path, metric)
        these, order = said.of(own, len(found), str(path))
        common = common or these
        if these != common:
            raise UsageError(f"{paths[0]} and {path} hold different performances: score them one by one")
        try:
            scored = retrieval(
                _distances(found, order, metric),
                these.works,
                sources=these.sources,
                protocol=protocol,
                similarity=similarity,
                replicates=replicates,
                seed=seed,
                progress=progress,
            )
        except ArtefactError as e:
            raise ArtefactError(f"{path}: {e}") from e
        systems.append(SystemScore(name, scored))
    assert common is not None  # else _names refused
    pairs = differences({one.name: one.scored for one in systems})
    return ScoreReport(tuple(systems), pairs, protocol, tuple(_notes(said, common)))


def _names(paths: Sequence[Path]) -> list[str]:
    """What systems are called: as their files, with the folder where two files have one name."""
    if not paths:
        raise UsageError("expected at least one file of distances or vectors")
    short = [path.stem for path in paths]
    names = short if len(set(short)) == len(short) else [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise UsageError(f"{next(name for name in names if names.count(name) > 1)} is named twice: name it once")
    return names


def _notes(said: WorksFile, common: Works) -> list[str]:
    unused = len(said.said) - len(common)
    return [f"{counted(unused, 'line')} of {said.path} name no row"] if unused else []


def _distances(found: NDArray[Any], order: list[int] | None, metric: str | None) -> NDArray[Any] | Distances:
    """What is ranked by, rows and columns in `order`."""
    rows = None if order is None or order == list(range(len(found))) else np.array(order)
    if metric is not None and found.ndim != 2:
        raise ArtefactError(f"expected vectors of the shape (N, D), one row a performance, got {found.shape}")
    if metric is not None:
        return between(found if rows is None else found[rows], metric)
    if found.ndim != 2 or found.shape[0] != found.shape[1]:
        raise ArtefactError(
            f"expected distances of the shape (N, N), got {found.shape}; of vectors say --metric "
            f"{' or --metric '.join(METRICS)}"
        )
    return found if rows is None else lambda queries: found[rows[queries]][:, rows]


def _load(path: Path, metric: str | None) -> tuple[NDArray[Any], list[str] | None]:
    """What a file holds, and the ids in it."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected distances or vectors as {', '.join(SUFFIXES)}; pickles are never opened")
    if not path.exists():
        raise NotFoundError(f"{path} is not there; expected distances or vectors as {', '.join(SUFFIXES)}")
    name = DISTANCES if metric is None else VECTORS
    try:
        found, ids = _read(path, name)
        if found.dtype.kind not in "fiu" or not found.ndim:
            raise RefusedError(f"expected {name} as numbers, not {found.dtype} {found.shape}")
        if ids is not None and len(ids) != len(found):
            raise RefusedError(f"has {len(found):,} rows and {len(ids):,} ids; expected one each")
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e
    return found, ids


def _read(path: Path, name: str) -> tuple[NDArray[Any], list[str] | None]:
    if path.suffix == ".npy":
        return map_npy(path), None
    if path.suffix == ".npz":
        arrays: Mapping[str, NDArray[Any]] = read_npz(path, (DISTANCES, VECTORS, IDS), MAX_BYTES)
        if name not in arrays:
            other = {DISTANCES: f"; its vectors need --metric {' or --metric '.join(METRICS)}", VECTORS: ""}[name]
            raise RefusedError(f"has no array {name!r}{other if VECTORS in arrays else ''}")
        return arrays[name], as_ids(arrays[IDS]) if IDS in arrays else None
    found, texts = read_floats(path, name, MAX_BYTES)
    ids = parse_json(texts[IDS], MAX_ROWS) if IDS in texts else None
    if ids is not None and not isinstance(ids, list):
        raise RefusedError("the ids in its header must be a JSON array")
    return found, None if ids is None else as_ids(ids)
