"""Recordings that are at hand can be heard from the page; nothing else of the machine can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from web.conftest import serving

import covsearch
from covsearch.workspace import Workspace
from tests.collections.music import write_music


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("heard") / "Music")


@pytest.fixture(scope="module")
def player(music: Path) -> Iterator[httpx.Client]:
    home = music.parent / "home"
    covsearch.build(music, home=home)
    with serving(Workspace(home)) as client:
        yield client


def test_a_recording_is_its_file(player: httpx.Client, music: Path) -> None:
    for id_, kind in (
        ("one.mp3", "audio/mpeg"),
        ("Album/two.flac", "audio/flac"),
        ("Album/two again.wav", "audio/wav"),
    ):
        told = player.get(f"/audio/{quote(id_, safe='')}")
        assert (told.status_code, told.headers["content-type"]) == (200, kind)
        assert told.content == (music / id_).read_bytes()


def test_a_range_is_a_part_of_it(player: httpx.Client, music: Path) -> None:
    told = player.get("/audio/one.mp3", headers={"Range": "bytes=100-299"})
    assert told.status_code == 206
    assert told.content == (music / "one.mp3").read_bytes()[100:300]
    size = (music / "one.mp3").stat().st_size
    assert told.headers["content-range"] == f"bytes 100-299/{size}"


@pytest.mark.parametrize("id_", ["..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "Album", "none.mp3", "one.mp3%00.mp3"])
def test_nothing_else_can_be_heard(player: httpx.Client, id_: str) -> None:
    told = player.get(f"/audio/{id_}")
    assert (told.status_code, told.headers["content-type"]) == (404, "application/problem+json")


def test_features_cannot_be_heard(page: httpx.Client) -> None:
    told = page.get("/audio/P_1")
    assert told.status_code == 404
    assert told.json()["detail"] == "P_1 cannot be played: it was not indexed from an audio file, or that is gone"
    assert "<audio" not in page.get("/compare?a=P_1&b=P_2").text


def test_two_recordings_are_beside_their_picture(player: httpx.Client) -> None:
    text = player.get("/compare", params={"a": "Album/two.flac", "b": "Album/two again.wav"}).text
    assert 'src="/audio/Album%2Ftwo.flac"' in text
    assert 'src="/audio/Album%2Ftwo%20again.wav"' in text


def test_a_file_that_is_gone_cannot_be_heard(player: httpx.Client, music: Path) -> None:
    path = music / "one.mp3"
    path.rename(music / "elsewhere.mp3")
    try:
        assert player.get("/audio/one.mp3").status_code == 404
        assert "<audio" not in player.get("/compare", params={"a": "one.mp3", "b": "Album/two.flac"}).text
    finally:
        (music / "elsewhere.mp3").rename(path)
