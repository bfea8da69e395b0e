"""How far a recording is out of tune, and chroma that does not hear it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from features.audio.sounds import alike, tones, write

from covsearch.features.audio import hpcp, read_audio_chroma
from covsearch.features.audio.tuning import reference, tuning


@pytest.mark.parametrize("semitones", [-0.45, -0.3, -0.1, 0.0, 0.05, 0.25, 0.4])
def test_what_was_done_is_found(semitones: float) -> None:
    assert tuning(tones(20, detuned=semitones)) == pytest.approx(semitones, abs=0.04)


def test_half_a_semitone_is_either_way() -> None:
    assert abs(tuning(tones(20, detuned=0.5))) == pytest.approx(0.5, abs=0.04)


def test_what_agrees_on_nothing_is_left_alone() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 20 * 44_100).astype(np.float32)
    assert tuning(noise) == tuning(np.zeros(44_100, np.float32)) == tuning(noise[:100]) == 0


def test_the_reference() -> None:
    assert reference(0) == 440
    assert reference(1) == pytest.approx(466.164, abs=1e-3)


def test_a_detuned_file_has_the_chroma_of_one_in_tune(tmp_path: Path) -> None:
    plain = hpcp(tones(20))
    path = write(tmp_path / "a.wav", tones(20, detuned=0.4))
    corrected, uncorrected = read_audio_chroma(path), read_audio_chroma(path, tuned=False)
    assert corrected.tuning == pytest.approx(0.4, abs=0.04)
    assert uncorrected.tuning == 0
    assert alike(corrected.chroma, plain).mean() > 0.97
    assert alike(uncorrected.chroma, plain).mean() < 0.92


def test_only_the_first_minutes_are_listened_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("covsearch.features.audio.tuning.LISTENED_SECONDS", 5)
    monkeypatch.setattr("covsearch.features.audio.read.LISTENED_SECONDS", 5)
    sound = np.concatenate([tones(6, detuned=0.2), tones(12, detuned=-0.2)])
    found = read_audio_chroma(write(tmp_path / "a.wav", sound))
    assert found.tuning == pytest.approx(0.2, abs=0.05)
    assert found.seconds == 18
