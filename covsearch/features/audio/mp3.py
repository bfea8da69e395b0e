"""MP3 files that say wrongly how long they are: counted frame by frame, and read with a header that is true.

libsndfile stops where the first frame's header says that the sound ends. Files that were cut, joined or written by old
encoders say it wrongly, or not at all, and would be read in part without a word.

References
----------
ISO/IEC 11172-3, 2.4.1: frames of MPEG audio, Layer III.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

from covsearch.guard.files import Positioned

_CHUNK = 1 << 20
_KBITS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits
_MIDDLING = 9  # a bit rate whose frame has room for the header
_SLACK = 4  # frames


@dataclass(frozen=True)
class Walk:
    """What is in an MP3 file.

    Attributes
    ----------
    first : int
        Where the first frame begins, in bytes.
    header : bytes
        Of the first frame, 4 bytes.
    frames : int
        Layer III frames of one sample rate.
    samples : int
        Of a frame: 1152 or 576.
    """

    first: int
    header: bytes
    frames: int
    samples: int

    @property
    def least(self) -> int:
        """Samples of a channel that are there in any case: encoders' delay and padding may be cut off."""
        return (self.frames - _SLACK) * self.samples


def walk(file: BinaryIO) -> Walk | None:
    """Count the frames of an MP3 file, leaving its position anywhere; None where there are none."""
    start = behind_tags(file)
    first, header, frames = -1, b"", 0
    file.seek(start)
    held, at = file.read(_CHUNK), start  # `held` begins at byte `at` of the file
    k = 0
    while True:
        if k + 4 > len(held):
            at, held, k = at + k, held[k:] + file.read(_CHUNK), 0
            if len(held) < 4:
                break
        length = _length(held, k)
        if length and (not frames or _same_kind(held[k : k + 4], header)):
            if not frames:
                if len(held) - k < length + 4:
                    held += file.read(_CHUNK)
                if not _follows(held, k + length):
                    k += 1
                    continue
                first, header = at + k, held[k : k + 4]
            frames += 1
            if (skip := k + length - len(held)) > 0:
                at, held, k = at + len(held) + skip, (file.seek(skip, os.SEEK_CUR), file.read(_CHUNK))[1], 0
            else:
                k += length
            continue
        k = found if (found := held.find(b"\xff", k + 1)) >= 0 else len(held)
    return Walk(first, header, frames, 1152 if _version(header, 0) == 3 else 576) if frames else None


def with_true_length(file: BinaryIO, found: Walk, claimed: int) -> io.RawIOBase | None:
    """The same MP3 behind a header that tells how many frames it has, or None where `claimed` is not too few.

    Parameters
    ----------
    file : binary file
    found : Walk
        Of `file`.
    claimed : int
        Samples of a channel that libsndfile expects.
    """
    if claimed >= found.least:
        return None
    file.seek(found.first)
    old = file.read(_length(found.header, 0))
    is_header = any(mark in old[:64] for mark in (b"Xing", b"Info", b"VBRI"))
    rest = found.first + (len(old) if is_header else 0)
    return _Behind(_header_frame(found, found.frames - is_header), file, rest)


class _Behind(Positioned):
    """Some bytes, and a file from some byte on behind them."""

    def __init__(self, head: bytes, file: BinaryIO, start: int) -> None:
        super().__init__(len(head) + file.seek(0, os.SEEK_END) - start)
        self._head, self._file, self._start = head, file, start

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._at < len(self._head):
            data = self._head[self._at : self._at + len(buffer)]
        else:
            self._file.seek(self._start + self._at - len(self._head))
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def behind_tags(file: BinaryIO) -> int:
    """The first byte behind the ID3v2 tags at the beginning."""
    start = 0
    while True:
        file.seek(start)
        tag = file.read(10)
        if len(tag) < 10 or tag[:3] != b"ID3" or max(tag[6:10]) > 127:
            return start
        size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        start += 10 + size + (10 if tag[5] & 0x10 else 0)


def _version(data: bytes, k: int) -> int:
    """3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5."""
    return data[k + 1] >> 3 & 3


def _length(data: bytes, k: int) -> int:
    """Bytes of the Layer III frame whose header is at `k`, 0 where there is none."""
    if data[k] != 0xFF or data[k + 1] & 0xE6 != 0xE2:  # the sync word, and Layer III
        return 0
    version, rate, bits = _version(data, k), data[k + 2] >> 2 & 3, data[k + 2] >> 4
    if version == 1 or rate == 3 or bits in (0, 15):
        return 0
    kind, factor = (1, 144_000) if version == 3 else (2, 72_000)
    return factor * _KBITS[kind][bits] // _RATES[version][rate] + (data[k + 2] >> 1 & 1)


def _same_kind(a: bytes, b: bytes) -> bool:
    return a[1] & 0xFE == b[1] & 0xFE and a[2] & 0x0C == b[2] & 0x0C


def _follows(data: bytes, k: int) -> bool:
    """Whether a frame, or nothing at all, is at `k`."""
    return k + 4 > len(data) or _length(data, k) > 0


def _header_frame(found: Walk, frames: int) -> bytes:
    """A silent frame that tells how many come behind it, as Xing's encoder wrote it."""
    version, mono = _version(found.header, 0), found.header[3] >> 6 == 3
    header = bytes([0xFF, found.header[1] | 1, _MIDDLING << 4 | found.header[2] & 0x0C, found.header[3]])
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    frame = header + bytes(side) + b"Xing" + (1).to_bytes(4, "big") + frames.to_bytes(4, "big")
    return frame.ljust(_length(header, 0), b"\0")
