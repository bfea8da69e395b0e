"""MP3 files whose headers say wrongly how long they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from features.audio.sounds import alike, tones

from covsearch.errors import ArtefactError
from covsearch.features.audio import hpcp, read_audio_chroma
from covsearch.features.audio.mp3 import Walk, walk, with_true_length

SECONDS = 12
FRAMES = SECONDS * 44_100 // 1152  # and one or two for the encoder's delay
LOUD_FIRST = np.concatenate([tones(SECONDS / 2), np.zeros(SECONDS // 2 * 44_100, np.float32)])


@pytest.fixture(scope="module", params=[1, 2], ids=["mono", "stereo"])
def mp3(request: pytest.FixtureRequest) -> bytes:
    """Variable bit rate, loud at first and silent then: an estimate by the first frame's bit rate is too short."""
    memory = io.BytesIO()
    with soundfile.SoundFile(
        memory, "w", 44_100, request.param, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5
    ) as file:
        for start in range(0, len(LOUD_FIRST), 44_100):
            file.write(np.repeat(LOUD_FIRST[start : start + 44_100, None], request.param, axis=1))
    return memory.getvalue()


def frames_of(mp3: bytes) -> list[bytes]:
    """The frames one by one, by the length that each header tells: MPEG-1, Layer III, 44.1 kHz."""
    kbits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    found, k = [], 0
    while k < len(mp3):
        length = 144_000 * kbits[mp3[k + 2] >> 4] // 44_100 + (mp3[k + 2] >> 1 & 1)
        found.append(mp3[k : k + length])
        k += length
    return found


def with_count(mp3: bytes, frames: int) -> bytes:
    at = max(mp3.find(b"Xing", 0, 100), mp3.find(b"Info", 0, 100)) + 8
    return mp3[:at] + frames.to_bytes(4, "big") + mp3[at + 4 :]


def read_whole(path: Path, mp3: bytes, seconds: float) -> None:
    path.write_bytes(mp3)
    found = read_audio_chroma(path, hop=512)
    assert found.seconds == pytest.approx(seconds, abs=0.1)
    expected = hpcp(LOUD_FIRST, 512)
    shifts = range(6)  # encoders' delay: up to 1,152 samples and more, where the header with it is gone
    loud = len(expected) // 2 - 12
    best = max(alike(found.chroma[shift : shift + loud], expected[:loud]).mean() for shift in shifts)
    assert best > 0.97


def test_a_true_header_is_left_alone(tmp_path: Path, mp3: bytes) -> None:
    found = walk(io.BytesIO(mp3))
    assert found is not None
    assert with_true_length(io.BytesIO(mp3), found, SECONDS * 44_100) is None
    read_whole(tmp_path / "a.mp3", mp3, SECONDS)


def test_a_header_of_too_few_frames(tmp_path: Path, mp3: bytes) -> None:
    lying = with_count(mp3, 100)
    (tmp_path / "b.mp3").write_bytes(lying)
    assert soundfile.info(tmp_path / "b.mp3").frames < 3 * 44_100
    read_whole(tmp_path / "a.mp3", lying, SECONDS)


def test_no_header_at_all(tmp_path: Path, mp3: bytes) -> None:
    bare = b"".join(frames_of(mp3)[1:])
    (tmp_path / "b.mp3").write_bytes(bare)
    assert soundfile.info(tmp_path / "b.mp3").frames < 0.8 * SECONDS * 44_100
    read_whole(tmp_path / "a.mp3", bare, SECONDS)


def test_a_header_of_too_many_frames(tmp_path: Path, mp3: bytes) -> None:
    read_whole(tmp_path / "a.mp3", with_count(mp3, 1_000_000), SECONDS)


def test_two_files_joined(tmp_path: Path, mp3: bytes) -> None:
    read_whole(tmp_path / "a.mp3", mp3 + b"".join(frames_of(mp3)[1:]), 2 * SECONDS)


def test_rubbish_that_libsndfile_gives_up_at(tmp_path: Path, mp3: bytes) -> None:
    quarter = len(b"".join(frames_of(mp3)[: FRAMES // 4]))
    path = tmp_path / "a.mp3"
    path.write_bytes(mp3[:quarter] + b"a cover picture" * 1000 + mp3[quarter:])
    with pytest.raises(ArtefactError, match=r"a\.mp3: the audio breaks off: "):
        read_audio_chroma(path)


def test_frames_that_cannot_be_decoded_are_told(tmp_path: Path, mp3: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp3").write_bytes(with_count(mp3, 100_000))
    monkeypatch.setattr(Walk, "least", 20 * 44_100)
    with pytest.raises(ArtefactError, match=r"a\.mp3: the audio breaks off: 12\.0 of 20\.0 s can be decoded$"):
        read_audio_chroma(tmp_path / "a.mp3")


def test_frames_are_counted_behind_tags_and_across_rubbish(mp3: bytes) -> None:
    plain = walk(io.BytesIO(mp3))
    assert plain is not None
    assert plain.frames == len(frames_of(mp3))
    assert FRAMES < plain.frames <= FRAMES + 4
    tag = b"ID3\x04\x00\x00" + bytes([0, 1, 2, 3]) + bytes(16_384 + 2 * 128 + 3)
    assert walk(io.BytesIO(tag + mp3)) == type(plain)(len(tag), plain.header, plain.frames, 1152)
    half = len(b"".join(frames_of(mp3)[:50]))
    rubbish = walk(io.BytesIO(mp3[:half] + b"\xff" * 3000 + bytes(3000) + mp3[half:]))
    assert rubbish is not None
    assert rubbish.frames == plain.frames


def test_chunks_change_nothing(mp3: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = walk(io.BytesIO(mp3))
    for chunk in (700, 1000, 4096):
        monkeypatch.setattr("covsearch.features.audio.mp3._CHUNK", chunk)
        assert walk(io.BytesIO(mp3)) == whole


@pytest.mark.parametrize(
    "content", [b"", b"ID3", b"\xff\xfb", b"\xff" * 5000, bytes(range(256)) * 20, b"ID3\x04" + b"\x7f" * 90]
)
def test_what_is_no_mp3_has_no_frames(content: bytes) -> None:
    assert walk(io.BytesIO(content)) is None
