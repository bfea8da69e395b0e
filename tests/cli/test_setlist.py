"""``covsearch setlist`` and ``covsearch query tune.mid``, by the bundled model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result
from collection import FRAME_RATE, melody, write_collection

import covsearch
from covsearch.cli import cli
from covsearch.errors import CovsearchError


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("setlist")
    covsearch.build(write_collection(folder / "toy", works=8, versions=1), home=folder / "home")
    return folder / "home"


@pytest.fixture(scope="module")
def concert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Applause, work 3 a tone higher than its only version, applause, work 6 as that has it."""
    path = tmp_path_factory.mktemp("concert") / "concert.h5"
    noise = np.random.default_rng(0).gamma(4.0, 1.0, (60, 12)).astype(np.float32) / 20
    songs = [np.roll(melody(3), 5, axis=1), np.roll(melody(6), 3, axis=1)]
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", data=np.concatenate([noise, songs[0], noise, songs[1]]))
        file.attrs["frame_rate"] = FRAME_RATE
    return path


def run(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), "setlist", *map(str, arguments)], catch_exceptions=False)


def test_the_table_says_songs_and_gaps(home: Path, concert: Path) -> None:
    result = run(home, concert)
    found = covsearch.open(home).setlist(concert)
    lines = [line.rstrip() for line in result.stdout.splitlines() if line.strip()]
    assert lines[0] == "concert.h5 · 2 songs of the index found"
    assert lines[1].split() == ["Start", "End", "PID", "Title", "Artist", "Probability", "Cover", "Key", "Tempo"]
    rows = [line.split() for line in lines[3:7]]
    assert [row[2] for row in rows] == ["(gap)", "P_3", "(gap)", "P_6"]
    assert rows[1][-4:] == [f"{found[1].cover_probability:.4f}", "✓", "+2", "1.00"]
    assert rows[3][-4:] == [f"{found[3].cover_probability:.4f}", "✓", "+0", "1.00"]
    assert rows[0][0] == "0:00"
    assert "Key: semitones the recording is higher" in result.stdout


def test_a_narrow_table_keeps_titles_and_gaps(home: Path, concert: Path) -> None:
    arguments = ["--home", str(home), "setlist", str(concert)]
    lines = CliRunner().invoke(cli, arguments, env={"COLUMNS": "60"}, catch_exceptions=False).stdout.splitlines()
    assert max(map(len, lines)) <= 60
    assert sum("(gap)" in line for line in lines) == 2
    assert lines[2].split() == ["Start", "PID", "Title", "Artist", "Probability", "Cover"]
    assert "left out for want of width: Artist, Tempo" in " ".join(line.strip() for line in lines)


def test_json_is_what_the_library_has(home: Path, concert: Path) -> None:
    result = run(home, concert, "--json")
    assert json.loads(result.stdout) == json.loads(json.dumps(covsearch.open(home).setlist(concert).to_dict()))


def test_files_are_written_beside_the_table(home: Path, concert: Path, tmp_path: Path) -> None:
    result = run(home, concert, "--csv", tmp_path / "a.csv", "--cue", tmp_path / "a.cue")
    assert result.stderr == f"wrote {tmp_path / 'a.csv'}\nwrote {tmp_path / 'a.cue'}\n"
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert [row["pid"] for row in csv.DictReader(file)] == ["", "P_3", "", "P_6"]
    assert (tmp_path / "a.cue").read_text(encoding="utf-8").count("INDEX 01") == 4


def test_a_recording_that_is_not_there(home: Path, tmp_path: Path) -> None:
    with pytest.raises(CovsearchError, match="there is none") as caught:
        run(home, tmp_path / "none.h5")
    assert caught.value.exit_code == 3


def test_a_tune_is_asked_for_by_its_file(home: Path, tmp_path: Path) -> None:
    pretty_midi = pytest.importorskip("pretty_midi")
    midi, tune, seconds = pretty_midi.PrettyMIDI(), pretty_midi.Instrument(0), 6 / FRAME_RATE
    for k, pitch in enumerate(melody(4)[::6].argmax(axis=1).tolist()):
        tune.notes.append(pretty_midi.Note(90, 60 + pitch, k * seconds, (k + 1) * seconds))
    midi.instruments.append(tune)
    midi.write(str(tmp_path / "tune.mid"))
    arguments = ["--home", str(home), "query", str(tmp_path / "tune.mid"), "--json"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found["matches"][0]["pid"] == "P_4"
    assert found["query"] == {"files": [str(tmp_path / "tune.mid")]}
