"""Queries from outside the index: feature files or chroma arrays, embedded with the index's own model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from covsearch.answers import QueryResult
from covsearch.dataset.files import rate_of_file
from covsearch.dataset.frame_rate import check_frame_rate, rate_beside
from covsearch.errors import ArtefactError, FeatureFileError, NotFoundError
from covsearch.index.manifest import MEND
from covsearch.search import Searcher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from covsearch.models import Checkpoint
    from covsearch.stages import Question


def query_files(
    searcher: Searcher,
    paths: Sequence[Path],
    top: int = 10,
    *,
    frame_rate: float | None = None,
    candidates: int | None = None,
    rerank: str | None = None,
) -> QueryResult:
    """Rank the collection as covers of one performance in feature files.

    Parameters
    ----------
    searcher : Searcher
    paths : sequence of Path
        HDF5 files that hold all features of the index's model, in one file or in several.
    top, candidates, rerank
        As for :meth:`covsearch.search.Searcher.query`.
    frame_rate : float, optional
        Frames/s of the files; by default what their collection declares or what is known of the subset.

    Raises
    ------
    NotFoundError
        When a path is no file.
    ArtefactError
        When the files lack a feature or are refused, or the index's model is damaged.
    UsageError
        As :meth:`covsearch.search.Searcher.query`, for an impossible frame rate, and when the files say none and the
        index's model needs one.
    """
    for path in paths:
        if not path.is_file():
            raise NotFoundError(f"{path}: expected an HDF5 feature file, there is none")
    rate = _declared_rate(searcher, paths) if frame_rate is None else check_frame_rate(frame_rate)
    result = searcher.ask(_embed(searcher, paths, rate), top, candidates, rerank=rerank)
    return replace(result, files=tuple(map(str, paths)), frame_rate=rate)


def _declared_rate(searcher: Searcher, paths: Sequence[Path]) -> float:
    """What is said of the files' frame rate; where nothing is, they must not be read at a guess."""
    manifest = searcher.generation.manifest
    declared = next((rate for rate in map(rate_of_file, paths) if rate is not None), None)
    return rate_beside(manifest.frame_rate, declared, paths[0], matters=bool(manifest.features.rate))


def query_chroma(
    searcher: Searcher,
    chroma: ArrayLike | Mapping[str, ArrayLike],
    frame_rate: float | None,
    top: int = 10,
    *,
    candidates: int | None = None,
    rerank: str | None = None,
) -> QueryResult:
    """Rank the collection as covers of one performance given as chroma.

    Parameters
    ----------
    searcher : Searcher
    chroma : array or mapping
        Of shape (T, 12), values from 0, bin 0 as in the dataset (A for HPCP, C for CREMA and CENS). A model that sees
        several features needs a mapping of feature name to array.
    frame_rate : float
        Frames/s of `chroma`.
    top, candidates, rerank
        As for :meth:`covsearch.search.Searcher.query`.

    Raises
    ------
    UsageError
        When the array or the frame rate cannot be, and as :meth:`covsearch.search.Searcher.query`.
    ArtefactError
        When the index's model is damaged.
    """
    from covsearch.features.raw import checked_chroma, declared

    rate = declared(frame_rate)
    checkpoint = _own_checkpoint(searcher)
    arrays = checked_chroma(chroma, checkpoint.config.features.names)
    result = searcher.ask(_embed_chroma(searcher, checkpoint, arrays, rate), top, candidates, rerank=rerank)
    return replace(result, frame_rate=rate)


def _embed(searcher: Searcher, paths: Sequence[Path], frame_rate: float) -> Question:
    from covsearch.embedding import read_features

    checkpoint = _own_checkpoint(searcher)
    files = {name: _file_with(name, paths) for name in checkpoint.config.features.names}
    return _embed_chroma(searcher, checkpoint, read_features(checkpoint, files), frame_rate)


def _embed_chroma(
    searcher: Searcher, checkpoint: Checkpoint, chroma: Mapping[str, NDArray[np.float32]], frame_rate: float
) -> Question:
    from covsearch.embedding import embed_chroma, embed_chroma_windows
    from covsearch.features.frames import seen_rate
    from covsearch.features.slow import restored, slow_chroma
    from covsearch.index.windows import Windows
    from covsearch.stages import Question

    parts = None
    if searcher.windows is not None:
        recipe = replace(searcher.windows.cuts.recipe, rate=seen_rate(checkpoint.config.features, frame_rate))
        parts = Windows(*embed_chroma_windows(checkpoint, chroma, frame_rate, recipe))
    frames, _ = slow_chroma(chroma, checkpoint.config.features.names, frame_rate)
    return Question(embed_chroma(checkpoint, chroma, frame_rate), restored(frames), parts)


def _own_checkpoint(searcher: Searcher) -> Checkpoint:
    """The index's own model."""
    from covsearch.models import load_checkpoint  # torch, which a query by id does without

    checkpoint = load_checkpoint(searcher.generation.model_folder)
    config, built = checkpoint.config.features, searcher.generation.manifest.features
    if checkpoint.fingerprint != searcher.generation.manifest.model:
        own = searcher.generation.manifest.model
        raise ArtefactError(f"index was built with model {own}, its copy is {checkpoint.fingerprint}: {MEND}")
    if config != built:
        raise ArtefactError(f"index was built with {built}, the model in it sees {config}: {MEND}")
    return checkpoint


def _file_with(feature: str, paths: Sequence[Path]) -> Path:
    """The first of `paths` that holds `feature`."""
    from covsearch.dataset.hdf5 import inspect_chroma

    refused = []
    for path in paths:
        try:
            inspect_chroma(path, feature)
        except FeatureFileError as e:
            refused.append(str(e))
        else:
            return path
    raise ArtefactError(f"the index's model needs {feature}; {'; '.join(refused)}")
