"""What only FFmpeg decodes: m4a, aac, wma, videos; by PyAV, the extra ``audio``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, MissingExtraError
from covsearch.features.audio.analysis import SAMPLE_RATE
from covsearch.features.audio.mono import check_format, mean_of_channels
from covsearch.features.audio.resample import resampled

# no playlist and no other format that makes FFmpeg read further files or the network
_ONLY_THIS_FILE = {
    "protocol_whitelist": "none",
    "format_whitelist": "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,matroska,webm,mov,mp4,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,tta,w64,wav,wv",
}


def ffmpeg_blocks(path: Path, file: BinaryIO) -> Iterator[NDArray[np.float32]]:
    """Samples of the first sound track of an opened file.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    file : binary file
        At its beginning.

    Yields
    ------
    NDArray[float32], shape (n,)
        Mean of the channels at 44.1 kHz.

    Raises
    ------
    ArtefactError
        When it cannot be decoded, has no sound, or changes its format on the way.
    MissingExtraError
        When the extra ``audio`` is not installed.
    """
    try:
        import av
    except ImportError as e:
        raise MissingExtraError(f"reading {path.name}", "audio") from e
    try:
        with open_media(file) as container:
            if not container.streams.audio:
                raise ArtefactError(f"{path}: has no sound track")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise ArtefactError(f"{path}: has sound of a kind that FFmpeg cannot decode")
            check_format(path, stream.rate or 0, stream.channels or 0)
            yield from resampled(_seconds_of(path, container, stream), stream.rate, SAMPLE_RATE)
    except (av.FFmpegError, OSError, ValueError) as e:  # ValueError: frames of two formats
        raise ArtefactError(f"{path}: cannot be read as audio: {getattr(e, 'strerror', None) or e}") from e


def open_media(file: BinaryIO) -> Any:
    """PyAV's container of an opened file, which may open nothing else; what PyAV raises is raised."""
    import av

    return av.open(file, "r", metadata_errors="ignore", options=_ONLY_THIS_FILE)


def _seconds_of(path: Path, container: Any, stream: Any) -> Iterator[NDArray[np.float32]]:
    """Blocks of about a second at the stream's rate: FFmpeg's own are too short to be handed on one by one."""
    import av

    rate, channels = stream.rate, stream.channels
    planar = av.AudioResampler(format="fltp")
    held: list[NDArray[np.float32]] = []
    for frame in container.decode(stream):
        if frame.rate != rate or frame.layout.nb_channels != channels:
            raise ArtefactError(f"{path}: changes its sample rate or channels on the way: convert it to one of each")
        held += [mean_of_channels(path, part.to_ndarray().T) for part in planar.resample(frame)]
        if sum(map(len, held)) >= rate:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)
