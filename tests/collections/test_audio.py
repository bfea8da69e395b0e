"""An audio folder as a collection: ids, tags, what is decoded and what is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from covsearch.collections import audio
from covsearch.collections.audio import RATE, open_audio
from covsearch.collections.heard import chroma_file, chroma_folder
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError
from covsearch.features.audio import read_audio_chroma
from tests.collections.music import ape, id3v1, tag


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the files that workers were given, and whether each was decoded."""
    seen: list[str] = []
    true = audio.answers

    def spy(jobs: object, workers: int | None) -> object:
        for job, told in true(jobs, workers):  # type: ignore[arg-type]
            seen.append(f"{job['id']} {told.get('decoded', 'refused')}")
            yield job, told

    monkeypatch.setattr(audio, "answers", spy)
    return seen


def decoded(cache: Path) -> set[tuple[str, int]]:
    """Every decoded sound, and when it was written."""
    return {(path.name, path.stat().st_mtime_ns) for path in chroma_folder(cache).glob("*/*.npy")}


def test_ids_are_paths_and_tags_say_what_is_known(music: Path, cache: Path) -> None:
    found = open_audio(music, cache)
    assert (found.subset, found.frame_rate, found.skipped) == ("Music", RATE, ())
    assert found.performances["one.mp3"].matches == ()
    assert found.performances == {
        "Album/two again.wav": Performance("Album/two again.wav", None, "two again"),
        "Album/two.flac": Performance("Album/two.flac", None, "two"),
        "one.mp3": Performance("one.mp3", "work-1", "Ein Lied", "Die Sänger", year=1969),
    }
    assert list(found.performances) == ["Album/two again.wav", "Album/two.flac", "one.mp3"]


def test_the_recording_in_musicbrainz_is_known_with_the_files_length(music: Path, cache: Path) -> None:
    tag(music / "one.mp3", TIT2="x", UFID="")
    data = (music / "one.mp3").read_bytes()
    (music / "one.mp3").write_bytes(data.replace(b"UFID\0\0\0\x01\0\0\x03", b""))
    tag(music / "one.mp3", TIT2="x", **{"MusicBrainz Recording Id": "rec-1"})
    (match,) = open_audio(music, cache).performances["one.mp3"].matches
    assert match == MusicBrainzMatch("rec-1", match.length_ms)
    assert match.length_ms == pytest.approx(18_000, abs=100)


def test_chroma_is_that_of_the_reader_to_half_precision(music: Path, cache: Path) -> None:
    found = open_audio(music, cache)
    chroma, rate = found.chroma("Album/two.flac", ["hpcp"])
    own = read_audio_chroma(music / "Album" / "two.flac")
    assert rate == own.frame_rate
    np.testing.assert_array_equal(chroma["hpcp"], own.chroma.astype(np.float16).astype(np.float32))


def test_a_second_run_reads_nothing(music: Path, cache: Path, reads: list[str]) -> None:
    open_audio(music, cache)
    assert len(reads) == 3
    before = open_audio(music, cache)
    assert len(reads) == 3
    assert before.performances["one.mp3"].title == "Ein Lied"


def _rename(music: Path) -> None:
    (music / "one.mp3").rename(music / "eins.mp3")
    (music / "Album" / "two.flac").rename(music / "zwei.flac")


def _retag(music: Path) -> None:
    tag(music / "one.mp3", TIT2="Another title", COMM="x" * 5000)


def _tag_behind(music: Path) -> None:
    with (music / "one.mp3").open("ab") as file:
        file.write(ape(b"y" * 999) + id3v1("Old"))


def _pad_flac(music: Path) -> None:
    path = music / "Album" / "two.flac"
    data = path.read_bytes()
    assert data[:4] == b"fLaC"
    path.write_bytes(data[:42] + b"\x01\0\x10\0" + bytes(4096) + data[42:])  # a block of padding after STREAMINFO


@pytest.mark.parametrize("change", [_rename, _retag, _tag_behind, _pad_flac])
def test_a_renamed_or_retagged_file_is_not_decoded_again(
    change: Callable[[Path], None], music: Path, cache: Path, reads: list[str]
) -> None:
    open_audio(music, cache)
    before = decoded(cache)
    change(music)
    open_audio(music, cache)
    assert reads[3:]
    assert not [line for line in reads if line.endswith("True")]
    assert decoded(cache) == before


