"""The checksum of a sound: what leaves it as it is, and what does not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from covsearch.collections.content import content_of
from covsearch.errors import ArtefactError
from covsearch.guard.files import RefusedError
from tests.collections.music import ape, id3, id3v1
from tests.hostile.audio import cut, data_of, ffmpeg_data

MP3 = ("MP3", "MPEG_LAYER_III")


def content(folder: Path, data: bytes, suffix: str) -> str:
    path = folder / f"x{suffix}"
    path.write_bytes(data)
    return content_of(path)


def retagged(form: str, data: bytes, folder: Path) -> bytes:
    """The same packets with other tags, as FFmpeg writes them."""
    import av

    source, target = folder / f"in.{form}", folder / f"out.{form}"
    source.write_bytes(data)
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        new.metadata.update({"title": "x" * 3000, "artist": "y"})
        stream: Any = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(old.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target.read_bytes()


@pytest.mark.parametrize(
    "before",
    [b"", id3(TIT2="a"), id3(TIT2="a", COMM="b" * 99_999), id3(TIT2="a") * 2],
    ids=["none", "one", "long", "two"],
)
@pytest.mark.parametrize(
    "after", [b"", id3v1("a"), ape(b"b" * 99), ape(b"c") + id3v1("a")], ids=["none", "v1", "ape", "both"]
)
def test_tags_of_an_mp3_do_not_count(tmp_path: Path, before: bytes, after: bytes) -> None:
    sound = data_of(*MP3)
    assert content(tmp_path, before + sound + after, ".mp3") == content(tmp_path, sound, ".mp3")


@pytest.mark.parametrize("form", ["ogg", "mp4", "flac"])
def test_tags_of_other_formats_do_not_count(tmp_path: Path, form: str) -> None:
    made = {
        "ogg": lambda: data_of("OGG", "VORBIS"),
        "mp4": lambda: ffmpeg_data("mp4", "aac"),
        "flac": lambda: data_of("FLAC", "PCM_16"),
    }
    data = made[form]()
    other = retagged(form, data, tmp_path)
    assert other != data
    assert content(tmp_path, other, f".{form}") == content(tmp_path, data, f".{form}")


@pytest.mark.parametrize(
    ("form", "suffix"), [(MP3, ".mp3"), (("FLAC", "PCM_16"), ".flac"), (("OGG", "VORBIS"), ".ogg")]
)
def test_another_sound_is_another_sound(tmp_path: Path, form: tuple[str, str], suffix: str) -> None:
    assert content(tmp_path, cut(*form, 0.9)(), suffix) != content(tmp_path, data_of(*form), suffix)


def test_one_byte_in_the_middle_counts(tmp_path: Path) -> None:
    data = bytearray(data_of(*MP3))
    before = content(tmp_path, bytes(data), ".mp3")
    data[len(data) // 2] ^= 1
    assert content(tmp_path, bytes(data), ".mp3") != before


def test_without_ffmpeg_other_formats_are_taken_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    data = data_of("OGG", "VORBIS")
    monkeypatch.setitem(sys.modules, "av", None)
    assert content(tmp_path, data, ".ogg") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "data", [b"", b"ID3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"fLaC", b"fLaC\x80\xff\xff\xff", b"\xff\xfb"]
)
def test_what_is_no_sound_has_a_checksum_all_the_same(tmp_path: Path, data: bytes) -> None:
    assert len(content(tmp_path, data, ".mp3")) == 64


def test_a_folder_has_none(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is a folder"):
        content_of(tmp_path)
    assert not issubclass(RefusedError, ArtefactError)
