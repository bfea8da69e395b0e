"""The windows of an indexed collection, as a generation that has them stores them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.features.windows import Cuts
from covsearch.index.collection import check_unit, read_tensors
from covsearch.index.generation import WINDOWS, Generation
from covsearch.index.windows import Windows

MEND = "run `covsearch build-index --windows`"


def write_windows(folder: Path, pids: Sequence[str], windows: Windows) -> None:
    """Write the windows of the performances `pids` into a generation's `folder`.

    Raises
    ------
    ArtefactError
        When they are of another number of performances, or no unit vectors.
    """
    cuts = windows.cuts
    if len(windows) != len(pids):
        raise ArtefactError(f"windows of {len(pids)} performances expected, not of {len(windows)}")
    owners = np.repeat(np.arange(len(pids)), np.diff(cuts.first)).tolist()
    check_unit([f"a window of {pids[row]}" for row in owners], windows.vectors)
    vectors = np.ascontiguousarray(windows.vectors)
    tensors: dict[str, NDArray[Any]] = {"vectors": vectors, "first": cuts.first, "start": cuts.start}
    (folder / WINDOWS).write_bytes(safetensors.numpy.save(tensors))


def read_windows(generation: Generation) -> Windows:
    """Read what :func:`write_windows` wrote.

    Raises
    ------
    NotFoundError
        When the generation was built without windows.
    ArtefactError
        When the file cannot be read or does not fit the manifest.
    """
    manifest = generation.manifest
    if manifest.windows is None:
        raise NotFoundError(f"the index ({generation.name}) has no windows: {MEND}")
    path = generation.folder / WINDOWS
    tensors = read_tensors(path)
    if sorted(tensors) != ["first", "start", "vectors"]:
        raise ArtefactError(f"{path}: expected first, start and vectors, found {sorted(tensors)}; {MEND}")
    try:
        windows = Windows(tensors["vectors"], Cuts(tensors["first"], tensors["start"], manifest.windows))
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {e}; {MEND}") from e
    if len(windows) != manifest.count:
        raise ArtefactError(f"{path}: expected {manifest.count} performances, found {len(windows)}; {MEND}")
    if not (np.isfinite(windows.vectors).all() and np.isfinite(windows.cuts.start).all()):
        raise ArtefactError(f"{path}: holds NaN or infinity; {MEND}")
    return windows
