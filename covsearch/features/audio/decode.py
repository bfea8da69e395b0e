"""Audio files to mono samples at 44.1 kHz, block by block, whatever their length.

libsndfile reads WAV, FLAC, Ogg, Opus, MP3 and their kin; what it does not know goes to FFmpeg by PyAV, the extra
``audio``. Channels are averaged, other sample rates resampled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, MissingExtraError
from covsearch.features.audio.analysis import SAMPLE_RATE
from covsearch.features.audio.resample import resampled
from covsearch.features.audio.suffixes import FFMPEG_SUFFIXES
from covsearch.guard.files import RefusedError, open_regular

LEAST_RATE, MOST_RATE = 4_000, 384_000
MOST_CHANNELS = 64
# no playlist, no picture, no format that reads other files or the network
ONLY_THIS_FILE = {
    "protocol_whitelist": "none",
    "format_whitelist": "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,matroska,webm,mov,mp4,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,tta,w64,wav,wv",
}
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
        if path.suffix.lower() not in FFMPEG_SUFFIXES:
            try:
                sound = soundfile.SoundFile(file.fileno(), closefd=False)
            except soundfile.LibsndfileError as e:
                if not find_spec("av"):
                    raise ArtefactError(f"{path}: cannot be read as audio: {_said(e)}") from e
                file.seek(0)
            else:
                with sound:
                    yield from resampled(_by_soundfile(path, sound), sound.samplerate, SAMPLE_RATE)
                return
        yield from _by_ffmpeg(path, file)


def _opened(path: Path) -> BinaryIO:
    try:
        return os.fdopen(open_regular(path), "rb")
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e


def _by_soundfile(path: Path, file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    _check_format(path, file.samplerate, file.channels)
    buffer = np.empty((max(_BLOCK // file.channels, 1), file.channels), np.float32)
    while True:
        try:
            block = file.read(out=buffer)  # not file.frames, which is a guess in an MP3
        except soundfile.LibsndfileError as e:
            raise ArtefactError(f"{path}: the audio breaks off: {_said(e)}") from e
        if not len(block):
            return
        yield _mono(path, block)


def _by_ffmpeg(path: Path, file: BinaryIO) -> Iterator[NDArray[np.float32]]:
    try:
        import av
    except ImportError as e:
        raise MissingExtraError(f"reading {path.suffix} files", "audio") from e
    try:
        with av.open(file, metadata_errors="ignore", options=ONLY_THIS_FILE) as container:
            if not container.streams.audio:
                raise ArtefactError(f"{path}: has no sound track")
            stream = container.streams.audio[0]
            rate, channels = stream.rate or 0, stream.channels or 0
            _check_format(path, rate, channels)
            yield from resampled(_of_stream(path, container, stream), rate, SAMPLE_RATE)
    except (av.FFmpegError, OSError) as e:
        raise ArtefactError(f"{path}: cannot be read as audio: {e.strerror or type(e).__name__}") from e


def _of_stream(path: Path, container: Any, stream: Any) -> Iterator[NDArray[np.float32]]:
    """Blocks of about a second: FFmpeg's own are too short to be handed on one by one."""
    import av

    planar = av.AudioResampler(format="fltp")
    held: list[NDArray[np.float32]] = []
    for frame in container.decode(stream):
        if frame.rate != stream.rate or frame.layout.nb_channels != stream.channels:
            raise ArtefactError(f"{path}: changes its sample rate or channels on the way: convert it to one of each")
        held += [_mono(path, part.to_ndarray().T) for part in planar.resample(frame)]
        if sum(map(len, held)) >= stream.rate:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _mono(path: Path, block: NDArray[Any]) -> NDArray[np.float32]:
    """Mean of the channels of (n, C) samples: (n,), never a view of the block."""
    mono = block[:, 0] * np.float32(1) if block.shape[1] == 1 else block @ _shares(block.shape[1])
    if not np.isfinite(mono).all():
        raise ArtefactError(f"{path}: holds samples that are no finite numbers")
    return np.asarray(mono, np.float32)


def _shares(channels: int) -> NDArray[np.float32]:
    return np.full(channels, 1 / channels, np.float32)


def _check_format(path: Path, rate: int, channels: int) -> None:
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise ArtefactError(f"{path}: expected a sample rate of {LEAST_RATE} to {MOST_RATE} Hz, not {rate}")
    if not 1 <= channels <= MOST_CHANNELS:
        raise ArtefactError(f"{path}: expected 1 to {MOST_CHANNELS} channels, not {channels}")


def _said(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).strip().rstrip(".")
