"""Songs from MIDI files: POP909's annotations where they are beside the file, else chords estimated from the notes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError, MissingExtraError, NotFoundError
from covsearch.guard.files import RefusedError, read_bytes, text_artefact
from covsearch.progress import Progress, silent
from covsearch.synthesis.chords import NOTHING, estimate_chords, parse_chord
from covsearch.synthesis.midi_bytes import MAX_BYTES, check_midi
from covsearch.synthesis.song import HIGH, LOW, MELODY, SECOND, SPLIT_PITCH, STEPS_A_BEAT, Notes, Song, on_grid
from covsearch.synthesis.suffixes import MIDI_SUFFIXES

BEATS, CHORDS = "beat_midi.txt", "chord_midi.txt"
MAX_NOTES = 100_000
MAX_BEATS = 10_000
MAX_ANNOTATION_BYTES = 2**20  # of the beats or chords of one song; POP909's have 20 kB
MAX_SECONDS = 1e5
BEAT_SECONDS = (0.01, 100.0)
_TRACKS = {"MELODY": MELODY, "BRIDGE": SECOND}


def midi_files(folder: Path) -> list[Path]:
    """All ``.mid`` and ``.midi`` files below `folder`, sorted; POP909's alternative ``versions`` are left out.

    Raises
    ------
    NotFoundError
        When `folder` is no folder or holds none.
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: expected a folder of MIDI files")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in MIDI_SUFFIXES and p.is_file())
    found = [path for path in found if path.parent.name != "versions"]
    if not found:
        raise NotFoundError(f"{folder}: no .mid or .midi file in it or below")
    return found


def has_midi(folder: Path) -> bool:
    """Whether there is a MIDI file in a folder or below."""
    return folder.is_dir() and any(p.suffix.lower() in MIDI_SUFFIXES and p.is_file() for p in folder.rglob("*"))


def read_midi_folder(
    folder: Path, workers: int = 2, progress: Progress = silent
) -> tuple[list[Song], list[tuple[Path, str]]]:
    """Every song of a folder of MIDI files, and the files that were left out with the reason.

    Raises
    ------
    NotFoundError
        When there is no MIDI file.
    MissingExtraError
        Without pretty_midi.
    """
    _pretty_midi()
    files = midi_files(folder)
    songs: list[Song] = []
    refused: list[tuple[Path, str]] = []
    with ProcessPoolExecutor(workers) as pool:
        for done, (path, result) in enumerate(
            zip(files, pool.map(partial(_try_one, root=folder.resolve()), files, chunksize=8), strict=True), 1
        ):
            if isinstance(result, str):
                refused.append((path, result))
            else:
                songs.append(replace(result, name=str(path.relative_to(folder).with_suffix(""))))
            progress(f"reading {folder.name}", done, len(files))
    return songs, refused


def _try_one(path: Path, root: Path) -> Song | str:
    try:
        return read_midi(path, root)
    except ArtefactError as e:
        return str(e).removeprefix(f"{path}: ")


def read_midi(path: Path, root: Path | None = None) -> Song:
    """One MIDI file as a song.

    Tracks called MELODY and BRIDGE are those layers (POP909); without a MELODY, the highest-lying track that is no
    percussion is. Everything else is accompaniment, split at MIDI pitch 55. Beats and chords come from
    ``beat_midi.txt`` and ``chord_midi.txt`` beside the file where they are there.

    Parameters
    ----------
    path : Path
    root : Path, optional
        A folder, its own links resolved, that all three must be in; without, links lead wherever they lead.

    Raises
    ------
    ArtefactError
        For a file that is no MIDI, too large, or without notes or beats, and for annotations that are none.
    MissingExtraError
        Without pretty_midi.
    """
    midi = _parsed(path, root)
    tracks = _tracks(midi)
    total = sum(len(rows) for rows, _ in tracks)
    if not 1 <= total <= MAX_NOTES:
        raise ArtefactError(f"{path}: expected 1 to {MAX_NOTES} notes, found {total}")
    beats, bar, offset = _beats(path, midi, root)
    steps = (len(beats) - offset) * STEPS_A_BEAT
    if steps < STEPS_A_BEAT or len(beats) > MAX_BEATS:
        raise ArtefactError(f"{path}: expected 2 to {MAX_BEATS} beats, found {len(beats)}")
    notes = _notes(tracks, beats, offset, steps)
    if not len(notes):
        raise ArtefactError(f"{path}: no note falls on its beats")
    chords = _labelled_chords(path, beats, offset, steps, root)
    chords = estimate_chords(notes, steps) if chords is None else chords
    return Song(path.stem, steps, float(np.median(np.diff(beats))), bar * STEPS_A_BEAT, notes, chords)


