"""What only FFmpeg reads: m4a, video and their like; one file and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from features.audio.sounds import alike, tones
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.features.audio import hpcp, read_audio_chroma

av = pytest.importorskip("av", reason="PyAV is not installed: the extra audio brings it")
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def encode(
    path: Path, samples: NDArray[np.float32], codec: str = "aac", rate: int = 44_100, video: bool = False
) -> Path:
    """Write samples (N, C) at `rate`; with `video`, behind a track of grey pictures."""
    layout = LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w") as container:
        if video:
            pictures = container.add_stream("mpeg4", rate=10, width=32, height=32)
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if video:
            for _ in range(5):
                picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), format="rgb24")
                container.mux(pictures.encode(picture))
            container.mux(pictures.encode(None))
        context = stream.codec_context
        fit = av.AudioResampler(context.format, layout, rate, frame_size=context.frame_size or 1024)
        for start in range(0, len(samples), rate):
            part = np.ascontiguousarray(samples[start : start + rate], np.float32).reshape(1, -1)
            frame: Any = av.AudioFrame.from_ndarray(part, format="flt", layout=layout)
            frame.sample_rate = rate
            for fitting in fit.resample(frame):
                container.mux(stream.encode(fitting))
        for fitting in fit.resample(None):
            container.mux(stream.encode(fitting))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.m4a", "aac", 44_100),
        ("a.aac", "aac", 44_100),
        ("a.mp4", "aac", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.mov", "pcm_s16le", 44_100),
        ("a.wv", "wavpack", 44_100),
        ("a.ac3", "ac3", 48_000),
    ],
)
def test_formats_of_ffmpeg(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    sound = tones(6, rate=rate)
    found = read_audio_chroma(encode(tmp_path / name, sound[:, None], codec, rate), hop=512, tuned=False)
    expected = hpcp(tones(6), 512)
    assert found.seconds == pytest.approx(6, abs=0.1)
    cosines = [alike(found.chroma[shift:], expected).mean() for shift in range(5)]  # encoders' delay
    assert max(cosines) > 0.95


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    parts = np.stack([tones(4, seed) for seed in range(channels)], axis=1)
    path = encode(tmp_path / "a.mov", parts, "pcm_s16le")
    found = read_audio_chroma(path, tuned=False)
    assert alike(found.chroma, hpcp(parts.mean(axis=1))).mean() > 0.999


def test_the_sound_of_a_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mov", tones(4)[:, None], "pcm_s16le", video=True)
    assert alike(read_audio_chroma(path, tuned=False).chroma, hpcp(tones(4))).mean() > 0.999


def test_a_video_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10, width=32, height=32)
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), format="rgb24")
        container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
    with pytest.raises(ArtefactError, match=r"a\.mp4: has no sound track$"):
        read_audio_chroma(tmp_path / "a.mp4")


def test_a_video_by_the_name_of_an_mp3(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", tones(4)[:, None]).rename(tmp_path / "a.mp3")
    assert read_audio_chroma(path).seconds == pytest.approx(4, abs=0.1)


def test_half_a_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", tones(6)[:, None])
    path.write_bytes(path.read_bytes()[:20_000])  # the table of contents is at the end
    with pytest.raises(ArtefactError, match=r"a\.m4a: cannot be read as audio: Invalid data found"):
        read_audio_chroma(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.m4a", "a.mp3", "a.aac"])
def test_a_playlist_opens_no_other_file(tmp_path: Path, name: str) -> None:
    secret = encode(tmp_path / "secret.m4a", tones(4)[:, None])
    path = tmp_path / name
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:4,\n{secret}\n#EXT-X-ENDLIST\n", encoding="utf-8")
    with pytest.raises(ArtefactError, match="cannot be read as audio"):
        read_audio_chroma(path)
    path.write_text(f"ffconcat version 1.0\nfile '{secret}'\n", encoding="utf-8")
    with pytest.raises(ArtefactError, match="cannot be read as audio"):
        read_audio_chroma(path)
