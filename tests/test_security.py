"""SECURITY.md tells the limits that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from covsearch import config
from covsearch.collections import tags, worker
from covsearch.corrections import correction, log, table
from covsearch.dataset import chunks, hdf5, metadata, pairs, splits, texts, tracks_csv, vectors
from covsearch.features.audio import mono, read
from covsearch.guard import tensors
from covsearch.index import manifest
from covsearch.models import checkpoint
from covsearch.synthesis import midi, midi_bytes, musicxml

GIB, MIB, KIB = 2**30, 2**20, 2**10
TEXT = Path(__file__).resolve().parents[1].joinpath("SECURITY.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| (.+?) \| `.*` \|$", TEXT, re.MULTILINE))
LIMITS = {
    "HDF5 file": f"{hdf5.MAX_FILE_BYTES / MIB:g} MiB",
    "HDF5 dataset, and one chunk of it, inflated": f"{chunks.MAX_BYTES / MIB:g} MiB",
    "inflated to stored bytes": f"{chunks.MAX_RATIO:,} : 1",
    "chunks of a dataset": f"{chunks.MAX_CHUNKS:,}",
    "text attribute": f"{hdf5.MAX_NAME_BYTES} bytes",
    "chroma": f"finite, ≥ 0, its highest value {hdf5.LOWEST:g} to {hdf5.HIGHEST:g}".replace("e+", "e"),
    "bytes of an audio file": f"{worker.MAX_FILE_BYTES / GIB:g} GiB",
    "memory, time and output of a process that decodes audio": f"{worker.MEMORY / GIB:g} GiB, {worker.SECONDS} s and "
    f"{worker.SECONDS_A_MB} s for each MiB, {worker.OUTPUT / MIB:g} MiB",
    "a tag": f"{tags.MOST:,} characters",
    "metadata JSON": f"{metadata.MAX_BYTES / MIB:g} MiB, {metadata.MAX_VALUES:,} values, "
    f"{texts.MAX_TEXT:,} characters a field",
    "CSV of tracks": f"{tracks_csv.MAX_BYTES / MIB:g} MiB, {tracks_csv.MAX_ROWS:,} tracks, "
    f"{texts.MAX_TEXT:,} characters a cell",
    "CSV of groups": f"{table.MAX_BYTES / MIB:g} MiB, {table.MAX_ROWS:,} rows",
    "corrections": f"{log.MAX_BYTES / MIB:g} MiB, {log.MAX_VALUES:,} values a line, "
    f"{correction.MAX_APART:,} pairs held apart at once",
    "foreign vectors": f"{vectors.MAX_BYTES / GIB:g} GiB, {vectors.MAX_SEGMENTS:,} vectors of {vectors.MIN_DIM} to "
    f"{vectors.MAX_DIM:,} numbers, {vectors.MAX_TRACKS:,} tracks",
    "`split.json`": f"{splits.MAX_BYTES / MIB:g} MiB, {splits.MAX_WORKS:,} values",
    "`pairs.csv`": f"{pairs.MAX_BYTES / MIB:g} MiB",
    "weights": f"{checkpoint.MAX_WEIGHT_BYTES / MIB:g} MiB, a header of {tensors.MAX_HEADER_BYTES / MIB:g} MiB "
    f"and {tensors.MAX_VALUES:,} values",
    "`config.toml`": f"{checkpoint.MAX_CONFIG_BYTES / KIB:g} KiB",
    "frames a model may be made for": f"{config.MAX_FRAMES:,}",
    "qubits, layers, shots": f"10, 100, {config.MAX_SHOTS:,}",
    "MIDI file": f"{midi_bytes.MAX_BYTES / MIB:g} MiB, {midi_bytes.MAX_EVENTS:,} events, {midi.MAX_NOTES:,} notes, "
    f"{midi.MAX_BEATS:,} beats",
    "ticks, crotchets, time signatures of a MIDI file": f"{midi_bytes.MAX_TICKS:,}, {midi_bytes.MAX_CROTCHETS:,}, "
    f"{midi_bytes.MAX_METRES:,}",
    "beats or chords beside a MIDI file": f"{midi.MAX_ANNOTATION_BYTES / MIB:g} MiB, "
    f"times to {midi.MAX_SECONDS:,.0f} s",
    "MusicXML file, and the XML in a packed one": f"{musicxml.MAX_BYTES / MIB:g} MiB, {midi.MAX_NOTES:,} notes, "
    f"{musicxml.MAX_QUARTERS:,.0f} crotchets",
    "audio file": f"{read.LONGEST_SECONDS / 3600:g} hours, 1 to {mono.MOST_CHANNELS} channels, "
    f"{mono.LEAST_RATE // 1000} to {mono.MOST_RATE // 1000} kHz",
    "manifest of an index": f"{manifest.MAX_BYTES / MIB:g} MiB",
}


@pytest.mark.parametrize("what", LIMITS)
def test_limits_are_the_codes(what: str) -> None:
    assert ROWS[what] == LIMITS[what]


def test_every_limit_told_is_tested() -> None:
    assert ROWS.keys() == LIMITS.keys()
