"""Write a generation of files."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

from covsearch import __version__
from covsearch.config import EMBEDDING_DIM
from covsearch.db.write import write_catalogue
from covsearch.index.calibration import CALIBRATION
from covsearch.index.collection import write_collection
from covsearch.index.flat import RECIPE
from covsearch.index.generation import MODEL_FILES, Generation
from covsearch.index.manifest import FORMAT, Manifest
from covsearch.index.parts import write_part
from covsearch.index.publish import draft
from covsearch.store.protocols import Contents
from covsearch.workspace import Workspace


def write_generation(workspace: Workspace, contents: Contents) -> Generation:
    """Write `contents` beside what is there and switch to it; the caller holds the lock."""
    with draft(workspace) as new:
        write_collection(new.folder, contents.names, contents.vectors, contents.head)
        for name, part in contents.parts.items():
            write_part(new.folder, name, part, contents.names)
        write_catalogue(new.database, contents.performances, contents.origins)
        calibrated = (contents.model_folder / CALIBRATION).is_file()
        for name in [*MODEL_FILES, *([CALIBRATION] if calibrated else [])]:
            shutil.copyfile(contents.model_folder / name, new.folder / "model" / name)
        return new.publish(_manifest(contents))


def _manifest(contents: Contents) -> Manifest:
    """All but the files, which the draft knows."""
    return Manifest(
        format=FORMAT,
        covsearch=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        subset=contents.subset,
        count=len(contents.names),
        works=len({(p.collection, p.wid) for p in contents.performances if p.wid is not None}),
        dim=EMBEDDING_DIM,
        model=contents.model,
        features=contents.features,
        frame_rate=contents.frame_rate,
        recipe=RECIPE,
        parts={name: part.settings for name, part in contents.parts.items()},
        source=contents.source,
        files={},
    )
