"""Walk through a MIDI file's bytes before a library builds objects of them.

The grammar is the one mido reads (Standard MIDI Files 1.0). What is refused here is what would cost mido or pretty_midi
minutes or gigabytes: they read numbers of any length, keep half a kilobyte an event, an array entry a tick, and compare
every note-off with all notes that began with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from covsearch.guard.files import RefusedError

MAX_BYTES = 2**20  # the largest of POP909 has 40 kB
MAX_EVENTS = 300_000
MAX_TICKS = 5_000_000  # 87 minutes at 120 crotchets a minute of 480 ticks
MAX_CROTCHETS = 20_000
MAX_METRES = 4_000  # changes of the time signature
MAX_ALIKE = 64  # notes of one pitch and channel that begin at one tick
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # by the status byte's upper half
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_META, _METRE, _NOTE_ON = 0xFF, 0x58, 0x9


@dataclass
class _Walk:
    """A position in the bytes, and what was met so far; `began` counts the notes of the current tick."""

    data: bytes
    at: int = 0
    events: int = 0
    metres: int = 0
    tick: int = 0
    began: dict[tuple[int, int], int] = field(default_factory=dict)

    def take(self, n: int) -> bytes:
        taken = self.data[self.at : self.at + n]
        if len(taken) < n:
            raise RefusedError("ends in the middle of an event")
        self.at += n
        return taken

    def number(self) -> int:
        """A number of 7 bits a byte, four bytes at most."""
        value = 0
        for _ in range(4):
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise RefusedError("has a number of more than four bytes")


def check_midi(data: bytes) -> None:
    """Refuse what is no MIDI file, or would cost far more than a song does.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    RefusedError
        Saying what is too long, too large or too many.
    """
    walk = _Walk(data)
    if walk.take(4) != b"MThd":
        raise RefusedError("does not begin with MThd")
    header = walk.take(int.from_bytes(walk.take(4), "big"))
    if len(header) < 6:
        raise RefusedError(f"has a header of {len(header)} bytes; expected 6")
    tracks, resolution = int.from_bytes(header[2:4], "big"), int.from_bytes(header[4:6], "big")
    if not 0 < resolution < 0x8000:
        raise RefusedError("counts time in frames a second or not at all; expected ticks a crotchet")
    for _ in range(tracks):
        _check_track(walk)
        if walk.tick > MAX_CROTCHETS * resolution:
            raise RefusedError(f"has {walk.tick // resolution:,} crotchets; at most {MAX_CROTCHETS:,} are read")


def _check_track(walk: _Walk) -> None:
    if walk.take(4) != b"MTrk":
        raise RefusedError("has something else where a track should begin")
    end = int.from_bytes(walk.take(4), "big") + walk.at
    walk.tick, status = 0, 0
    walk.began.clear()
    while walk.at < end:
        _wait(walk, walk.number())
        status = _check_event(walk, status)
    if walk.at > end:
        raise RefusedError("has an event that goes on behind its track")


def _wait(walk: _Walk, ticks: int) -> None:
    walk.events += 1
    if walk.events > MAX_EVENTS:
        raise RefusedError(f"has over {MAX_EVENTS:,} events")
    if ticks:
        walk.tick += ticks
        walk.began.clear()
    if walk.tick > MAX_TICKS:
        raise RefusedError(f"has over {MAX_TICKS:,} ticks")


def _check_event(walk: _Walk, status: int) -> int:
    """Pass over one event; what the next one may leave out."""
    first = walk.take(1)[0]
    if first == _META:
        walk.metres += walk.take(1)[0] == _METRE
        if walk.metres > MAX_METRES:
            raise RefusedError(f"has over {MAX_METRES:,} time signatures")
        walk.take(walk.number())
        return status
    if first in (0xF0, 0xF7):
        walk.take(walk.number())
        return first
    if first < 0x80:
        walk.at -= 1
        first = status
    if first in (0, 0xF0, 0xF7):  # mido would take what follows for the length of another system message
        raise RefusedError("has data without a status")
    data = walk.take(_DATA_BYTES.get(first >> 4, _SYSTEM_BYTES.get(first, 0)))
    if first >> 4 == _NOTE_ON:
        _count_note(walk, (first, data[0]))
    return first


def _count_note(walk: _Walk, key: tuple[int, int]) -> None:
    walk.began[key] = walk.began.get(key, 0) + 1
    if walk.began[key] > MAX_ALIKE:
        raise RefusedError(f"has over {MAX_ALIKE} notes of one pitch that begin at once")
