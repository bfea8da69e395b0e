"""Files that are called audio: every kind that can be read, and every kind that a stranger, a disk or a network breaks.

A kind writes one file. What is said of it is :data:`READ`, or a pattern of the reason for which it is left out.
"""

from __future__ import annotations

import gzip
import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

READ = "is read"
RATE = 44_100
SECONDS = 16
_CHORDS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16))
_UNREADABLE = "cannot be read as audio|breaks off|holds no audio|cannot be decoded|cannot decode|Invalid data"


@dataclass(frozen=True)
class Kind:
    """One kind.

    Attributes
    ----------
    write : callable
        Makes the file at a path.
    expected : str
        :data:`READ` or a pattern.
    name : str
        Of the file.
    """

    write: Callable[[Path], Any]
    expected: str
    name: str


@cache
def music(rate: int = RATE, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Chords of sine tones, (N,)."""
    time = np.arange(round(rate * seconds)) / rate
    sound = np.zeros(len(time))
    for place, chord in enumerate(_CHORDS * 4):
        inside = slice(rate * place, rate * (place + 1))
        for step in chord:
            sound[inside] += 0.2 * np.sin(2 * np.pi * 220 * 2 ** (step / 12) * time[inside])
    return sound.astype(np.float32)


def encoded(
    form: str, subtype: str | None = None, rate: int = RATE, channels: int = 1, samples: Any = None
) -> Callable[[Path], None]:
    """Music as libsndfile writes it."""

    def write(path: Path) -> None:
        sound = music(rate) if samples is None else samples
        data = np.repeat(sound[:, None], channels, axis=1) if channels > 1 else sound
        with soundfile.SoundFile(path, "w", rate, channels, subtype, format=form) as file:
            for start in range(0, len(data), rate):
                file.write(data[start : start + rate])

    return write


@cache
def data_of(form: str, subtype: str | None = None) -> bytes:
    """The bytes of music in a format of libsndfile."""
    held = io.BytesIO()
    with soundfile.SoundFile(held, "w", RATE, 1, subtype, format=form) as file:
        for start in range(0, len(music()), RATE):
            file.write(music()[start : start + RATE])
    return held.getvalue()


@cache
def ffmpeg_data(form: str, codec: str, picture: bool = False) -> bytes:
    """The bytes of music in a format of FFmpeg, beside a film where that is wanted."""
    import av

    held = io.BytesIO()
    with av.open(held, "w", format=form) as container:
        film: Any = container.add_stream("mpeg4", rate=10) if picture else None
        if film is not None:
            film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.layout, stream.bit_rate = "mono", 128_000
        kind = stream.codec_context.codec.audio_formats[0].name
        samples = music() if kind.startswith("flt") else (music() * 32_000).astype(np.int16)
        planar = "fltp" if kind.startswith("flt") else "s16p"
        frame = av.AudioFrame.from_ndarray(samples[None], format=planar, layout="mono")
        frame.sample_rate = RATE
        for part in av.AudioResampler(kind, "mono", RATE, frame_size=stream.frame_size or 1024).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
        if film is not None:
            for _ in range(10):
                container.mux(film.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(film.encode())
    return held.getvalue()


def bytes_of(data: bytes | Callable[[], bytes]) -> Callable[[Path], Any]:
    """Write just these bytes; they are made when they are needed."""
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data())


def synchsafe(size: int) -> bytes:
    """A size as ID3 has it."""
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))


def id3(*frames: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """An ID3v2.4 tag, with a size of its own or one that lies."""
    body = b"".join(name + synchsafe(len(data)) + b"\0\0" + data for name, data in frames)
    return b"ID3\x04\0\0" + synchsafe(len(body) if size is None else size) + body


def mp3(before: bytes = b"", after: bytes = b"") -> Callable[[], bytes]:
    """An MP3 file between other bytes."""
    return lambda: before + data_of("MP3", "MPEG_LAYER_III") + after


def cut(form: str, subtype: str | None, share: float) -> Callable[[], bytes]:
    """The first part of a file."""
    return lambda: data_of(form, subtype)[: int(len(data_of(form, subtype)) * share)]


def flipped(form: str, subtype: str | None, begin: float = 0.4, count: int = 400) -> Callable[[], bytes]:
    """A file with noise in its middle."""

    def made() -> bytes:
        data = bytearray(data_of(form, subtype))
        start = int(len(data) * begin)
        data[start : start + count] = noise(count)
        return bytes(data)

    return made


def noise(count: int) -> bytes:
    """What encrypted data look like."""
    return np.random.default_rng(7).bytes(count)


def wav(
    fmt: bytes = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16), size: int | None = None, data: bytes | None = None
) -> bytes:
    """A WAV file of a header and a size that may lie."""
    held = (music() * 32_000).astype("<i2").tobytes() if data is None else data
    said = len(held) if size is None else size
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", said) + held
    return b"RIFF" + struct.pack("<I", min(4 + len(chunks), 2**32 - 1)) + b"WAVE" + chunks


def _fmt(kind: int = 1, channels: int = 1, rate: int = RATE, align: int = 2, bits: int = 16) -> bytes:
    return struct.pack("<HHIIHH", kind, channels, rate, rate * align & (2**32 - 1), align, bits)


def _float(value: float) -> bytes:
    samples = music().copy()
    samples[RATE : RATE + 5] = value
    return wav(_fmt(3, align=4, bits=32), data=samples.astype("<f4").tobytes())


def _xing(frames: int, size: int) -> bytes:
    """An MP3 whose first frame says how many frames and bytes there are, and lies."""
    head = b"\xff\xfb\x90\xc4"
    frame = head + bytes(17) + b"Xing" + struct.pack(">III", 3, frames, size)
    return frame.ljust(417, b"\0") + mp3()()


def _flac_of(frames: int) -> bytes:
    """A FLAC file that says how many samples it has."""
    data = bytearray(data_of("FLAC", "PCM_16"))
    packed = int.from_bytes(data[18:26], "big")
    data[18:26] = (packed >> 36 << 36 | frames).to_bytes(8, "big")
    return bytes(data)


def _flac_picture() -> bytes:
    """A FLAC file with a picture that is longer than the file."""
    data = data_of("FLAC", "PCM_16")
    return data[:42] + b"\x06\xff\xff\xff" + data[42:]


def _protected() -> bytes:
    """An MP4 file whose sound is said to be encrypted, and is noise."""
    data = bytearray(ffmpeg_data("mp4", "aac").replace(b"mp4a", b"enca"))
    start = data.index(b"mdat") + 8
    data[start : start + 50_000] = noise(50_000)
    return bytes(data)


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.wav", bytes(50 * 2**20))
    return held.getvalue()


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(wav(size=2**32 - 1)[:44])
        file.truncate(10 * 2**30)


def _png() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR") + zlib.compress(bytes(5000))


def _socket(path: Path) -> None:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # a socket's path has at most 108 bytes
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def _called(name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.unlink(missing_ok=True)
        target = path.parent / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(mp3()())

    return write


_APIC = b"\0image/png\0\x03\0" + bytes(2 * 2**20)
_HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"

KINDS: Mapping[str, Kind] = {
    # bits, rates and channels
    "8-bit WAV": Kind(encoded("WAV", "PCM_U8"), READ, "a.wav"),
    "16-bit WAV": Kind(encoded("WAV", "PCM_16"), READ, "a.wav"),
    "24-bit WAV": Kind(encoded("WAV", "PCM_24"), READ, "a.wav"),
    "32-bit WAV": Kind(encoded("WAV", "PCM_32"), READ, "a.wav"),
    "32-bit float WAV": Kind(encoded("WAV", "FLOAT"), READ, "a.wav"),
    "64-bit float WAV": Kind(encoded("WAV", "DOUBLE"), READ, "a.wav"),
    "µ-law WAV": Kind(encoded("WAV", "ULAW"), READ, "a.wav"),
    "A-law WAV": Kind(encoded("WAV", "ALAW"), READ, "a.wav"),
    "IMA ADPCM WAV": Kind(encoded("WAV", "IMA_ADPCM"), READ, "a.wav"),
    "MS ADPCM WAV": Kind(encoded("WAV", "MS_ADPCM"), READ, "a.wav"),
    "8 kHz": Kind(encoded("WAV", "PCM_16", 8000), READ, "a.wav"),
    "11.025 kHz": Kind(encoded("WAV", "PCM_16", 11_025), READ, "a.wav"),
    "22.05 kHz": Kind(encoded("FLAC", "PCM_16", 22_050), READ, "a.flac"),
    "48 kHz": Kind(encoded("FLAC", "PCM_16", 48_000), READ, "a.flac"),
    "96 kHz": Kind(encoded("FLAC", "PCM_24", 96_000), READ, "a.flac"),
    "192 kHz": Kind(encoded("FLAC", "PCM_24", 192_000), READ, "a.flac"),
    "1 kHz": Kind(encoded("WAV", "PCM_16", 1000), "expected a sample rate of", "a.wav"),
    "2 MHz": Kind(bytes_of(lambda: wav(_fmt(rate=2_000_000))), "expected a sample rate of", "a.wav"),
    "2 channels": Kind(encoded("WAV", "PCM_16", channels=2), READ, "a.wav"),
    "3 channels": Kind(encoded("WAV", "PCM_16", channels=3), READ, "a.wav"),
    "6 channels": Kind(encoded("FLAC", "PCM_16", channels=6), READ, "a.flac"),
    "8 channels": Kind(encoded("FLAC", "PCM_16", channels=8), READ, "a.flac"),
    "100 channels": Kind(encoded("WAV", "PCM_16", channels=100), "expected 1 to 64 channels", "a.wav"),
    # formats
    "8-bit FLAC": Kind(encoded("FLAC", "PCM_S8"), READ, "a.flac"),
    "Ogg Vorbis": Kind(encoded("OGG", "VORBIS"), READ, "a.ogg"),
    "Ogg Opus": Kind(encoded("OGG", "OPUS", 48_000), READ, "a.opus"),
    "AIFF": Kind(encoded("AIFF", "PCM_16"), READ, "a.aiff"),
    "AU": Kind(encoded("AU", "PCM_16"), READ, "a.au"),
    "CAF": Kind(encoded("CAF", "PCM_16"), READ, "a.caf"),
    "Wave64": Kind(encoded("W64", "PCM_16"), READ, "a.w64"),
    "RF64": Kind(encoded("RF64", "PCM_16"), READ, "a.wav"),
    "AAC in MP4": Kind(bytes_of(lambda: ffmpeg_data("mp4", "aac")), READ, "a.m4a"),
    "ALAC in MP4": Kind(bytes_of(lambda: ffmpeg_data("mp4", "alac")), READ, "a.m4a"),
    "bare AAC": Kind(bytes_of(lambda: ffmpeg_data("adts", "aac")), READ, "a.aac"),
    "WMA": Kind(bytes_of(lambda: ffmpeg_data("asf", "wmav2")), READ, "a.wma"),
    "a film": Kind(bytes_of(lambda: ffmpeg_data("matroska", "aac", picture=True)), READ, "a.mkv"),
    # tags
    "a cover picture of 2 MB": Kind(bytes_of(mp3(id3((b"APIC", _APIC)))), READ, "a.mp3"),
    "an ID3 tag of 8 MB": Kind(bytes_of(mp3(id3((b"PRIV", bytes(8 * 2**20))))), READ, "a.mp3"),
    "a title of 1 MB": Kind(bytes_of(mp3(id3((b"TIT2", b"\x03" + b"x" * 2**20)))), READ, "a.mp3"),
    "two ID3 tags": Kind(bytes_of(mp3(id3((b"TIT2", b"\x03a")) * 2)), READ, "a.mp3"),
    "an ID3 tag of bad UTF-16": Kind(bytes_of(mp3(id3((b"TIT2", b"\x01\xff\xfe\x00\xd8\x41")))), READ, "a.mp3"),
    "an ID3 tag of bad UTF-8": Kind(bytes_of(mp3(id3((b"TIT2", b"\x03\xff\xfe\xc3\x28")))), READ, "a.mp3"),
    "a title that moves the cursor": Kind(bytes_of(mp3(id3((b"TIT2", b"\x03\x1b[2J\x1b]0;x\x07")))), READ, "a.mp3"),
    "a year of letters": Kind(bytes_of(mp3(id3((b"TDRC", b"\x03MCMLXIX")))), READ, "a.mp3"),
    "a work of 300 characters": Kind(
        bytes_of(mp3(id3((b"TXXX", b"\x03MusicBrainz Work Id\0" + b"w" * 300)))), READ, "a.mp3"
    ),
    "frames that overlap in ID3": Kind(
        bytes_of(mp3(b"ID3\x04\0\0" + synchsafe(30) + b"TIT2\x7f\x7f\x7f\x7f" + bytes(22))), READ, "a.mp3"
    ),
    "tags of three kinds behind": Kind(
        bytes_of(mp3(after=b"APETAGEX" + bytes(24) + b"TAG" + bytes(125))), READ, "a.mp3"
    ),
    "an ID3 tag longer than the file": Kind(bytes_of(mp3(id3(size=2**27))), f"{READ}|{_UNREADABLE}", "a.mp3"),
    "a FLAC picture longer than the file": Kind(bytes_of(_flac_picture), f"{READ}|{_UNREADABLE}", "a.flac"),
    # headers that lie
    "a VBR header of 4 billion frames": Kind(bytes_of(lambda: _xing(2**32 - 1, 2**32 - 1)), READ, "a.mp3"),
    "a VBR header of one frame": Kind(bytes_of(lambda: _xing(1, 417)), READ, "a.mp3"),
    "a WAV of unknown length": Kind(bytes_of(lambda: wav(size=2**32 - 1)), READ, "a.wav"),
    "a WAV of 0 bytes": Kind(bytes_of(lambda: wav(size=0)), f"{READ}|{_UNREADABLE}", "a.wav"),
    "a WAV of 0 channels": Kind(bytes_of(lambda: wav(_fmt(channels=0))), "expected 1 to 64 channels", "a.wav"),
    "a WAV of 0 Hz": Kind(bytes_of(lambda: wav(_fmt(rate=0))), f"{_UNREADABLE}|sample rate", "a.wav"),
    "a WAV of 0-byte frames": Kind(bytes_of(lambda: wav(_fmt(align=0))), f"{READ}|{_UNREADABLE}", "a.wav"),
    "a WAV of 1,000 bits": Kind(bytes_of(lambda: wav(_fmt(bits=1000))), _UNREADABLE, "a.wav"),
    "a WAV of an unknown codec": Kind(bytes_of(lambda: wav(_fmt(kind=0x1234))), f"{READ}|{_UNREADABLE}", "a.wav"),
    "a WAV without a format": Kind(bytes_of(lambda: wav().replace(b"fmt ", b"fmtx", 1)), _UNREADABLE, "a.wav"),
    "a WAV with NaN": Kind(bytes_of(lambda: _float(np.nan)), "no finite numbers", "a.wav"),
    "a WAV with infinity": Kind(bytes_of(lambda: _float(np.inf)), "no finite numbers", "a.wav"),
    "a WAV as loud as can be": Kind(bytes_of(lambda: _float(3e38)), f"{READ}|finite", "a.wav"),
    "a FLAC of 2^36 samples": Kind(bytes_of(lambda: _flac_of(2**36 - 1)), f"{READ}|{_UNREADABLE}", "a.flac"),
    "a FLAC of one sample": Kind(bytes_of(lambda: _flac_of(1)), f"{READ}|{_UNREADABLE}", "a.flac"),
    # half of a file, and damage
    "half an MP3": Kind(bytes_of(cut("MP3", "MPEG_LAYER_III", 0.5)), READ, "a.mp3"),
    "half a WAV": Kind(bytes_of(cut("WAV", "PCM_16", 0.5)), READ, "a.wav"),
    "half a FLAC": Kind(bytes_of(cut("FLAC", "PCM_16", 0.5)), f"{READ}|{_UNREADABLE}", "a.flac"),
    "half an Ogg": Kind(bytes_of(cut("OGG", "VORBIS", 0.5)), READ, "a.ogg"),
    "half an MP4": Kind(bytes_of(lambda: ffmpeg_data("mp4", "aac")[:60_000]), _UNREADABLE, "a.m4a"),
    "a header of WAV alone": Kind(bytes_of(lambda: wav(data=b"")), _UNREADABLE, "a.wav"),
    "a header of FLAC alone": Kind(bytes_of(cut("FLAC", "PCM_16", 0.0001)), _UNREADABLE, "a.flac"),
    "noise in an MP3": Kind(bytes_of(flipped("MP3", "MPEG_LAYER_III")), READ, "a.mp3"),
    "noise in a FLAC": Kind(bytes_of(flipped("FLAC", "PCM_16")), f"{READ}|{_UNREADABLE}", "a.flac"),
    "noise in an Ogg": Kind(bytes_of(flipped("OGG", "VORBIS")), READ, "a.ogg"),
    "noise before an MP3": Kind(bytes_of(mp3(b"\0" * 3000)), READ, "a.mp3"),
    "two Ogg files in one": Kind(bytes_of(lambda: data_of("OGG", "VORBIS") * 2), READ, "a.ogg"),
    # what is no audio, or not the one that it is called
    "a WAV called MP3": Kind(bytes_of(wav), READ, "a.mp3"),
    "an MP3 called WAV": Kind(bytes_of(mp3()), READ, "a.wav"),
    "an MP3 called M4A": Kind(bytes_of(mp3()), READ, "a.m4a"),
    "an encrypted MP4": Kind(bytes_of(_protected), _UNREADABLE, "a.m4a"),
    "a text": Kind(bytes_of(b"This is a song.\n" * 500), _UNREADABLE, "a.mp3"),
    "a web page": Kind(bytes_of(b"<!DOCTYPE html><title>404</title>" * 99), _UNREADABLE, "a.mp3"),
    "a ZIP bomb": Kind(bytes_of(_zip), _UNREADABLE, "a.mp3"),
    "a gzip bomb": Kind(bytes_of(lambda: gzip.compress(bytes(50 * 2**20))), _UNREADABLE, "a.flac"),
    "a picture": Kind(bytes_of(_png), _UNREADABLE, "a.mp3"),
    "a program": Kind(bytes_of(b"\x7fELF\2\1\1" + bytes(4000)), _UNREADABLE, "a.mp3"),
    "a playlist that names another file": Kind(bytes_of(_HLS), _UNREADABLE, "a.m4a"),
    "a list of files to join": Kind(bytes_of(b"ffconcat version 1.0\nfile /etc/passwd\n"), _UNREADABLE, "a.m4a"),
    "noise called MP3": Kind(bytes_of(noise(200_000)), f"{READ}|{_UNREADABLE}", "a.mp3"),
    "noise called M4A": Kind(bytes_of(noise(200_000)), _UNREADABLE, "a.m4a"),
    "noise called WMA": Kind(bytes_of(noise(200_000)), _UNREADABLE, "a.wma"),
    "noise called Ogg": Kind(bytes_of(noise(200_000)), _UNREADABLE, "a.ogg"),
    "zeros": Kind(bytes_of(bytes(200_000)), _UNREADABLE, "a.mp3"),
    "one byte": Kind(bytes_of(b"x"), _UNREADABLE, "a.mp3"),
    # what the file system has
    "an empty file": Kind(bytes_of(b""), "is empty", "a.mp3"),
    "a sparse file of 10 GB": Kind(_sparse, "at most 4,294,967,296 are read", "a.wav"),
    "a pipe": Kind(os.mkfifo, "is not a regular file", "a.mp3"),
    "a socket": Kind(_socket, "is not a regular file|No such device", "a.mp3"),
    "a link out of the folder": Kind(lambda path: path.symlink_to("/etc/passwd"), "link out of the folder", "a.wav"),
    "a link to nothing": Kind(lambda path: path.symlink_to("nothing"), "No such file", "a.wav"),
    "a link to itself": Kind(lambda path: path.symlink_to(path.name), "symbolic links|link out of", "a.wav"),
    "/dev/zero": Kind(lambda path: path.symlink_to("/dev/zero"), "link out of the folder", "a.wav"),
    "a name that is no UTF-8": Kind(_called(os.fsdecode(b"\xff\xfe.mp3")), "not UTF-8", "a.mp3"),
    "a name with a line break": Kind(_called("a\nb.mp3"), "control characters", "a.mp3"),
    "a path of 300 characters": Kind(_called(f"{'d' * 150}/{'e' * 150}.mp3"), "at most 255", "a.mp3"),
}
