"""Queries from outside the index: audio, feature files or chroma arrays, embedded with the index's own model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from covsearch.answers import QueryResult
from covsearch.dataset.files import rate_of_file
from covsearch.dataset.frame_rate import check_frame_rate, rate_beside
from covsearch.dataset.lengths import check_file_lengths
from covsearch.errors import ArtefactError, FeatureFileError, NotFoundError, UsageError
from covsearch.features.audio import is_audio
from covsearch.index.manifest import MEND
from covsearch.search import Searcher
from covsearch.synthesis.suffixes import is_notation

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
    cache: Path,
    frame_rate: float | None = None,
    candidates: int | None = None,
    rerank: str | None = None,
) -> QueryResult:
    """Rank the collection as covers of one performance in an audio file or in feature files.

    Parameters
    ----------
    searcher : Searcher
    paths : sequence of Path
        An audio file; or HDF5 files that hold all features of the index's model, in one file or in several.
    top, candidates, rerank
        As for :meth:`covsearch.search.Searcher.query`.
    cache : Path
        The workspace's, for decoded audio.
    frame_rate : float, optional
        Frames/s of feature files; by default what they or their collection declare or what is known of the subset.

    Raises
    ------
    NotFoundError
        When a path is no file.
    ArtefactError
        When the files lack a feature, are refused or have less than 15 s of sound, or the index's model is damaged.
    UsageError
        As :meth:`covsearch.search.Searcher.query`, for an impossible frame rate, when the files say none and the
        index's model needs one, when they say two, and when they cannot be of the frame rate assumed of them.
    """
    question, rate = _embed(searcher, paths, frame_rate, cache)
    result = searcher.ask(question, top, candidates, rerank=rerank)
    return replace(result, files=tuple(map(str, paths)), frame_rate=rate)


def _declared_rate(searcher: Searcher, files: Mapping[str, Path]) -> float:
    """What is said of the files' frame rate; where nothing is, they must not be read at a guess."""
    manifest = searcher.generation.manifest
    said = {path: rate for path in files.values() if (rate := rate_of_file(path)) is not None}
    if len(set(said.values())) > 1:
        each = " and ".join(f"{path} has {rate:g} frames/s" for path, rate in said.items())
        raise UsageError(f"{each}: expected one rate of all files of a performance: say it with --frame-rate")
    declared = next(iter(said.values()), None)
    feature, path = next(iter(files.items()))
    features, own = manifest.heard()
    rate = rate_beside(own, declared, path, matters=bool(features.rate))
    if declared is None:
        check_file_lengths([path], feature, rate, path)
    return rate


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
        When the array or the frame rate cannot be, with less than 15 s of sound, and as
        :meth:`covsearch.search.Searcher.query`.
    ArtefactError
        When the index's model is damaged.
    """
    heard = hear_chroma(searcher, chroma, frame_rate)
    question = _embed_chroma(searcher, heard.checkpoint, heard.chroma, heard.rate)
    result = searcher.ask(question, top, candidates, rerank=rerank)
    return replace(result, frame_rate=heard.rate)


def _embed(searcher: Searcher, paths: Sequence[Path], frame_rate: float | None, cache: Path) -> tuple[Question, float]:
    """The question of a performance in files, and the frames/s at which they were read."""
    heard = hear_files(searcher, paths, frame_rate, cache)
    return _embed_chroma(searcher, heard.checkpoint, heard.chroma, heard.rate), heard.rate


@dataclass(frozen=True, eq=False)
class HeardOutside:
    """A performance from outside as the index's model hears it.

    Attributes
    ----------
    checkpoint : Checkpoint
        That model.
    chroma : mapping
        Feature name -> NDArray[float32] of shape (T, 12), for every feature of the model.
    rate : float
        Frames/s.
    """

    checkpoint: Checkpoint
    chroma: Mapping[str, NDArray[np.float32]]
    rate: float


def hear_files(searcher: Searcher, paths: Sequence[Path], frame_rate: float | None, cache: Path) -> HeardOutside:
    """Read one performance's files; parameters and errors are those of :func:`query_files`."""
    from covsearch.embedding import read_features
    from covsearch.features.sound import check_sound

    for path in paths:
        if not path.is_file():
            raise NotFoundError(f"{path}: expected an audio file or an HDF5 feature file, there is none")
    if frame_rate is not None:
        check_frame_rate(frame_rate)
    checkpoint = _own_checkpoint(searcher)
    if any(map(is_notation, paths)):
        return _hear_notes(checkpoint, paths, frame_rate)
    names = checkpoint.config.features.names
    if any(map(is_audio, paths)):
        chroma, rate = _hear_audio(paths, names, frame_rate, cache)
    else:
        files = {name: _file_with(name, paths) for name in names}
        rate = _declared_rate(searcher, files) if frame_rate is None else frame_rate
        chroma = read_features(checkpoint, files)
    check_sound(chroma, rate, what=f"{paths[0]}: at {rate:.2f} frames/s it has ")
    return HeardOutside(checkpoint, chroma, rate)


