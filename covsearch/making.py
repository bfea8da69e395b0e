"""What is made of what somebody gives: an index of a collection, and the vector of one performance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from covsearch.api import Index
from covsearch.progress import Progress, silent
from covsearch.workspace import expanded, find_workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def build_and_open(
    source: str | os.PathLike[str] | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    store: str | None = None,
    model: str | os.PathLike[str] | None = None,
    subset: str | None = None,
    frame_rate: float | None = None,
    windows: bool = False,
    strict: bool = False,
    metadata: str | os.PathLike[str] | None = None,
    vectors: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
) -> Index:
    """Build the index of a workspace, and open it; parameters and errors are those of the command ``build-index``.

    Parameters
    ----------
    source : str or Path, optional
        Da-TACOS folder, or folder of audio; by default the bundled sample.
    home, store : str or Path, optional
        As for :func:`covsearch.api.open_index`.
    model : str or Path, optional
        Checkpoint folder; by default the bundled weights.
    subset, frame_rate, windows, strict, metadata, progress
        As for :func:`covsearch.indexing.build_index`.
    vectors : str or Path, optional
        Foreign vectors instead of a source and a model, as for :func:`covsearch.foreign.build_foreign`.
    """
    workspace = find_workspace(expanded(home), store)
    if vectors is not None:
        from covsearch.foreign import build_foreign, refuse_beside_vectors

        refuse_beside_vectors(source=source, model=model, subset=subset, frame_rate=frame_rate, windows=windows)
        build_foreign(expanded(vectors), workspace, metadata=expanded(metadata), strict=strict, progress=progress)
        return Index(workspace)
    from covsearch.indexing import build_index

    build_index(
        expanded(source),
        expanded(model),
        workspace,
        subset=subset,
        frame_rate=frame_rate,
        windows=windows,
        strict=strict,
        metadata=expanded(metadata),
        progress=progress,
    )
    return Index(workspace)


def embed_one(
    chroma: ArrayLike | Mapping[str, ArrayLike],
    frame_rate: float,
    *,
    model: str | os.PathLike[str] | None = None,
) -> NDArray[np.float32]:
    """The vector of one performance.

    Parameters
    ----------
    chroma : array or mapping
        Of shape (T, 12), values from 0, bin 0 as in the dataset (A for HPCP); by feature name where the model sees
        several.
    frame_rate : float
        Frames/s of `chroma`.
    model : str or Path, optional
        Checkpoint folder; by default the bundled weights.

    Returns
    -------
    NDArray[float32], shape (128,)
        Of unit length.

    Raises
    ------
    UsageError
        When the array or the frame rate cannot be.
    ArtefactError
        When the checkpoint is damaged.
    """
    from covsearch.embedding import embed_chroma
    from covsearch.features.raw import checked_chroma, declared
    from covsearch.models import bundled_checkpoint, load_checkpoint

    rate = declared(frame_rate)
    checkpoint = load_checkpoint(expanded(model) or bundled_checkpoint())
    return embed_chroma(checkpoint, checked_chroma(chroma, checkpoint.config.features.names), rate)
