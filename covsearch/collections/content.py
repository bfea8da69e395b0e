"""The checksum of a file's sound, which no change of its tags touches."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from covsearch.features.audio.mp3 import behind_tags
from covsearch.guard.files import open_regular

_ID3V1, _APE = b"TAG", b"APETAGEX"
_BLOCK = 2**20


def content_of(path: Path) -> str:
    """SHA-256 of a file without its tags; nothing is decoded.

    Of MP3 and FLAC, it is of the bytes between the tags. Of other formats it is of the compressed packets of the first
    audio stream, as FFmpeg finds them, so that tags and covers do not count either; without PyAV, and where there are
    no packets, it is of the whole file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        When the file cannot be read.
    RefusedError
        When it is no regular file.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        end = file.seek(0, os.SEEK_END)
        between = _between_tags(file, end)
        if between is not None:
            return _bytes(file, *between)
        return _packets(file) or _bytes(file, 0, end)


def _between_tags(file: BinaryIO, end: int) -> tuple[int, int] | None:
    """Where the sound of an MP3 or FLAC file begins and ends; None of another format."""
    begin = behind_tags(file)
    head = _at(file, begin, 4)
    if head == b"fLaC":
        return _after_blocks(file, begin + 4, end), _before_tags(file, end)
    if len(head) == 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 6 == 2:  # a frame of layer III
        return begin, _before_tags(file, end)
    return None


def _after_blocks(file: BinaryIO, at: int, end: int) -> int:
    """Behind FLAC's blocks of metadata."""
    while len(head := _at(file, at, 4)) == 4 and at < end:
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 128:
            break
    return min(at, end)


def _before_tags(file: BinaryIO, end: int) -> int:
    """Before the tags at the end, of which there may be two kinds."""
    if end >= 128 and _at(file, end - 128, 3) == _ID3V1:
        end -= 128
    foot = _at(file, end - 32, 32) if end >= 32 else b""
    if foot[:8] == _APE:
        size = int.from_bytes(foot[12:16], "little") + 32 * bool(foot[23] & 128)
        end -= min(size, end)
    return end


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _bytes(file: BinaryIO, begin: int, end: int) -> str:
    digest = hashlib.sha256()
    file.seek(begin)
    while begin < end and (block := file.read(min(_BLOCK, end - begin))):
        digest.update(block)
        begin += len(block)
    return digest.hexdigest()


def _packets(file: BinaryIO) -> str | None:
    """Of the packets of the first audio stream, its codec, rate and channels; None where FFmpeg finds none."""
    try:
        import av

        from covsearch.features.audio.ffmpeg import open_media
    except ImportError:
        return None
    digest, packets = hashlib.sha256(), 0
    file.seek(0)
    try:
        with open_media(file) as container:
            stream = container.streams.audio[0]
            codec = stream.codec_context
            digest.update(f"{codec.name} {codec.sample_rate} {codec.layout.nb_channels}\n".encode())
            for packet in container.demux(stream):
                digest.update(bytes(packet))
                packets += packet.size > 0
    except (av.FFmpegError, OSError, ValueError, IndexError, AttributeError):
        return None
    return digest.hexdigest() if packets else None