def _hear_notes(checkpoint: Checkpoint, paths: Sequence[Path], frame_rate: float | None) -> HeardOutside:
    """The notes of a MIDI or MusicXML file as every feature of the model would have them."""
    from covsearch.features.sound import check_sound
    from covsearch.synthesis.plain import RATE
    from covsearch.synthesis.tune import tune_chroma

    if len(paths) > 1:
        raise UsageError(f"expected one MIDI or MusicXML file, which has all its notes, not {len(paths)} files")
    if frame_rate is not None:
        raise UsageError(f"{paths[0]}: a frame rate is of chroma, and this file has notes: leave it out")
    heard = tune_chroma(paths[0], checkpoint.config.features.names)
    check_sound(heard, RATE, what=f"{paths[0]}: ")
    return HeardOutside(checkpoint, heard, RATE)


def hear_chroma(
    searcher: Searcher, chroma: ArrayLike | Mapping[str, ArrayLike], frame_rate: float | None
) -> HeardOutside:
    """Check one performance's chroma; parameters and errors are those of :func:`query_chroma`."""
    from covsearch.features.raw import checked_chroma, declared
    from covsearch.features.sound import check_sound

    rate = declared(frame_rate)
    checkpoint = _own_checkpoint(searcher)
    arrays = checked_chroma(chroma, checkpoint.config.features.names)
    check_sound(arrays, rate, what=f"at {rate:.2f} frames/s the array has ", error=UsageError)
    return HeardOutside(checkpoint, arrays, rate)


def _hear_audio(
    paths: Sequence[Path], names: Sequence[str], frame_rate: float | None, cache: Path
) -> tuple[dict[str, NDArray[np.float32]], float]:
    """The chroma of an audio file, and its frames/s."""
    from covsearch.collections.given import check_for_audio
    from covsearch.collections.recording import read_recording

    check_for_audio(names, frame_rate)
    if len(paths) > 1:
        raise UsageError(f"expected one audio file, which has all there is to hear, not {len(paths)} files")
    chroma, rate, _ = read_recording(paths[0], cache)
    return chroma, rate


def _embed_chroma(
    searcher: Searcher, checkpoint: Checkpoint, chroma: Mapping[str, NDArray[np.float32]], frame_rate: float
) -> Question:
    from covsearch.embedding import embed_chroma, embed_chroma_windows
    from covsearch.features.frames import seen_rate
    from covsearch.features.slow import restored, slow_chroma
    from covsearch.index.windows import Windows
    from covsearch.stages import Question

    parts = None
    cut = searcher.generation.manifest.windows
    if searcher.windows is not None and cut is not None:
        recipe = replace(cut, rate=seen_rate(checkpoint.config.features, frame_rate))
        parts = Windows(*embed_chroma_windows(checkpoint, chroma, frame_rate, recipe))
    frames, _ = slow_chroma(chroma, checkpoint.config.features.names, frame_rate)
    return Question(embed_chroma(checkpoint, chroma, frame_rate), restored(frames), parts)


def _own_checkpoint(searcher: Searcher) -> Checkpoint:
    """The index's own model, read once."""
    from covsearch.models import checkpoint_of  # torch, which a query by id does without

    built, _ = searcher.generation.manifest.heard()
    if searcher.checkpoint is not None:
        return searcher.checkpoint
    checkpoint = checkpoint_of(searcher.generation.model_files(), Path(searcher.generation.name))
    config = checkpoint.config.features
    if checkpoint.fingerprint != searcher.generation.manifest.model:
        own = searcher.generation.manifest.model
        raise ArtefactError(f"index was built with model {own}, its copy is {checkpoint.fingerprint}: {MEND}")
    if config != built:
        raise ArtefactError(f"index was built with {built}, the model in it sees {config}: {MEND}")
    searcher.checkpoint = checkpoint
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
