"""Songs from MusicXML files: music21 reads them, in a process that may take only so much time and memory.

The file comes from a stranger. How large it is, unpacked, is known before anything is parsed; an XML with entities of
its own is refused, since a few bytes of these can ask for gigabytes.
"""

from __future__ import annotations

import importlib.util
import io
import json
import signal
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from covsearch.errors import ArtefactError, MissingExtraError
from covsearch.guard.files import RefusedError, read_bytes
from covsearch.synthesis.chords import NOTHING
from covsearch.synthesis.midi import MAX_NOTES
from covsearch.synthesis.song import HIGH, MELODY, STEPS_A_BEAT, Song, on_grid

MAX_BYTES = 8 * 2**20  # of a file, and of the XML in a packed one; a full orchestral movement has some
MAX_SECONDS = 60.0  # of the processor that reading may take
PATIENCE = 10  # times as long by the clock: a busy machine is slow, not wrong
MAX_MEMORY = 4 * 2**30  # bytes
MAX_QUARTERS = 20_000.0
SLOWEST, FASTEST = 10.0, 1_000.0  # quarter notes a minute
USUAL = 120.0  # where none is written: what players of MusicXML take
_CONTAINER = "META-INF/container.xml"


def read_musicxml(path: Path) -> Song:
    """One ``.musicxml``, ``.xml`` or packed ``.mxl`` file as a song, with its repeats played.

    The part with the highest median pitch is the melody; the others are accompaniment.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ArtefactError
        For a file that is no MusicXML, too large, takes too long, or has no notes.
    MissingExtraError
        Without music21.
    """
    if importlib.util.find_spec("music21") is None:
        raise MissingExtraError("reading MusicXML files", "scores")
    try:
        return _song(path.stem, _parsed(musicxml_of(read_bytes(path, MAX_BYTES))))
    except RefusedError as e:
        raise ArtefactError(f"{path}: is no MusicXML file that can be read: {e}") from e


def musicxml_of(data: bytes) -> bytes:
    """The XML of a MusicXML file, packed or not.

    Raises
    ------
    RefusedError
        When it is neither, too large, or has entities of its own.
    """
    xml = _unpacked(data) if data.startswith(b"PK") else data
    # UTF-16 would hide what is looked for here, and nothing writes MusicXML in it but by choice
    if xml.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in xml:
        raise RefusedError("is not UTF-8; save it as UTF-8")
    if b"<!ENTITY" in xml:
        raise RefusedError("declares entities of its own, which MusicXML has no use for")
    if b"<score-partwise" not in xml and b"<score-timewise" not in xml:
        raise RefusedError("has no score-partwise or score-timewise")
    return xml


def _unpacked(data: bytes) -> bytes:
    """The score that the container of an ``.mxl`` names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return _member(packed, _named_score(_member(packed, _CONTAINER, 2**16), packed.namelist()), MAX_BYTES)
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
        raise RefusedError(f"is damaged: {str(e)[:200]}") from e


def _named_score(container: bytes, names: list[str]) -> str:
    """Which score a container names; where it is no XML, the only one there is: some programs leave quotes in it."""
    if b"<!" in container.replace(b"<!--", b""):
        raise RefusedError(f"has a document type in its {_CONTAINER}")
    try:
        found = [e.get("full-path") for e in ElementTree.fromstring(container).iter() if e.tag.endswith("rootfile")]
    except ElementTree.ParseError:
        found = [name for name in names if name != _CONTAINER and name.endswith((".xml", ".musicxml"))]
        if len(found) != 1:
            raise
    if not found or not found[0]:
        raise RefusedError(f"names no score in its {_CONTAINER}")
    return found[0]


def _member(packed: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in packed.namelist():
        raise RefusedError(f"has no {name[:100]!r} inside")
    with packed.open(name) as file:
        data = file.read(limit + 1)  # what the header says of the size need not be true
    if len(data) > limit:
        raise RefusedError(f"has over {limit:,} bytes unpacked")
    return data


def _parsed(xml: bytes) -> dict[str, list[list[float]]]:
    """What the reading process says of the score."""
    command = [sys.executable, "-m", "covsearch.synthesis.musicxml_worker", str(MAX_MEMORY), str(int(MAX_SECONDS))]
    try:
        done = subprocess.run(command, input=xml, capture_output=True, timeout=PATIENCE * MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired as e:
        raise RefusedError(f"takes over {MAX_SECONDS:g} s to read") from e
    if done.returncode < 0 and done.returncode == -signal.SIGXCPU:  # Windows has no such signal, nor codes below 0
        raise RefusedError(f"takes over {MAX_SECONDS:g} s to read")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RefusedError(said[-1][:200] if said else f"reading it ended with {done.returncode}")
    found: dict[str, list[list[float]]] = json.loads(done.stdout)
    return found


def _song(name: str, score: dict[str, list[list[float]]]) -> Song:
    """The song of what was parsed: notes as onset and length in quarters, pitch, part."""
    rows = np.array(score["notes"], dtype=np.float64).reshape(-1, 4)
    if not 1 <= len(rows) <= MAX_NOTES:
        raise RefusedError(f"has {len(rows):,} notes; expected 1 to {MAX_NOTES:,}")
    quarters = float((rows[:, 0] + rows[:, 1]).max())
    if not (np.isfinite(rows).all() and 0 < quarters <= MAX_QUARTERS and rows[:, 0].min() >= 0):
        raise RefusedError(f"lasts {quarters:,.0f} quarter notes; at most {MAX_QUARTERS:,.0f} are read")
    steps = max(STEPS_A_BEAT, int(np.ceil(quarters)) * STEPS_A_BEAT)
    part = rows[:, 3]
    melody = max(np.unique(part).tolist(), key=lambda one: float(np.median(rows[part == one, 2])))
    layer = np.where(part == melody, MELODY, HIGH)
    start, end = rows[:, 0] * STEPS_A_BEAT, (rows[:, 0] + rows[:, 1]) * STEPS_A_BEAT
    notes = on_grid(start, end, np.clip(rows[:, 2], 0, 127).astype(np.int64), np.full(len(rows), 0.8), layer, steps)
    tempo = score["tempo"][0][0] if score["tempo"] else USUAL
    chords = np.full((steps, 5), NOTHING, dtype=np.int8)
    return Song(name, steps, 60 / min(max(tempo, SLOWEST), FASTEST), 4 * STEPS_A_BEAT, notes, chords)
