"""What is in a workspace: which performances, made searchable by which model, and how much disk all of it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from covsearch.store import store_of
from covsearch.store.protocols import Facts, Opened
from covsearch.workspace import Workspace, bytes_below

if TYPE_CHECKING:
    from covsearch.index.calibration import Calibration
    from covsearch.index.collection_calibration import CollectionCalibration


@dataclass(frozen=True)
class Stats:
    """What is in a workspace.

    Attributes
    ----------
    home : str
    place : str
        Where the index is: the same, or the URL of a database, without its password.
    generation : str
        The current one.
    manifest : Facts
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
        Bytes of every generation by its name, of files with its database; and on disk of ``cache``.
    exact : bool
        Whether queries look at all vectors, or in a large collection only at likely ones.
    calibration : Calibration, CollectionCalibration or None
        What scores are worth; None where that is not known.
    """

    home: str
    place: str
    generation: str
    manifest: Facts
    works: dict[int, int]
    collections: dict[str, tuple[int, int]]
    windows: int | None
    segments: int | None
    bytes_of: dict[str, int]
    exact: bool = True
    calibration: Calibration | CollectionCalibration | None = None

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
            "store": self.place,
            "generation": self.generation,
            "created": m.created,
            "covsearch": m.covsearch,
            "source": m.source,
            "subset": m.subset,
            "frame_rate": m.frame_rate,
            "performances": m.count,
            "works": sum(self.works.values()),
            "collections": {name: {"performances": n, "works": w} for name, (n, w) in self.collections.items()},
            "works_of_one_performance": self.alone,
            "cover_pairs": self.cover_pairs,
            "clique_sizes": self.works,
            "model": m.model,
            "features": m.features and asdict(m.features),
            "dim": m.dim,
            "exact": self.exact,
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
    store = store_of(workspace)

    def look(opened: Opened) -> Stats:
        return Stats(
            str(workspace.home),
            store.place,
            opened.state.name,
            opened.state.manifest,
            dict(opened.catalogue.clique_sizes()),
            dict(opened.catalogue.collections()),
            _count(opened, "windows"),
            _count(opened, "segments"),
            {**store.sizes(), "cache": bytes_below(workspace.cache)},
            "segments" in opened.parts or opened.vectors.exact,
            opened.state.calibration(),
        )

    return store.read(look, None)  # inside, as builds may remove the generation while it is looked at


def _count(opened: Opened, name: str) -> int | None:
    """Vectors in a part; None where there is no such part."""
    part = opened.parts.get(name)
    return None if part is None else len(part.take(range(len(part))).vectors)
