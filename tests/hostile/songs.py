"""Folders of MIDI files, beats and chords that a stranger could send."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

from tests.hostile.trees import BrokenTree

TRAIN = ("train", "--preset", "invariant", "--synthesize", "DIR", "--out", "DIR/model", "--no-plot")
END = b"\x00\xff\x2f\x00"
TUNE = b"".join(bytes([0, 0x90, 60 + k % 5, 100, 96, 0x80, 60 + k % 5, 0]) for k in range(32)) + END


def midi(*tracks: bytes, resolution: int = 96, kind: int = 1, header: bytes = b"") -> bytes:
    """A MIDI file of the tracks' events, at 120 crotchets a minute unless they say otherwise."""
    head = struct.pack(">HHH", kind, len(tracks), resolution) + header
    chunks = b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)
    return b"MThd" + struct.pack(">I", len(head)) + head + chunks


def metre(numerator: int, power: int) -> bytes:
    """A time signature: `numerator` over 2 to the `power`."""
    return bytes([0, 0xFF, 0x58, 4, numerator, power, 24, 8])


def tempo(microseconds: int) -> bytes:
    """Microseconds a crotchet."""
    return b"\x00\xff\x51\x03" + microseconds.to_bytes(3, "big")


SOUND = midi(TUNE)
_BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "ends in the middle of an event"),
    "no MIDI": (b"RIFF" + bytes(100), "does not begin with MThd"),
    "cut": (SOUND[:-30], "ends in the middle of an event"),
    "a track longer than the file": (
        SOUND.replace(struct.pack(">I", len(TUNE)), b"\xff\xff\xff\xff"), "ends in the middle|data without a status",
    ),
    "a track shorter than its events": (
        SOUND.replace(struct.pack(">I", len(TUNE)), struct.pack(">I", 6)), "goes on behind|something else where",
    ),
    "65,535 tracks": (SOUND[:10] + b"\xff\xff" + SOUND[12:], "ends in the middle of an event"),
    "no tracks": (midi(), "is no MIDI file that can be read"),
    "no notes": (midi(END), "expected 1 to 100000 notes, found 0"),
    "a resolution of nothing": (midi(TUNE, resolution=0), "counts time in frames a second or not at all"),
    "frames a second": (midi(TUNE, resolution=0xE728), "counts time in frames a second or not at all"),
    "a tempo of nothing": (midi(tempo(0) + TUNE), "ZeroDivisionError"),
    "a tempo beyond music": (midi(tempo(1) + TUNE), "beats 0.01 to 100.0 s apart"),
    "a metre of nothing": (midi(metre(0, 2) + TUNE), "is no MIDI file that can be read|cannot be counted"),
    "data without status": (midi(b"\x00\x40\x40"), "has data without a status"),
    "data after a system message": (midi(b"\x00\xf0\x01\xf7\x00\x40" + b"\xff" * 1000), "has data without a status"),
    "a number of half a megabyte": (midi(b"\xff" * 2**19 + b"\x00" + TUNE), "has a number of more than four bytes"),
    "a text longer than the file": (midi(b"\x00\xff\x01\xff\xff\xff\x7f"), "ends in the middle of an event"),
    "a rest of a year": (midi(TUNE[:-4] + b"\xff\xff\xff\x7f\xff\x2f\x00"), "has over 5,000,000 ticks"),
    "a beat a tick": (
        midi(TUNE[:-4] + b"\xff\xff\x00\xff\x2f\x00", resolution=1), "crotchets; at most 20,000 are read",
    ),
    "350,000 events": (midi(b"\x00\x90\x3c\x40" + b"\x01\x3c\x00" * 340_000 + END), "has over 300,000 events"),
    "100,000 time signatures": (midi(metre(4, 2) * 100_000 + TUNE), "has over 4,000 time signatures"),
    "100,000 equal notes at once": (
        midi(b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * 100_000 + b"\x00\x3c\x00" * 100_000 + END),
        "has over 64 notes of one pitch",
    ),
    "two megabytes": (SOUND + bytes(2**21), r"bytes; at most 1,048,576 are read"),
    "a key signature of 99 sharps": (midi(b"\x00\xff\x59\x02\x63\x00" + TUNE), "is no MIDI file that can be read"),
}  # fmt: skip
_BEATS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "expected 3 finite numbers a line"),
    "text": (b"a b c\n" * 9, "expected 3 numbers a line"),
    "NaN": (b"0 0 1\nnan 0 0\n1 0 0\n", "expected 3 finite numbers a line"),
    "infinity": (b"0 0 1\n1 0 0\ninf 0 0\n", "expected 3 finite numbers a line"),
    "1e308": (b"-1e308 0 1\n0 0 0\n1e308 0 0\n", "expected 3 finite numbers a line"),
    "backwards": (b"2 0 1\n1 0 0\n0 0 0\n", "one after the other"),
    "only one": (b"1 0 1\n", "at least two beats"),
    "a picosecond apart": (b"0 0 1\n1e-12 0 0\n2e-12 0 0\n", "beats 0.01 to 100.0 s apart"),
    "ragged": (b"0 0 1\n1 0\n", "expected 3 numbers a line"),
    "20,000": (b"".join(b"%d 0 0\n" % k for k in range(20_000)), "expected 2 to 10000 beats"),
    "two megabytes": (b"0 0 1\n" * 350_000, "at most 1,048,576 are read"),
    "no UTF-8": (b"\xff\n", "is not UTF-8"),
    "a number of a megabyte": (b"1" * 900_000 + b" 0 1\n1 0 0\n", "expected 3 finite numbers a line"),
    "words of a megabyte": (b"x" * 900_000 + b" 0 1\n1 0 0\n", "expected 3 numbers a line"),
}
_CHORDS: dict[str, tuple[bytes, str]] = {
    "text": (b"a b C:maj\n", "expected start, end and a chord a line"),
    "NaN": (b"nan 1 C:maj\n", "expected a chord to begin before it ends"),
    "NaN as end": (b"0 nan C:maj\n", "expected a chord to begin before it ends"),
    "infinity": (b"0 inf C:maj\n", "expected a chord to begin before it ends"),
    "1e308": (b"0 1e308 C:maj\n", "expected a chord to begin before it ends"),
    "backwards": (b"2 1 C:maj\n", "expected a chord to begin before it ends"),
    "two megabytes": (b"0 1 C:maj\n" * 210_000, "at most 1,048,576 are read"),
    "no UTF-8": (b"\xff\n", "is not UTF-8"),
    "a byte order mark": ("\ufeff0 1 N\n".encode(), "byte order mark"),
}


