"""Audio files to mono samples at 44.1 kHz, block by block, whatever their length.

libsndfile reads WAV, FLAC, Ogg, Opus, MP3 and their kin; what it does not know goes to FFmpeg
(:mod:`~covsearch.features.audio.ffmpeg`). Channels are averaged, other sample rates resampled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.features.audio.analysis import SAMPLE_RATE
from covsearch.features.audio.ffmpeg import ffmpeg_blocks
from covsearch.features.audio.mono import check_format, mean_of_channels
from covsearch.features.audio.mp3 import walk, with_true_length
from covsearch.features.audio.resample import resampled
from covsearch.features.audio.suffixes import FFMPEG_SUFFIXES
from covsearch.guard.files import RefusedError, open_regular

_BLOCK = 1 << 18  # samples of all channels together that are decoded at once


def mono_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    """Samples of an audio file.

    Parameters
    ----------
    path : Path
        Any format that libsndfile or, with the extra ``audio``, FFmpeg reads; 1 to 64 channels, 4 to 384 kHz. Of a
        video, its first sound track.

    Yields
    ------
    NDArray[float32], shape (n,)
        Mean of the channels at 44.1 kHz.

    Raises
    ------
    ArtefactError
        When the file cannot be read or decoded, or what is decoded is no sound.
    MissingExtraError
        When it needs the extra ``audio``.
    """
    with _opened(path) as file:
        if path.suffix.lower() in FFMPEG_SUFFIXES:
            yield from ffmpeg_blocks(path, file)
            return
        with ExitStack() as stack:
            try:
                sound, least = _sound(file)
                stack.enter_context(sound)
            except soundfile.LibsndfileError as e:
                if not find_spec("av"):
                    raise ArtefactError(f"{path}: cannot be read as audio: {_said(e)}") from e
            else:
                yield from resampled(_soundfile_blocks(path, sound, least), sound.samplerate, SAMPLE_RATE)
                return
        file.seek(0)
        yield from ffmpeg_blocks(path, file)


def _opened(path: Path) -> BinaryIO:
    try:
        return os.fdopen(open_regular(path), "rb")
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e


def _sound(file: BinaryIO) -> tuple[soundfile.SoundFile, int]:
    """Open a file with libsndfile, and how many samples there are in any case; an MP3 with its true length."""
    sound = soundfile.SoundFile(file.fileno(), closefd=False)
    if sound.format != "MP3":
        return sound, 0
    claimed = sound.frames
    sound.close()
    found = walk(file)
    longer = None if found is None else with_true_length(file, found, claimed)
    file.seek(0)
    return soundfile.SoundFile(longer or file.fileno(), closefd=False), 0 if found is None else found.least


def _soundfile_blocks(path: Path, sound: soundfile.SoundFile, least: int) -> Iterator[NDArray[np.float32]]:
    check_format(path, sound.samplerate, sound.channels)
    buffer = np.empty((_BLOCK // sound.channels, sound.channels), np.float32)
    read = 0
    while True:
        try:
            block = sound.read(out=buffer)  # not sound.frames, which is a guess in an MP3
        except soundfile.LibsndfileError as e:
            raise ArtefactError(f"{path}: the audio breaks off: {_said(e)}") from e
        if not len(block):
            break
        read += len(block)
        yield mean_of_channels(path, block)
    if read < least:  # libsndfile gives up at some damaged frames without a word
        there, wanted = read / sound.samplerate, least / sound.samplerate
        raise ArtefactError(f"{path}: the audio breaks off: {there:.1f} of {wanted:.1f} s can be decoded")


def _said(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).strip().rstrip(".")
