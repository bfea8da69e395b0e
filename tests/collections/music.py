"""A small folder of audio with tags, for tests."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

import numpy as np
from features.audio.sounds import tones, write
from numpy.typing import NDArray

SECONDS = 18.0


@cache
def song(seed: int) -> NDArray[np.float32]:
    """Eighteen seconds of music."""
    return tones(SECONDS, seed)


def id3(**frames: str) -> bytes:
    """An ID3v2.4 tag; a name in capital letters is a frame, any other one is a TXXX."""
    body = b""
    for name, text in frames.items():
        data = b"\x03" + text.encode() if name.isupper() else b"\x03" + f"{name}\0{text}".encode()
        frame = name.encode() if name.isupper() else b"TXXX"
        body += frame + _synchsafe(len(data)) + b"\0\0" + data
    return b"ID3\x04\0\0" + _synchsafe(len(body)) + body


def id3v1(title: str) -> bytes:
    """An ID3v1 tag."""
    return b"TAG" + title.encode().ljust(125, b"\0")


def ape(text: bytes) -> bytes:
    """An APEv2 tag with a footer alone."""
    item = struct.pack("<II", len(text), 0) + b"Comment\0" + text
    return item + b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, 0) + bytes(8)


def tag(path: Path, **frames: str) -> Path:
    """Give an MP3 file a tag, in place of the one that it has."""
    data = path.read_bytes()
    if data[:3] == b"ID3":
        size = sum((byte & 127) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        data = data[10 + size :]
    path.write_bytes(id3(**frames) + data)
    return path


def write_music(root: Path) -> Path:
    """Three songs in two folders: an MP3 with tags, a FLAC, and the FLAC's song as WAV."""
    (root / "Album").mkdir(parents=True)
    write(root / "one.mp3", song(1))
    work = {"MusicBrainz Work Id": "work-1"}
    tag(root / "one.mp3", TIT2="Ein Lied", TPE1="Die Sänger", TDRC="1969-05-01", **work)
    write(root / "Album" / "two.flac", song(2))
    write(root / "Album" / "two again.wav", song(2))
    return root


def _synchsafe(size: int) -> bytes:
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
