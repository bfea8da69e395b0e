"""MIDI files: tracks, bars, POP909's annotations beside them, and strangers' bytes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.synthesis import midi
from covsearch.synthesis.song import HIGH, LOW, MELODY, SECOND
from covsearch.synthesis.sources import open_collections

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which warns of its own end
    pytest.importorskip("pretty_midi", reason="needs the extra 'scores'")

Tracks = dict[str, list[tuple[float, float, int]]]  # name -> onset s, duration s, pitch
TRIADS = [(0.0 + 2 * k, 2.0, pitch + root) for k, root in enumerate((0, 5, 7, 0)) for pitch in (48, 52, 55)]


def write(path: Path, tracks: Tracks, beats: int = 4) -> Path:
    """A file at 120 crotchets a minute with `beats` a bar."""
    import pretty_midi

    score = pretty_midi.PrettyMIDI(initial_tempo=120)
    score.time_signature_changes.append(pretty_midi.TimeSignature(beats, 4, 0))
    for name, rows in tracks.items():
        part = pretty_midi.Instrument(0, name=name)
        part.notes = [pretty_midi.Note(100, pitch, on, on + length) for on, length, pitch in rows]
        score.instruments.append(part)
    score.write(str(path))
    return path


def tune(pitch: int) -> list[tuple[float, float, int]]:
    return [(0.5 * k, 0.5, pitch + k % 3) for k in range(16)]


def test_named_tracks_are_layers_whatever_lies_higher(tmp_path: Path) -> None:
    tracks = {"Melody ": tune(60), "BRIDGE": tune(70), "PIANO": TRIADS, "flute": tune(90)}
    song = midi.read_midi(write(tmp_path / "a.mid", tracks))
    assert (song.name, song.steps, song.bar, song.beat) == ("a", 64, 16, pytest.approx(0.5))
    layers = {k: sorted(set(song.notes.pitch[song.notes.layer == k].tolist())) for k in range(4)}
    assert layers[MELODY] == [60, 61, 62]
    assert layers[SECOND] == [70, 71, 72]
    assert layers[HIGH] == [55, 57, 59, 60, 62, 90, 91, 92]
    assert layers[LOW] == [48, 52, 53]
    assert (song.notes.velocity == 1).all()


def test_without_a_named_melody_the_highest_track_is_it_and_chords_are_estimated(tmp_path: Path) -> None:
    song = midi.read_midi(write(tmp_path / "a.mid", {"one": TRIADS, "two": [(0.0, 2.0, 79)]}))
    assert song.notes.pitch[song.notes.layer == MELODY].tolist() == [79]
    assert song.chords[[2, 20, 40, 60], 0].tolist() == [0, 5, 7, 0]
    assert song.notes.start[song.notes.layer == LOW].tolist() == [0, 0, 16, 48, 48]
    assert song.notes.length[song.notes.start < 48].tolist() == [16] * 10


def test_a_waltz_has_bars_of_three_beats(tmp_path: Path) -> None:
    song = midi.read_midi(write(tmp_path / "a.mid", {"x": tune(60)}, beats=3))
    assert song.bar == 12


def test_annotated_beats_and_chords_are_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", {"MELODY": tune(60)})
    # two beats before the first bar, a second apart: a note of the file is half a beat
    (tmp_path / midi.BEATS).write_text("".join(f"{t} 0.0 {float(t % 3 == 2)}\n" for t in range(12)))
    (tmp_path / midi.CHORDS).write_text("0.0 3.0 C:maj\n3.0 4.0 N\n4.0 11.0 A:min/b3\n")
    song = midi.read_midi(path)
    assert (song.steps, song.bar, song.beat) == (40, 12, 1.0)
    assert song.notes.start.tolist() == list(range(0, 24, 2))  # what sounds before the first bar is left out
    assert song.notes.length.tolist() == [2] * 12
    assert song.notes.pitch.tolist() == [60 + k % 3 for k in range(4, 16)]
    expected = [(0, 4, 7, -1, 0)] * 4 + [(-1,) * 5] * 4 + [(9, 0, 4, -1, 0)] * 28 + [(-1,) * 5] * 4
    np.testing.assert_array_equal(song.chords, expected)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (midi.BEATS, "0.0 x 1\n", "expected 3 numbers a line"),
        (midi.BEATS, "0 0 1\n1 0\n", "expected 3 numbers a line"),
        (midi.BEATS, "0 0 1\n", "at least two beats"),
        (midi.BEATS, "1 0 1\n0 0 0\n", "one after the other"),
        (midi.CHORDS, "0.0 end C:maj\n", "expected start, end and a chord a line"),
    ],
)
def test_annotations_that_are_none_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path / "a.mid", {"x": tune(60)})
    (tmp_path / name).write_text(text)
    with pytest.raises(ArtefactError, match=message):
        midi.read_midi(path)


@pytest.mark.parametrize("text", ["", "0.0 1.0\n0.5 0.0\n"])
def test_beats_without_rows_or_bars_are_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.mid", {"x": tune(60)})
    (tmp_path / midi.BEATS).write_text(text)
    with pytest.raises(ArtefactError, match="beat_midi"):
        midi.read_midi(path)


def test_notes_of_the_last_beat_keep_their_places(tmp_path: Path) -> None:
    song = midi.read_midi(write(tmp_path / "a.mid", {"x": [(0.25 * k, 0.25, 60) for k in range(16)]}))
    assert song.notes.start.tolist() == list(range(0, 32, 2))
    assert song.notes.length.tolist() == [2] * 16


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.booleans())
def test_strangers_bytes_are_refused(tmp_path: Path, data: bytes, headed: bool) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x60MTrk" + data if headed else data)
    with pytest.raises(ArtefactError, match=r"a\.mid: (is no MIDI file that can be read|expected)"):
        midi.read_midi(path)


def test_a_folder_gives_its_songs_and_says_what_was_refused(tmp_path: Path) -> None:
    for folder in ("001", "002", "001/versions"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "song.MID", {"MELODY": tune(60)})
    (tmp_path / "002" / "bad.midi").write_bytes(b"RIFF")
    write(tmp_path / "empty.mid", {})
    (tmp_path / "notes.txt").write_text("no MIDI")
    seen: list[tuple[int, int]] = []
    songs, refused = midi.read_midi_folder(tmp_path, 1, lambda _, done, of: seen.append((done, of)))
    assert [song.name for song in songs] == ["001/song", "002/song"]
    assert [path.relative_to(tmp_path).as_posix() for path, _ in refused] == ["002/bad.midi", "empty.mid"]
    assert refused[1][1] == "expected 1 to 100000 notes, found 0"
    assert seen == [(k, 4) for k in range(1, 5)]
    (collection,) = open_collections([str(tmp_path)], tmp_path / "cache")
    assert (collection.name, collection.refused, collection.notes) == (tmp_path.name, tuple(refused), 32)


def test_a_folder_without_a_song_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no \.mid or \.midi file"):
        open_collections([str(tmp_path)], tmp_path)
    (tmp_path / "bad.mid").write_bytes(b"RIFF")
    with pytest.raises(NotFoundError, match=r"none of 1 MIDI files can be read; the first, .*bad\.mid"):
        open_collections([str(tmp_path)], tmp_path)
