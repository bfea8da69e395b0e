"""What is in a workspace: which performances, made searchable by which model, and how much disk all of it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, cast

from covsearch.db.catalogue import Catalogue
from covsearch.index.generation import NAME, Generation, open_generation
from covsearch.index.manifest import Manifest
from covsearch.index.parts import read_part
from covsearch.index.segments import Segments
from covsearch.index.windows import Windows
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class Stats:
    """What is in a workspace.

    Attributes
    ----------
    home : str
    generation : str
        The current one.
    manifest : Manifest
        Of it: when it was built, by which version, from what, with which model.
    works : dict
        How many works have one performance, two, and so on.
    collections : dict
        Performances and works of every collection, by its name.
    windows : int or None
        None where the index has none.
    segments : int or None
        Of foreign vectors; None with one vector a track, and of a model of ours.
    bytes_of : dict
        Bytes on disk of every generation by its name, its database with it; and of ``cache``.
    """

    home: str
    generation: str
    manifest: Manifest
    works: dict[int, int]
    collections: dict[str, tuple[int, int]]
    windows: int | None
    segments: int | None
    bytes_of: dict[str, int]

    @property
    def cover_pairs(self) -> int:
        """Pairs of performances that the collection lists under one work."""
        return sum(works * size * (size - 1) // 2 for size, works in self.works.items())

    @property
    def alone(self) -> int:
        """Works with one performance: a query for it has no answer in the collection."""
        return self.works.get(1, 0)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        m = self.manifest
        return {
            "home": self.home,
            "generation": self.generation,
            "created": m.created,
            "covsearch": m.covsearch,
            "source": m.source,
            "subset": m.subset,
            "frame_rate": m.frame_rate,
            "performances": m.count,
            "works": m.works,
            "collections": {name: {"performances": n, "works": w} for name, (n, w) in self.collections.items()},
            "works_of_one_performance": self.alone,
            "cover_pairs": self.cover_pairs,
            "clique_sizes": self.works,
            "model": m.model,
            "features": m.features and asdict(m.features),
            "dim": m.dim,
            "windows": self.windows,
            "window_recipe": m.windows and asdict(m.windows),
            "segments": self.segments,
            "bytes": self.bytes_of,
        }


def read_stats(workspace: Workspace) -> Stats:
    """Look at the workspace's current generation, and at what lies on the disk.

    Raises
    ------
    NotFoundError
        When nothing was built in this workspace.
    ArtefactError
        When a file is missing, corrupt or belongs to another build.
    """
    generation = open_generation(workspace)
    catalogue = Catalogue(generation.database)
    return Stats(
        str(workspace.home),
        generation.name,
        generation.manifest,
        catalogue.clique_sizes(),
        catalogue.collections(),
        _count(generation, "windows"),
        _count(generation, "segments"),
        {**dict(_generations(workspace)), "cache": _bytes_below(workspace.cache)},
    )


def _count(generation: Generation, part: str) -> int | None:
    """Vectors in a part; None where the generation has not that part."""
    if part not in generation.manifest.parts:
        return None
    return len(cast("Windows | Segments", read_part(generation, part)).vectors)


def _generations(workspace: Workspace) -> Iterator[tuple[str, int]]:
    """Every generation on disk, the oldest first."""
    names = {path.stem for folder in (workspace.index, workspace.db) for path in folder.iterdir()}
    for name in sorted(filter(NAME.fullmatch, names), key=lambda name: (len(name), name)):
        yield name, _bytes_below(workspace.index / name) + _bytes_below(workspace.db / f"{name}.sqlite3")


def _bytes_below(path: Path) -> int:
    """Of a file, or of all files below a folder; what is removed meanwhile counts nothing, nor do links."""
    found = 0
    for file in (path, *(path.rglob("*") if path.is_dir() else ())):
        try:
            status = file.lstat()
        except FileNotFoundError:
            continue
        found += status.st_size if S_ISREG(status.st_mode) else 0
    return found
