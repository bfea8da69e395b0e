from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import audio
from benchmarks.audio_works import Played
from covsearch.features.audio import read_audio_chroma


@pytest.fixture
def recording(tmp_path: Path) -> Played:
    time = np.arange(6 * 44_100) / 44_100
    sound = sum(0.1 * np.sin(2 * np.pi * base * time) for base in (220, 277.2, 329.6, 440))
    np.save(tmp_path / "P_1.npy", np.asarray(sound, np.float16))
    return Played("P_1", "W_1", "organ", tmp_path / "P_1.npy")


def test_cosines_of_frames() -> None:
    ours = np.array([[1, 0], [0, 0], [1, 0], [3, 4]], np.float32)
    theirs = np.array([[0, 1], [0, 0], [0, 0], [4, 3]], np.float32)
    np.testing.assert_allclose(audio.cosines(ours, theirs), [0, 1, 0, 0.96])
    with pytest.raises(RuntimeError, match="4 frames of covsearch, 3 of essentia"):
        audio.cosines(ours, theirs[:3])


def test_what_is_done_to_a_recording(recording: Played) -> None:
    samples = recording.samples()
    found = audio.changed(samples, np.random.default_rng(0))
    assert found["as played"] is samples
    assert 0 < abs(len(found["up to 50 cents out of tune"]) - len(samples)) < 0.03 * len(samples)
    level = np.std(samples)
    assert np.std(found["noise at -20 dB"] - samples) == pytest.approx(0.1 * level, rel=0.02)
    assert np.std(found["noise at 0 dB"] - samples) == pytest.approx(level, rel=0.02)
    assert not found["5 s of silence inside"][2 * 44_100 :].any()


def test_a_small_measurement(recording: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("essentia", reason="essentia is not installed: the extra dev brings it")
    monkeypatch.setattr(audio, "played", lambda *_, **__: [recording])
    monkeypatch.setattr(audio, "instruments", lambda _: [recording.samples()])
    target = tmp_path / "audio.json"
    audio.main(["--work", str(tmp_path), "--out", str(target), "--minutes", "0.2", "--rounds", "1", "--hours", "0.01"])
    assert read_audio_chroma(tmp_path / "stereo.mp3").seconds == pytest.approx(12, abs=0.1)
    found = json.loads(target.read_text(encoding="utf-8"))
    assert [row["sound"] for row in found["agreement"]][:2] == ["128 instruments", "as played"]
    for row in found["agreement"]:
        assert row["mean"] >= audio.LEAST_MEAN
        assert row["p5"] >= audio.LEAST_P5
    assert [row["step"] for row in found["speed"]][-1] == "both, hop 2048"
    assert all(row[who] > 0 for row in found["speed"] for who in ("covsearch", "essentia"))
    assert found["memory"]["hours"] == pytest.approx(0.01, abs=0.001)
    assert 50 < found["memory"]["megabytes"] < 1000
    assert "| as played | " in target.with_suffix(".md").read_text(encoding="utf-8")
