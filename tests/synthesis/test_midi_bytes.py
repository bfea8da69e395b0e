"""The walk through a MIDI file's bytes: it takes what the library takes, and refuses what would cost it too much."""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covsearch.errors import CovsearchError
from covsearch.guard.files import RefusedError
from covsearch.synthesis.midi import read_midi_folder
from covsearch.synthesis.midi_bytes import check_midi
from covsearch.synthesis.sources import open_collections
from tests.hostile.songs import BROKEN_SONGS, END, SOUND, TUNE, metre, midi, tempo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which warns of its own end
    pretty_midi = pytest.importorskip("pretty_midi", reason="needs the extra 'scores'")

notes = st.tuples(st.integers(0, 40), st.integers(1, 8), st.integers(0, 127), st.integers(1, 127))


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.lists(notes, max_size=20), max_size=4),
    names=st.lists(st.text(alphabet="aMé\x7f", max_size=6), min_size=4, max_size=4),
    bpm=st.floats(20, 300),
    resolution=st.sampled_from([1, 96, 480, 32_767]),
)
def test_what_pretty_midi_writes_is_taken(
    parts: list[list[tuple[int, int, int, int]]], names: list[str], bpm: float, resolution: int
) -> None:
    score = pretty_midi.PrettyMIDI(resolution=resolution, initial_tempo=bpm)
    for part, name in zip(parts, names, strict=False):
        instrument = pretty_midi.Instrument(5, name=name)
        instrument.notes = [pretty_midi.Note(v, p, on / 4, (on + n) / 4) for on, n, p, v in part]
        score.instruments.append(instrument)
    file = io.BytesIO()
    score.write(file)
    check_midi(file.getvalue())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_what_is_taken_the_library_reads_in_bounded_time_or_refuses(track: bytes) -> None:
    data = midi(track + END)
    try:
        check_midi(data)
    except RefusedError:
        return
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(Exception):  # of many types, all of which read_midi makes a refusal
            pretty_midi.PrettyMIDI(io.BytesIO(data))
    assert time.process_time() - started < 5


def test_running_status_system_messages_and_texts_are_passed_over() -> None:
    track = tempo(400_000) + metre(3, 2) + b"\x00\xff\x01\x81\x00" + bytes(128)  # a text of 128 bytes
    track += b"\x00\xf0\x03\x7e\x7f\xf7" + b"\x00\x90\x3c\x40" + b"\x60\x3c\x00" + b"\x00\xc0\x05" + b"\x00\xe0\x00\x40"
    check_midi(midi(track + END, header=b"\0\0"))
    check_midi(midi(TUNE, TUNE) + b"whatever follows the last track")


@pytest.mark.parametrize("kind", sorted(BROKEN_SONGS))
def test_broken_songs_are_left_out_with_their_reason_and_quickly(tmp_path: Path, kind: str) -> None:
    song = BROKEN_SONGS[kind]
    song.build(tmp_path / "songs")
    started = time.process_time()
    with pytest.raises(CovsearchError, match=song.message) as refused:
        open_collections([str(tmp_path / "songs")], tmp_path)
    assert refused.value.exit_code == song.exit_code
    assert len(str(refused.value)) < 800
    assert "root:" not in str(refused.value)
    assert time.process_time() - started < 5


def test_songs_that_are_left_out_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "good.mid").write_bytes(SOUND)
    (tmp_path / "bad.mid").write_bytes(SOUND[:-9])
    (tmp_path / "worse.mid").write_bytes(b"")
    told: list[str] = []
    (found,) = open_collections([str(tmp_path)], tmp_path, tell=told.append)
    assert [path.name for path, _ in found.refused] == ["bad.mid", "worse.mid"]
    reason = "is no MIDI file that can be read: ends in the middle of an event"
    assert told == [f"{tmp_path}: 2 of 3 MIDI files are left out; the first, {tmp_path / 'bad.mid'}: {reason}"]
    (tmp_path / "bad.mid").unlink()
    (tmp_path / "worse.mid").unlink()
    open_collections([str(tmp_path)], tmp_path, tell=told.append)
    assert len(told) == 1


def test_links_inside_a_folder_of_songs_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(SOUND)
    (tmp_path / "b.mid").symlink_to("a.mid")
    (tmp_path.parent / "link").unlink(missing_ok=True)
    (tmp_path.parent / "link").symlink_to(tmp_path)
    songs, refused = read_midi_folder(tmp_path.parent / "link", 1)
    assert ([song.name for song in songs], refused) == (["a", "b"], [])
