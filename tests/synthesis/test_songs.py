"""Songs: on the grid, with chords from labels or from the notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from songs import make_song

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.synthesis import midi
from covsearch.synthesis.chords import estimate_chords, parse_chord
from covsearch.synthesis.harmony import reharmonise
from covsearch.synthesis.song import HIGH, LOW, MELODY, Song, on_grid


@pytest.mark.parametrize(
    ("label", "tones"),
    [
        ("C:maj", (0, 4, 7, -1, 0)),
        ("Bb:min7/b3", (10, 1, 5, 8, 1)),
        ("F#:7", (6, 10, 1, 4, 6)),
        ("A:strange/5", (9, 1, 4, -1, 4)),
        ("N", (-1,) * 5),
        ("X", (-1,) * 5),
    ],
)
def test_labels_are_read(label: str, tones: tuple[int, ...]) -> None:
    assert parse_chord(label) == tones


def test_chords_written_out_are_estimated() -> None:
    roots = [0, 5, 7, 0, 9, 2]
    rows = [(16 * k, 16 * k + 16, 48 + root + tone) for k, root in enumerate(roots) for tone in (0, 4, 7)]
    table = np.array(rows)
    size = len(table)
    notes = on_grid(table[:, 0] * 1.0, table[:, 1] * 1.0, table[:, 2], np.ones(size), np.full(size, HIGH), 112)
    chords = estimate_chords(notes, 112)
    assert [int(chords[16 * k + 8, 0]) for k in range(6)] == roots
    assert [int(chords[16 * k + 8, 1]) for k in range(6)] == [(root + 4) % 12 for root in roots]
    assert (chords[104:] == -1).all()  # silence


def test_notes_outside_are_left_out_and_long_ones_cut() -> None:
    start, end = np.array([-3.0, 1.4, 5.0, 90.0]), np.array([2.0, 1.6, 60.0, 99.0])
    notes = on_grid(start, end, np.array([60, 61, 62, 63]), np.ones(4), np.zeros(4, np.int64), 64)
    assert notes.pitch.tolist() == [61, 62]
    assert notes.start.tolist() == [1, 5]
    assert notes.length.tolist() == [1, 24]


def test_cells_are_every_step_of_every_note() -> None:
    song = make_song(0)
    slow = [
        (k, int(song.notes.start[k]) + age, int(song.notes.layer[k]) * 24 + age)
        for k in range(len(song.notes))
        for age in range(int(song.notes.length[k]))
    ]
    cells = song.cells
    assert list(zip(cells.note.tolist(), cells.step.tolist(), cells.layer_age.tolist(), strict=True)) == slow


def test_a_song_without_changes_keeps_its_chords() -> None:
    song = make_song(3)
    kept = [reharmonise(song, np.random.default_rng(seed), 0.0) for seed in range(10)]
    assert sum(np.array_equal(chords, song.chords) for chords in kept) >= 7
    assert all(chords.shape == song.chords.shape and chords.min() >= -1 and chords.max() < 12 for chords in kept)


def test_songs_that_cannot_be_are_refused() -> None:
    song = make_song(0)
    with pytest.raises(ArtefactError, match=r"expected chords of shape \(192, 5\)"):
        Song("x", song.steps, 0.5, 16, song.notes, song.chords[:-1])
    with pytest.raises(ArtefactError, match="beyond the song's 10 steps"):
        Song("x", 10, 0.5, 16, song.notes, song.chords[:10])


def write_midi(path: Path, melody: str, *, drums: bool = False) -> None:
    pretty_midi = pytest.importorskip("pretty_midi", reason="needs the extra 'scores'")
    score = pretty_midi.PrettyMIDI(initial_tempo=120)
    for name, pitches in ((melody, (72, 74, 76, 77)), ("PIANO", (48, 52, 55, 60))):
        part = pretty_midi.Instrument(0, is_drum=drums, name=name)
        part.notes = [pretty_midi.Note(100, pitch, 0.5 * k, 0.5 * k + 0.5) for k, pitch in enumerate(pitches * 4)]
        score.instruments.append(part)
    score.write(str(path))


@pytest.mark.filterwarnings("ignore:pkg_resources")
def test_a_midi_file_becomes_a_song(tmp_path: Path) -> None:
    write_midi(tmp_path / "named.mid", "MELODY")
    write_midi(tmp_path / "unnamed.mid", "flute")
    for name in ("named", "unnamed"):
        song = midi.read_midi(tmp_path / f"{name}.mid")
        assert (song.beat, song.bar) == (0.5, 16)
        melody = song.notes.layer == MELODY
        assert song.notes.pitch[melody][:4].tolist() == [72, 74, 76, 77]
        assert song.notes.start[melody][:3].tolist() == [0, 4, 8]
        assert set(song.notes.layer[~melody].tolist()) == {HIGH, LOW}
    (tmp_path / midi.CHORDS).write_text("0.0 1.0 N\n1.0 4.0 G:7\n")
    labelled = midi.read_midi(tmp_path / "named.mid")
    assert labelled.chords[[0, 8, 20], 0].tolist() == [-1, 7, 7]


@pytest.mark.filterwarnings("ignore:pkg_resources")
def test_files_that_are_no_songs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match=r"no \.mid or \.midi file"):
        midi.midi_files(tmp_path)
    with pytest.raises(NotFoundError, match="expected a folder of MIDI files"):
        midi.midi_files(tmp_path / "nowhere")
    write_midi(tmp_path / "drums.mid", "MELODY", drums=True)
    (tmp_path / "garbage.mid").write_bytes(b"MThd\x00\x00garbage")
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "other.mid").write_bytes(b"")
    assert [path.name for path in midi.midi_files(tmp_path)] == ["drums.mid", "garbage.mid"]
    with pytest.raises(ArtefactError, match="notes, found 0"):
        midi.read_midi(tmp_path / "drums.mid")
    with pytest.raises(ArtefactError, match="is no MIDI file"):
        midi.read_midi(tmp_path / "garbage.mid")
    monkeypatch.setattr(midi, "MAX_BYTES", 3)
    with pytest.raises(ArtefactError, match="at most 3"):
        midi.read_midi(tmp_path / "drums.mid")
