"""One performance from outside an index, in audio, notes or feature files, as a model hears it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.collections.given import check_for_audio
from covsearch.collections.pool import Alive, unasked
from covsearch.collections.recording import read_recording
from covsearch.collections.tags import Tags
from covsearch.dataset.chroma import CHROMA
from covsearch.dataset.files import rate_of_file
from covsearch.dataset.frame_rate import DATACOS_RATE, rate_beside
from covsearch.dataset.hdf5 import inspect_chroma
from covsearch.dataset.layout import SUFFIX
from covsearch.dataset.lengths import check_file_lengths
from covsearch.embedding import read_features
from covsearch.errors import ArtefactError, FeatureFileError, UsageError
from covsearch.features.audio import is_audio
from covsearch.features.audio.suffixes import IN_WORDS
from covsearch.features.sound import check_sound
from covsearch.models import Checkpoint
from covsearch.synthesis.notation import read_notation
from covsearch.synthesis.plain import RATE, plain_chroma
from covsearch.synthesis.suffixes import is_notation

NO_TAGS = Tags()


@dataclass(frozen=True, eq=False)
class HeardOutside:
    """A performance from outside as a model hears it.

    Attributes
    ----------
    checkpoint : Checkpoint
        That model.
    chroma : mapping
        Feature name -> NDArray[float32] of shape (T, 12), for every feature of the model.
    rate : float
        Frames/s.
    tags : Tags
        What an audio file says of itself.
    """

    checkpoint: Checkpoint
    chroma: Mapping[str, NDArray[np.float32]]
    rate: float
    tags: Tags = NO_TAGS


def hear_performance(
    checkpoint: Checkpoint,
    paths: Sequence[Path],
    cache: Path | None,
    frame_rate: float | None = None,
    index_rate: float = DATACOS_RATE,
    alive: Alive = unasked,
) -> HeardOutside:
    """Read one performance's files.

    Parameters
    ----------
    checkpoint : Checkpoint
    paths : sequence of Path
        A file of audio or of notes; or HDF5 files that hold all features of the model, in one file or in several.
    cache : Path or None
        The workspace's, for decoded audio; None keeps nothing.
    frame_rate : float, optional
        Frames/s of feature files, a possible one; by default what they or their collection declare.
    index_rate : float
        Of the files of the index that is asked, frames/s; without an index Da-TACOS's.
    alive : Alive
        As for :func:`covsearch.collections.pool.answers`, while audio is decoded.

    Raises
    ------
    ArtefactError
        When the files lack a feature, are refused or have less than 15 s of sound.
    UsageError
        When the files say no frame rate and the model needs one, when they say two, when they
        cannot be of the frame rate assumed of them, for several files of audio or notes, and when the model does not
        hear audio.
    """
    names, tags, notes = checkpoint.config.features.names, NO_TAGS, any(map(is_notation, paths))
    if notes:
        chroma, rate = _read_notes(paths, names, frame_rate), RATE
    elif any(map(is_audio, paths)):
        check_for_audio(names, frame_rate)
        _check_one(paths, "audio", "all there is to hear")
        chroma, rate, tags = read_recording(paths[0], cache, alive)
    else:
        files = {name: _file_with(name, paths) for name in names}
        rate = _declared_rate(checkpoint, files, index_rate) if frame_rate is None else frame_rate
        chroma = read_features(checkpoint, files)
    check_sound(chroma, rate, what=f"{paths[0]}: {'' if notes else f'at {rate:.2f} frames/s it has '}")
    return HeardOutside(checkpoint, chroma, rate, tags)


def _read_notes(
    paths: Sequence[Path], names: Sequence[str], frame_rate: float | None
) -> dict[str, NDArray[np.float32]]:
    """The notes of a MIDI or MusicXML file as every feature of the model would have them."""
    _check_one(paths, "MIDI or MusicXML", "all its notes")
    if frame_rate is not None:
        raise UsageError(f"{paths[0]}: a frame rate is of chroma, and this file has notes: leave it out")
    chroma = plain_chroma(read_notation(paths[0]))
    return {name: np.roll(chroma, -CHROMA[name].first_bin, axis=1).copy() for name in names}


def _check_one(paths: Sequence[Path], kind: str, has: str) -> None:
    if len(paths) > 1:
        raise UsageError(f"expected one {kind} file, which has {has}, not {len(paths)} files")


def _declared_rate(checkpoint: Checkpoint, files: Mapping[str, Path], index_rate: float) -> float:
    """What is said of the files' frame rate; where nothing is, they must not be read at a guess."""
    said = {path: rate for path in files.values() if (rate := rate_of_file(path)) is not None}
    if len(set(said.values())) > 1:
        each = " and ".join(f"{path} has {rate:g} frames/s" for path, rate in said.items())
        raise UsageError(f"{each}: expected one rate of all files of a performance: say it with --frame-rate")
    declared = next(iter(said.values()), None)
    feature, path = next(iter(files.items()))
    rate = rate_beside(index_rate, declared, path, matters=bool(checkpoint.config.features.rate))
    if declared is None:
        check_file_lengths([path], feature, rate, path)
    return rate


def _file_with(feature: str, paths: Sequence[Path]) -> Path:
    """The first of `paths` that holds `feature`."""
    refused = []
    for path in paths:
        try:
            inspect_chroma(path, feature)
        except FeatureFileError as e:
            refused.append(str(e))
        else:
            return path
    named_so = all(re.search(rf"{SUFFIX}$", path.name) for path in paths)
    kinds = "" if named_so else f". Expected audio ({IN_WORDS}), notes (MIDI or MusicXML) or HDF5 features (.h5)"
    raise ArtefactError(f"the model needs {feature}; {'; '.join(refused)}{kinds}")
