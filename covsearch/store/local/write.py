"""Write a generation of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from covsearch.db.write import write_catalogue
from covsearch.index.collection import read_searched_vectors, write_collection
from covsearch.index.collection_calibration import write_collection_calibration
from covsearch.index.generation import Generation, follow_current, read_generation
from covsearch.index.parts import write_part
from covsearch.index.publish import draft
from covsearch.index.searched import SearchedVectors, is_flat
from covsearch.store.protocols import Contents
from covsearch.workspace import Workspace


def write_generation(workspace: Workspace, contents: Contents) -> Generation:
    """Write `contents` beside what is there and switch to it; the caller holds the lock."""
    before = _learned_before(workspace) if contents.grown else None
    with draft(workspace) as new:
        recipe = write_collection(new.folder, contents.names, contents.vectors, contents.head, before=before)
        for name, part in contents.parts.items():
            write_part(new.folder, name, part, contents.names)
        write_catalogue(new.database, contents.performances, contents.origins)
        write_model(new.folder / "model", contents.model_files)
        if contents.calibration is not None:
            write_collection_calibration(new.folder / "model", contents.calibration)
        works = {(p.collection, p.wid) for p in contents.performances if p.wid is not None}
        return new.publish(contents.manifest(len(contents.names), len(works), recipe, {}))  # the draft knows its files


def _learned_before(workspace: Workspace) -> SearchedVectors | None:
    """The vectors of the current generation, where their index has learned something."""
    current = read_generation(workspace, *follow_current(workspace))
    flat = is_flat(current.manifest.recipe, current.manifest.dim)
    return None if flat else read_searched_vectors(current)


def write_model(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write weights, configuration and, where there is one, the calibration."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
