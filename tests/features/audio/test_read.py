"""Audio files to chroma: formats, channels, sample rates, and files that are none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from features.audio.sounds import alike, tones, write

from covsearch.errors import ArtefactError, MissingExtraError
from covsearch.features.audio import AUDIO_SUFFIXES, hpcp, is_audio, read_audio_chroma


def test_suffixes_in_any_case() -> None:
    assert {".mp3", ".flac", ".wav", ".ogg", ".opus", ".m4a", ".wma", ".mp4"} <= AUDIO_SUFFIXES
    assert is_audio("Music/Song.MP3")
    assert is_audio(Path("a.b.flac"))
    assert not is_audio("features/P_22.h5")
    assert not is_audio("mp3")


def test_a_file_of_samples_is_read_as_they_are(tmp_path: Path) -> None:
    sound = tones(5)
    found = read_audio_chroma(write(tmp_path / "a.wav", sound, subtype="FLOAT"), hop=1024, tuned=False)
    np.testing.assert_array_equal(found.chroma, hpcp(sound, 1024))
    assert found.frame_rate == 44_100 / 1024
    assert found.seconds == 5
    assert found.tuning == 0


@pytest.mark.parametrize(("suffix", "least"), [(".flac", 0.9999), (".aiff", 0.9999), (".ogg", 0.98), (".mp3", 0.98)])
def test_formats_of_libsndfile(tmp_path: Path, suffix: str, least: float) -> None:
    sound = tones(6)
    found = read_audio_chroma(write(tmp_path / f"a{suffix}", sound), tuned=False)
    assert alike(found.chroma, hpcp(sound)).mean() > least
    assert found.seconds == pytest.approx(6, abs=0.06)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_sample_rates(tmp_path: Path, rate: int) -> None:
    low = tones(4, rate=8000)
    spectrum = np.fft.rfft(low)
    spectrum[(3600 * 4) :] = 0  # so that every rate holds the same sound
    resized = np.zeros(4 * max(rate, 44_100) // 2 + 1, np.complex128)
    resized[: len(spectrum)] = spectrum

    def at(samples_a_second: int) -> np.ndarray:
        count = 4 * samples_a_second
        return np.fft.irfft(resized[: count // 2 + 1], count) * (count / len(low))

    found = read_audio_chroma(write(tmp_path / "a.wav", at(rate), rate, "FLOAT"), tuned=False)
    expected = hpcp(at(44_100))
    assert found.chroma.shape == expected.shape
    assert found.seconds == 4
    cosine = alike(found.chroma, expected)[1:-1]
    assert cosine.mean() > 0.998
    assert np.quantile(cosine, 0.05) > 0.98


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    parts = np.stack([tones(3, seed) for seed in range(channels)], axis=1)
    found = read_audio_chroma(write(tmp_path / "a.wav", parts, subtype="FLOAT"), tuned=False)
    assert alike(found.chroma, hpcp(parts.mean(axis=1))).min() > 0.9999


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sample_formats(tmp_path: Path, subtype: str) -> None:
    sound = tones(3)
    found = read_audio_chroma(write(tmp_path / "a.wav", sound, subtype=subtype), tuned=False)
    assert alike(found.chroma, hpcp(sound)).mean() > (0.9 if subtype == "PCM_U8" else 0.9999)


def test_a_wrong_name_is_no_matter(tmp_path: Path) -> None:
    sound = tones(3)
    path = write(tmp_path / "a.flac", sound).rename(tmp_path / "a.mp3")
    assert alike(read_audio_chroma(path, tuned=False).chroma, hpcp(sound)).min() > 0.999


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no\.mp3: does not exist$"):
        read_audio_chroma(tmp_path / "no.mp3")
    with pytest.raises(ArtefactError, match=r": is a folder, not a file$"):
        read_audio_chroma(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(ArtefactError, match=r"pipe\.wav: is not a regular file$"):
        read_audio_chroma(tmp_path / "pipe.wav")


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".flac", ".m4a", ".ogg"])
@pytest.mark.parametrize("content", [b"", b"no audio at all" * 100, b"\x00" * 5000])
def test_what_is_no_audio(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=rf"bad{suffix}: .+"):
        read_audio_chroma(path)


def test_no_samples(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"a\.wav: holds no audio at all$"):
        read_audio_chroma(write(tmp_path / "a.wav", np.zeros(0)))


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    sound = tones(1)
    sound[1000] = np.nan
    with pytest.raises(ArtefactError, match="holds samples that are no finite numbers"):
        read_audio_chroma(write(tmp_path / "a.wav", sound, subtype="FLOAT"))


def test_too_long(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tones(3))
    assert read_audio_chroma(path, longest=3).seconds == 3
    with pytest.raises(ArtefactError, match=r"is longer than 0\.0005 hours, the most that is read"):
        read_audio_chroma(path, longest=1.8)


def test_without_ffmpeg_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\x00\x00\x00 ftypM4A ")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"reading a\.m4a needs the extra 'audio'"):
        read_audio_chroma(path)
