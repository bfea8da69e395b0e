from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.midi_songs import read_songs, spread_files
from benchmarks.studies.synthesis_statistics import REAL_NAME, ftm_map, markdown, published, statistics, summary


def test_one_tone_that_never_changes() -> None:
    frames = np.zeros((100, 12), dtype=np.float32)
    frames[:, 3] = 1
    found = statistics(frames)
    assert found["mean"] == pytest.approx(1 / 12)
    assert (found["strongest 1"], found["strongest 2"]) == (1, 0)
    for name in ("cosine, lag 1", "cosine, lag 32", "static share"):
        assert found[name] == pytest.approx(1)
    assert found["pitch, 5 st"] == pytest.approx(-1 / 11)  # of a single one among 12, less its mean


def test_fifths_that_alternate() -> None:
    frames = np.zeros((128, 12), dtype=np.float32)
    frames[::2, [0, 7]] = 1
    frames[1::2, [6, 1]] = 1
    found = statistics(frames)
    assert found["cosine, lag 4"] == pytest.approx(1)
    assert found["cosine, lag 1"] == pytest.approx(-0.2)  # 2 of 12 against 2 others: (0 - 1/3) / (2 - 1/3)
    assert found["pitch, 5 st"] == pytest.approx(0.4)  # half of the energy, less the mean's: (1 - 1/3) / (2 - 1/3)
    assert found["pitch, 6 st"] == pytest.approx(-0.2)


def test_a_summary_leaves_out_short_tracks() -> None:
    rng = np.random.default_rng(0)
    tracks = [rng.random((n, 12), dtype=np.float32) for n in (63, 64, 200)]
    found = summary(tracks)
    means = [float(track.mean()) for track in tracks[1:]]
    assert found["tracks"] == 2
    assert found["statistics"]["mean"] == {
        "mean": pytest.approx(np.mean(means), abs=1e-4),
        "std": pytest.approx(np.std(means), abs=1e-4),
    }


def test_versions_of_a_work_are_its_covers() -> None:
    vectors = np.eye(5, dtype=np.float32)
    assert ftm_map(np.stack([vectors, vectors])) == 1
    # every version is at its cover's neighbour, so one other stands before the cover: behind all at the same distance
    assert ftm_map(np.stack([vectors, np.roll(vectors, 1, axis=0)])) == pytest.approx(1 / 9)


def test_the_table_names_what_is_unlike_the_recordings() -> None:
    rng = np.random.default_rng(1)
    real = [rng.random((100, 12), dtype=np.float32) for _ in range(5)]
    looks = {"alike": summary(real), "twice": summary([2 * track for track in real]), REAL_NAME: summary(real)}
    table = markdown({"looks": looks, "difficulty": [], "real": None})
    assert "- alike: nothing." in table
    assert "- twice: mean (" in table


def test_published_numbers_are_read_or_missing(tmp_path: Path) -> None:
    assert published(tmp_path / "retrieval.json", "real") is None
    (tmp_path / "retrieval.json").write_text(
        '{"runs": [{"collection": "real", "works": 3, "performances": 7, "systems": [{"name": "2D-FTM", "map": 0.5}]}]}'
    )
    assert published(tmp_path / "retrieval.json", "real") == {
        "collection": "real",
        "works": 3,
        "tracks": 7,
        "map": 0.5,
    }
    assert published(tmp_path / "retrieval.json", "other") is None


def test_files_are_spread_and_broken_ones_left_out(tmp_path: Path) -> None:
    pretty_midi = pytest.importorskip("pretty_midi", reason="reading MIDI needs pretty_midi")
    for k in range(10):
        (tmp_path / f"{k}.mid").write_bytes(b"no MIDI")
    assert [path.stem for path in spread_files(tmp_path, 4)] == ["0", "2", "5", "7"]
    assert len(spread_files(tmp_path, 10)) == len(spread_files(tmp_path, 99)) == 10
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes.append(pretty_midi.Note(90, 60, 0.0, 4.0))
    midi.write(str(tmp_path / "0.mid"))
    assert [song.name for song in read_songs(spread_files(tmp_path, 4))] == ["0"]
