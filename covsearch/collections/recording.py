"""One audio file that is in no collection: a query, or half of a comparison."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.collections.audio import HPCP, RATE
from covsearch.collections.heard import chroma_folder, read_cached
from covsearch.collections.pool import Alive, answers, unasked
from covsearch.collections.tags import Tags
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.features.audio import SEARCH_HOP


def read_recording(
    path: Path, cache: Path | None, alive: Alive = unasked
) -> tuple[dict[str, NDArray[np.float32]], float, Tags]:
    """Decode an audio file in a worker process, or take it from the cache, just as a collection's.

    Parameters
    ----------
    path : Path
    cache : Path or None
        The workspace's; where there is none, or it cannot be written, nothing is kept.
    alive : Alive
        As for :func:`covsearch.collections.pool.answers`.

    Returns
    -------
    dict
        ``hpcp`` -> (T, 12).
    float
        Frames/s.
    Tags

    Raises
    ------
    NotFoundError
        When there is no such file.
    ArtefactError
        When it cannot be read.
    """
    if not path.is_file():
        raise NotFoundError(f"{path}: expected an audio file, there is {'a folder' if path.is_dir() else 'none'}")
    if not path.stat().st_size:
        raise ArtefactError(f"{path}: is empty")
    with _writable(None if cache is None else chroma_folder(cache)) as folder:
        job = {"path": str(path.absolute()), "hop": SEARCH_HOP, "chroma": str(folder)}
        _, told = next(answers([job], 1, alive))
        if "refused" in told:
            raise ArtefactError(f"{path}: {told['refused']}")
        return {HPCP: read_cached(folder, told["content"])}, RATE, Tags(**told["tags"])


@contextmanager
def _writable(folder: Path | None) -> Iterator[Path]:
    """`folder` itself, or one that is gone afterwards."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        usable = folder is not None and os.access(folder, os.W_OK)
    except OSError:
        usable = False
    if usable and folder is not None:
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="covsearch-") as elsewhere:
            yield Path(elsewhere)