def _song(name: str, content: bytes) -> Callable[[Path], None]:
    """A folder with one sound song, in which one of its three files is this instead."""

    def made(folder: Path) -> None:
        folder.mkdir()
        (folder / "song.mid").write_bytes(SOUND)
        (folder / name).write_bytes(content)

    return made


def _linked(name: str, target: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        _song("song.mid", SOUND)(folder)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return made


def _fifo(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "song.mid")


_LINK = "is a symbolic link out of the dataset"
BROKEN_SONGS: dict[str, BrokenTree] = {
    kind: BrokenTree(build, 3, message, TRAIN)
    for kind, (build, message) in {
        **{f"MIDI: {kind}": (_song("song.mid", data), message) for kind, (data, message) in _BYTES.items()},
        **{f"beats: {kind}": (_song("beat_midi.txt", data), message) for kind, (data, message) in _BEATS.items()},
        **{f"chords: {kind}": (_song("chord_midi.txt", data), message) for kind, (data, message) in _CHORDS.items()},
        "MIDI: a FIFO": (_fifo, "no .mid or .midi file in it"),
        "MIDI: a link to /etc/passwd": (_linked("song.mid", "/etc/passwd"), _LINK),
        "beats: a link to /etc/passwd": (_linked("beat_midi.txt", "/etc/passwd"), _LINK),
        "chords: a link to /etc/passwd": (_linked("chord_midi.txt", "/etc/passwd"), _LINK),
    }.items()
}