def test_a_changed_file_is_decoded_again(music: Path, cache: Path, reads: list[str]) -> None:
    found = open_audio(music, cache)
    path = music / "Album" / "two again.wav"
    path.write_bytes((music / "one.mp3").read_bytes())
    os.utime(path, ns=(1, 1))
    path.write_bytes(path.read_bytes()[:-20_000])
    after = open_audio(music, cache)
    assert reads[3:] == ["Album/two again.wav True"]
    stamps = {"hpcp": found.reading("Album/two again.wav").stamp}
    assert not after.unchanged("Album/two again.wav", stamps)
    assert after.unchanged("one.mp3", {"hpcp": found.reading("one.mp3").stamp})


def test_what_was_refused_is_not_tried_again_until_it_changes(music: Path, cache: Path, reads: list[str]) -> None:
    bad = music / "bad.mp3"
    bad.write_text("this is no music" * 100)
    first = open_audio(music, cache)
    assert [one.path for one in first.skipped] == ["bad.mp3"]
    assert "bad.mp3 refused" in reads
    count = len(reads)
    assert open_audio(music, cache).skipped == first.skipped
    assert len(reads) == count
    bad.write_bytes((music / "one.mp3").read_bytes())
    assert not open_audio(music, cache).skipped


def test_half_a_line_of_a_killed_run_costs_nothing(music: Path, cache: Path, reads: list[str]) -> None:
    open_audio(music, cache)
    (ledger,) = (
        path
        for path in (chroma_folder(cache) / "folders").iterdir()
        if str(music.name) and path.stat().st_mtime_ns == max(p.stat().st_mtime_ns for p in path.parent.iterdir())
    )
    text = ledger.read_text()
    ledger.write_text(text[: text.rindex('"content"')])
    open_audio(music, cache)
    assert len(reads) == 4
    open_audio(music, cache)
    assert len(reads) == 4


def test_a_cache_that_knows_no_albums_yet_is_read_again_and_nothing_decoded(
    music: Path, cache: Path, reads: list[str]
) -> None:
    found = open_audio(music, cache)
    before, count = decoded(cache), len(reads)
    for ledger in (chroma_folder(cache) / "folders").iterdir():
        ledger.write_text(ledger.read_text().replace(',"album":""', ""))
    tag(music / "one.mp3", TIT2="Ein Lied", TALB="Das Album")
    again = open_audio(music, cache)
    assert again.performances["one.mp3"].album == "Das Album"
    assert again.performances.keys() == found.performances.keys()
    assert len(reads) == 2 * count
    assert not [line for line in reads[count:] if line.endswith("True")]
    assert decoded(cache) == before
    open_audio(music, cache)
    assert len(reads) == 2 * count


def test_a_damaged_cache_is_said_and_not_believed(music: Path, cache: Path) -> None:
    found = open_audio(music, cache)
    path = chroma_file(found.cache, found.heard["one.mp3"].content)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArtefactError, match=r"one\.mp3: its decoded sound in the cache .*delete .*npy"):
        found.chroma("one.mp3", ["hpcp"])


def test_strict_names_the_first_file_that_cannot_be_read(music: Path, cache: Path) -> None:
    (music / "bad.flac").write_bytes(b"fLaC" + bytes(1000))
    with pytest.raises(ArtefactError, match=r"bad\.flac: .*--strict"):
        open_audio(music, cache, strict=True)
    with pytest.raises(ArtefactError, match=r"bad\.flac: .*; mend it, or leave it out$"):  # it was asked for itself
        open_audio(music, cache, below=[music.resolve() / "bad.flac"], strict=True)


def test_a_folder_without_readable_audio_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(b"x")
    with pytest.raises(ArtefactError, match=r"no audio file that can be read; first x\.mp3: "):
        open_audio(tmp_path, tmp_path / "cache")
    with pytest.raises(NotFoundError, match=r"is not there; expected a folder of audio"):
        open_audio(tmp_path / "none", tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_no_fault_of_the_files(music: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the cache should be")
    with pytest.raises(CovsearchError, match=r"cache/audio-.* cannot be written: Not a directory"):
        open_audio(music, tmp_path / "cache")


def test_what_may_pass_is_tried_again(music: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tired(jobs: Iterable[Mapping[str, object]], workers: int | None) -> Iterator[object]:
        return ((job, {"refused": "ended its decoder", "died": True, "may_pass": True}) for job in jobs)

    with monkeypatch.context() as patch:
        patch.setattr(audio, "answers", tired)
        with pytest.raises(ArtefactError, match="ended its decoder"):
            open_audio(music, cache)
    assert len(open_audio(music, cache).performances) == 3
