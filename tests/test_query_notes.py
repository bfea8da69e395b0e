"""Queries by a MIDI or a MusicXML file: a tune finds the recordings of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from collection import FRAME_RATE, melody, write_collection

import covsearch
from covsearch.errors import ArtefactError, UsageError


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> covsearch.Index:
    folder = tmp_path_factory.mktemp("notes")
    return covsearch.build(write_collection(folder / "toy", works=12, versions=2), home=folder / "home")


def write_midi(path: Path, work: int, up: int = 0, notes: int = 40, chords: bool = False) -> Path:
    """The tune of a made-up work: a note every six frames."""
    pitches = melody(work)[::6].argmax(axis=1)[:notes]
    seconds = 6 / FRAME_RATE
    midi = pretty_midi.PrettyMIDI()
    tune = pretty_midi.Instrument(0, name="tune")
    for k, pitch in enumerate(pitches.tolist()):
        tune.notes.append(pretty_midi.Note(90, 72 + pitch + up, k * seconds, (k + 1) * seconds))
    midi.instruments.append(tune)
    if chords:
        bass = pretty_midi.Instrument(32, name="bass")
        for k, pitch in enumerate(pitches.tolist()):
            bass.notes.append(pretty_midi.Note(60, 36 + (pitch + up) % 12, k * seconds, (k + 1) * seconds))
        midi.instruments.append(bass)
    midi.write(str(path))
    return path


def test_a_tune_is_compared_as_it_is_asked_for(index: covsearch.Index, tmp_path: Path) -> None:
    tune = write_midi(tmp_path / "tune.mid", 4)
    right, wrong = index.compare(str(tune), "P_8"), index.compare(str(tune), "P_1")
    asked = {match.pid: match.distance for match in index.query(tune, top=24)}
    assert right.distance == pytest.approx(asked["P_8"], abs=1e-4)
    assert right.cover_probability > 0.5 > wrong.cover_probability
    assert right.a.title == "tune"


def write_musicxml(path: Path, work: int) -> Path:
    """The same tune, as dotted quarters at a tempo in which one is as long as the note."""
    names = (
        ("C", 0),
        ("C", 1),
        ("D", 0),
        ("D", 1),
        ("E", 0),
        ("F", 0),
        ("F", 1),
        ("G", 0),
        ("G", 1),
        ("A", 0),
        ("A", 1),
    )
    names = (*names, ("B", 0))
    notes = "".join(
        f"<note><pitch><step>{names[pitch][0]}</step><alter>{names[pitch][1]}</alter><octave>5</octave></pitch>"
        "<duration>4</duration></note>"
        for pitch in melody(work)[::6].argmax(axis=1).tolist()
    )
    tempo = 4 * 60 * FRAME_RATE / 6
    path.write_text(
        '<?xml version="1.0"?><score-partwise><part-list><score-part id="P1"><part-name>a</part-name></score-part>'
        f'</part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes>'
        f'<direction><sound tempo="{tempo:.2f}"/></direction>{notes}</measure></part></score-partwise>'
    )
    return path


@pytest.mark.parametrize(("work", "up", "notes", "chords"), [(3, 0, 40, False), (8, 5, 40, False), (11, -4, 24, True)])
def test_a_midi_tune_finds_its_versions(
    index: covsearch.Index, tmp_path: Path, work: int, up: int, notes: int, chords: bool
) -> None:
    """All 40 notes of the last, 96 s, have a stranger called a cover at 0.60: the aligner never heard the like."""
    found = index.query(write_midi(tmp_path / "tune.mid", work, up, notes, chords))
    assert [match.performance.wid for match in found[:2]] == [f"W_{work}"] * 2
    assert found.files == (str(tmp_path / "tune.mid"),)
    assert found[0].predicted
    assert not found[2].predicted


def test_a_musicxml_tune_finds_its_versions(index: covsearch.Index, tmp_path: Path) -> None:
    found = index.query(str(write_musicxml(tmp_path / "tune.musicxml", 5)))
    assert [match.performance.wid for match in found[:2]] == ["W_5"] * 2


def test_a_few_seconds_are_refused(index: covsearch.Index, tmp_path: Path) -> None:
    path = write_midi(tmp_path / "short.mid", 3, notes=5)
    with pytest.raises(ArtefactError, match=r"short\.mid: 1\d\.\d s of sound, at least 15 s are needed"):
        index.query(path)


def test_what_is_no_midi_is_refused(index: covsearch.Index, tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(np.random.default_rng(0).bytes(400))
    with pytest.raises(ArtefactError, match=r"a\.mid: is no MIDI file that can be read: does not begin with MThd"):
        index.query(tmp_path / "a.mid")


def test_notes_have_no_frame_rate_and_come_in_one_file(index: covsearch.Index, tmp_path: Path) -> None:
    path = write_midi(tmp_path / "a.mid", 3)
    with pytest.raises(UsageError, match="a frame rate is of chroma, and this file has notes: leave it out"):
        index.query(path, frame_rate=10.0)
    with pytest.raises(UsageError, match="expected one MIDI or MusicXML file"):
        index.query([path, path])