def _parsed(path: Path, root: Path | None) -> Any:
    pretty_midi = _pretty_midi()
    try:
        data = read_bytes(path, MAX_BYTES, root)
        check_midi(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd but harmless headers
            return pretty_midi.PrettyMIDI(io.BytesIO(data))
    except RefusedError as e:
        raise ArtefactError(f"{path}: is no MIDI file that can be read: {e}") from e
    # mido and pretty_midi raise many types on strangers' bytes; whichever it is, the file is refused
    except Exception as e:
        raise ArtefactError(f"{path}: is no MIDI file that can be read: {repr(e)[:200]}") from e


def _pretty_midi() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports pkg_resources, which warns of its own end
            import pretty_midi
    except ImportError as e:
        raise MissingExtraError("reading MIDI files", "scores") from e
    return pretty_midi


Rows = NDArray[np.float64]  # (N, 4): start s, end s, pitch, velocity / 100


def _tracks(midi: Any) -> list[tuple[Rows, int | None]]:
    """Notes and layer of each pitched track; the layer is None for accompaniment."""
    tracks = []
    for instrument in midi.instruments:
        if not instrument.is_drum and instrument.notes:
            rows = np.array([[n.start, n.end, n.pitch, n.velocity / 100] for n in instrument.notes])
            tracks.append((rows, _TRACKS.get(instrument.name.strip().upper())))
    if tracks and all(layer != MELODY for _, layer in tracks):
        highest = max(range(len(tracks)), key=lambda k: float(np.median(tracks[k][0][:, 2])))
        tracks[highest] = (tracks[highest][0], MELODY)
    return tracks


def _beats(path: Path, midi: Any, root: Path | None) -> tuple[Rows, int, int]:
    """Times of the beats in seconds, beats a bar, and how many beats stand before the first whole bar."""
    annotated = path.with_name(BEATS)
    if annotated.is_file():
        table = _table(annotated, 3, root)
        beats, down = table[:, 0], np.flatnonzero(table[:, 2] == 1)
    else:
        beats, down = _metre(path, midi)
    if len(beats) < 2 or not np.all(np.diff(beats) > 0):
        raise ArtefactError(f"{path}: expected at least two beats, one after the other")
    beat, (least, most) = float(np.median(np.diff(beats))), BEAT_SECONDS
    if not least <= beat <= most:
        raise ArtefactError(f"{path}: expected beats {least} to {most} s apart, not {beat:.3g} s")
    gaps = np.diff(down)
    bar = int(np.median(gaps)) if len(gaps) else 4
    return beats, max(bar, 1), int(down[0]) % max(bar, 1) if len(down) else 0


def _metre(path: Path, midi: Any) -> tuple[Rows, NDArray[np.intp]]:
    """Times of the beats by the file's own tempi and time signatures, and which of them begin a bar."""
    try:
        beats = np.asarray(midi.get_beats(), dtype=np.float64)
        return beats, np.flatnonzero(np.isin(np.round(beats, 4), np.round(midi.get_downbeats(), 4)))
    # pretty_midi meets time signatures here that it cannot count; they raise many types, too
    except Exception as e:
        raise ArtefactError(f"{path}: its beats cannot be counted: {repr(e)[:200]}") from e


def _table(path: Path, columns: int, root: Path | None) -> Rows:
    lines = text_artefact(path, MAX_ANNOTATION_BYTES, root).splitlines()
    try:
        table = np.array([[float(word) for word in line.split()[:columns]] for line in lines if line.strip()])
    except ValueError as e:
        raise ArtefactError(f"{path}: expected {columns} numbers a line: {str(e)[:80]}") from e
    if table.ndim != 2 or table.shape[1] != columns or not (np.abs(table) <= MAX_SECONDS).all():  # NaN compares false
        raise ArtefactError(f"{path}: expected {columns} finite numbers a line, got a table of shape {table.shape}")
    return table


def _step(seconds: Rows, beats: Rows, offset: int) -> Rows:
    before = np.minimum(seconds - beats[0], 0) / (beats[1] - beats[0])  # np.interp holds what lies outside at the ends
    after = np.maximum(seconds - beats[-1], 0) / (beats[-1] - beats[-2])
    return np.asarray((np.interp(seconds, beats, np.arange(len(beats))) + before + after - offset) * STEPS_A_BEAT)


def _notes(tracks: list[tuple[Rows, int | None]], beats: Rows, offset: int, steps: int) -> Notes:
    rows = np.concatenate([rows for rows, _ in tracks])
    named = np.concatenate([np.full(len(rows), -1 if layer is None else layer) for rows, layer in tracks])
    layer = np.where(named >= 0, named, np.where(rows[:, 2] < SPLIT_PITCH, LOW, HIGH))
    start, end = _step(rows[:, 0], beats, offset), _step(rows[:, 1], beats, offset)
    return on_grid(start, end, rows[:, 2].astype(np.int64), rows[:, 3], layer, steps)


def _labelled_chords(path: Path, beats: Rows, offset: int, steps: int, root: Path | None) -> NDArray[np.int8] | None:
    """The chords of ``chord_midi.txt`` (start s, end s, label a line); None without it."""
    annotated = path.with_name(CHORDS)
    if not annotated.is_file():
        return None
    chords = np.full((steps, 5), NOTHING, dtype=np.int8)
    for start, end, label in _chord_lines(annotated, root):
        first, last = np.round(_step(np.array([start, end]), beats, offset)).astype(int)
        chords[max(0, first) : max(first + 1, last, 0)] = parse_chord(label)
    return chords


def _chord_lines(path: Path, root: Path | None) -> Iterator[tuple[float, float, str]]:
    for line in text_artefact(path, MAX_ANNOTATION_BYTES, root).splitlines():
        words = line.split()
        if len(words) == 3:
            try:
                start, end = float(words[0]), float(words[1])
            except ValueError as e:
                raise ArtefactError(f"{path}: expected start, end and a chord a line: {str(e)[:80]}") from e
            if not -MAX_SECONDS <= start <= end <= MAX_SECONDS:  # NaN compares false
                raise ArtefactError(f"{path}: expected a chord to begin before it ends, not {line[:80]!r}")
            yield start, end, words[2]
