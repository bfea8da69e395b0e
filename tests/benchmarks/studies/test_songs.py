"""What the studies of the songs count and measure."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks.held_out_songs import held_out_songs, tune
from benchmarks.studies import real_chroma, songs
from covsearch.synthesis.charts import read_chart
from covsearch.synthesis.sources import open_collections
from tests.synthesis.score_files import FORM, archive, chart, lead_sheet


def test_counts_of_a_source(tmp_path: Path) -> None:
    files = {"0.mxl": lead_sheet(0), "1.mxl": lead_sheet(1), "2.mxl": lead_sheet(0), "3.mxl": b"", "LICENSE": "CC0"}
    (collection,) = open_collections([str(archive(tmp_path / "a.zip", files))], tmp_path)
    found = songs.counts(collection)
    assert (found["files"], found["songs"], found["works"], found["works_with_versions"]) == (4, 3, 2, 1)
    assert (found["refused"], found["licence"]) == ({"cannot be read": 1}, "CC0")
    assert found["chord_changes"] == 3 * 8
    assert found["median_minutes"] == pytest.approx(8 * 4 * 0.6 / 60, abs=0.01)
    assert "| a | CC0 | 4 | 0 | 0 | 1 | 0 | 3 | 2 | 1 |" in songs.markdown({"sources": [found]})


def test_real_and_synthesised_frames_have_the_charts_chords(tmp_path: Path) -> None:
    pace = 8.0
    chroma = np.zeros((120, 24), dtype=np.float16)
    chroma[:, 15] = 2  # C in the second half, which begins with A
    with h5py.File(tmp_path / "chroma.h5", "w") as stored:
        stored["chroma/0001"] = chroma
    charts = archive(tmp_path / "a.zip", {"x/0001.txt": chart(FORM, pace=pace), "x/0002.txt": chart(FORM)})
    ((name, read, real),) = real_chroma.charts(charts, tmp_path / "chroma.h5", 5)
    assert name == "0001"
    assert real[50].tolist() == [1, *[0] * 11]
    (frames, labels), (made, chords) = real_chroma.pair(name, read, real, np.random.default_rng(0))
    assert labels[0].tolist() == [-1] * 5
    assert labels[int((1 + pace / 4 + 0.5) * 2.69)].tolist() == [5, 9, 0, -1, 5]
    assert len(frames) == 120
    assert np.linalg.norm(made, axis=1) == pytest.approx(1)
    assert chords[0].tolist() == [0, 4, 7, -1, 0]
    described = real_chroma.described(made, chords)
    assert described["outside the chord"] < described["outside the chord a semitone up"]
    assert real_chroma.described(frames[8:64], labels[8:64].clip(0))["entropy"] == pytest.approx(0, abs=1e-6)


def test_one_tone_that_never_changes() -> None:
    frames = np.zeros((100, 12), dtype=np.float32)
    frames[:, 3] = 1
    found = real_chroma.statistics(frames)
    assert found["mean"] == pytest.approx(1 / 12)
    assert (found["strongest 1"], found["strongest 2"]) == (1, 0)
    for name in ("cosine, lag 1", "cosine, lag 32", "static share"):
        assert found[name] == pytest.approx(1)
    assert found["pitch, 5 st"] == pytest.approx(-1 / 11)  # of a single one among 12, less its mean


def test_fifths_that_alternate() -> None:
    frames = np.zeros((128, 12), dtype=np.float32)
    frames[::2, [0, 7]] = 1
    frames[1::2, [6, 1]] = 1
    found = real_chroma.statistics(frames)
    assert found["cosine, lag 4"] == pytest.approx(1)
    assert found["cosine, lag 1"] == pytest.approx(-0.2)  # 2 of 12 against 2 others: (0 - 1/3) / (2 - 1/3)
    assert found["pitch, 5 st"] == pytest.approx(0.4)  # half of the energy, less the mean's: (1 - 1/3) / (2 - 1/3)
    assert found["pitch, 6 st"] == pytest.approx(-0.2)


def test_a_profile_begins_with_the_root() -> None:
    frames = np.zeros((2, 12), dtype=np.float32)
    frames[0, [2, 6]] = 1
    frames[1, [7, 11]] = 1
    chords = np.array([[2, 6, 9, -1, 2], [7, 11, 2, -1, 7]], dtype=np.int8)
    minor = np.array([[0, 3, 7, -1, 0]] * 2, dtype=np.int8)
    found = real_chroma.profiles([(frames, chords), (frames, minor)])
    assert found["minor"] == [0, 0, 0.25, 0, 0, 0, 0.25, 0.25, 0, 0, 0, 0.25]
    assert found["major"] == [0.5, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0]


def test_what_is_held_out_is_read_by_its_number() -> None:
    book = b"X:1\nT:One\nK:C\nCDEF\nX:2\nT:Two\nT:Second\nK:C\nGGAB\n"
    assert tune(book, "2") == (["Two", "Second"], [67, 67, 69, 71])
    assert tune(book, "")[0] == ["One"]
    said = held_out_songs([("a/2", *tune(book, "2"))])
    assert said["melodies"] == {"a/2": "CEG"}
    assert {"Two", "Second"} < set(said["titles"])


def test_a_chart_of_a_minute_has_its_phrases() -> None:
    assert [phrase.letter for phrase in read_chart(chart(FORM)).phrases] == ["A", "B", "B", "B", "B"]
