"""Folders of audio from build to update: what is indexed, found, played, compared and brought up to date."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from commands import Commands
from features.audio.sounds import write

import covsearch
from covsearch import refresh
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from tests.collections.music import SECONDS, song, tag, write_music


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three songs and their index; nobody may change either."""
    root = write_music(tmp_path_factory.mktemp("indexed") / "Music")
    covsearch.build(root, home=root.parent / "home")
    return root, root.parent / "home"


@pytest.fixture(scope="module")
def kept(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Where a copy of the songs was indexed, and what was there then."""
    place = tmp_path_factory.mktemp("copied")
    music = Path(shutil.copytree(made[0], place / "Music"))
    covsearch.build(music, home=shutil.copytree(made[1], place / "home"))
    return place, Path(shutil.copytree(place, tmp_path_factory.mktemp("kept") / "all"))


@pytest.fixture
def copied(kept: tuple[Path, Path]) -> tuple[Path, covsearch.Index]:
    """A copy of the songs, and an index of it, as they were whatever a test did to them."""
    place, then = kept
    shutil.rmtree(place)
    shutil.copytree(then, place)
    return place / "Music", covsearch.open(place / "home")


def index_of(made: tuple[Path, Path]) -> covsearch.Index:
    return covsearch.open(made[1])


def test_a_song_finds_itself_in_another_format_and_another_folder(made: tuple[Path, Path], tmp_path: Path) -> None:
    index = index_of(made)
    asked = write(tmp_path / "elsewhere.ogg", song(2))
    found = index.query(str(asked), top=3)
    assert {match.pid for match in found[:2]} == {"Album/two.flac", "Album/two again.wav"}
    assert found[0].same_recording
    assert not found[2].same_recording
    assert (found.files, found.frame_rate) == ((str(asked),), pytest.approx(44_100 / 2048))
    assert index["one.mp3"].title == "Ein Lied"


def test_what_an_id_and_what_a_file_is(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made[0])
    by_id = index_of(made).query("one.mp3")
    assert (by_id.query is not None, by_id.searched) == (True, 2)
    by_file = index_of(made).query("./one.mp3")
    assert (by_file.query, by_file.searched) == (None, 3)
    assert by_file[0].same_recording


def test_a_file_that_is_not_the_one_indexed_by_its_name_is_told_of(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Commands
) -> None:
    monkeypatch.chdir(made[0])
    assert command(made[1], "query", "one.mp3").err == ""
    write(tmp_path / "one.mp3", song(2))
    monkeypatch.chdir(tmp_path)
    told = "one.mp3 is an id of the index and a file here: the id is meant; for the file say ./one.mp3\n"
    assert command(made[1], "query", "one.mp3").err == told
    by_file = command.json(made[1], "query", "./one.mp3")  # as it says
    assert (by_file["query"], by_file["matches"][0]["title"]) == ({"files": ["one.mp3"]}, "two")
    assert {match["pid"] for match in by_file["matches"][:2]} == {"Album/two.flac", "Album/two again.wav"}


def test_the_file_of_a_performance_can_be_played(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    assert index.audio("Album/two.flac") == music.resolve() / "Album" / "two.flac"
    (music / "one.mp3").unlink()
    assert index.audio("one.mp3") is None
    (music / "one.mp3").symlink_to("/etc/passwd")
    assert index.audio("one.mp3") is None
    with pytest.raises(NotFoundError, match=r"no performance nothing in the index"):
        index.audio("nothing")


def test_a_performance_of_features_has_no_audio(toy: Path, tmp_path: Path) -> None:
    index = covsearch.build(toy, home=tmp_path / "home")
    assert index.audio("P_1") is None


def test_too_little_sound_is_skipped_by_a_build_and_refused_by_a_query(
    copied: tuple[Path, covsearch.Index], tmp_path: Path
) -> None:
    music, index = copied
    short = write(music / "short.wav", song(1)[: 10 * 44_100])
    report = index.add(music)
    assert [(one.path, one.reason) for one in report.skipped] == [
        ("short.wav", "10.0 s of sound, at least 15 s are needed")
    ]
    assert index.update(music).skipped == report.skipped  # though nothing of the folder is new
    assert report.already_there == ("Album/two again.wav", "Album/two.flac", "one.mp3")
    with pytest.raises(ArtefactError, match=r"at least 15 s are needed"):
        index.query(short)


def test_files_of_an_indexed_folder_are_of_its_collection_and_others_of_their_own(
    copied: tuple[Path, covsearch.Index], tmp_path: Path
) -> None:
    music, index = copied
    write(music / "Album" / "three.wav", song(3))
    (tmp_path / "Loose").mkdir()
    loose = write(tmp_path / "Loose" / "one.mp3", song(4))
    assert index.add(music / "Album" / "three.wav").added == ("Album/three.wav",)
    assert index.add(loose).added == ("Loose:one.mp3",)
    assert index.audio("Loose:one.mp3") == loose.resolve()
    assert sorted(index.stats().to_dict()["collections"]) == ["Loose", "Music"]
    with pytest.raises(UsageError, match=r"2 collections have a performance one\.mp3"):
        index["one.mp3"]


def test_a_file_that_cannot_be_read_is_refused_by_name(copied: tuple[Path, covsearch.Index], tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_text("no music at all\n" * 99)
    with pytest.raises(ArtefactError, match=r"bad\.mp3: "):
        copied[1].add(bad)
    with pytest.raises(ArtefactError, match=r"bad\.mp3: "):
        copied[1].query(bad)
    with pytest.raises(UsageError, match=r"a frame rate is of feature files; audio has its own"):
        copied[1].query(copied[0] / "one.mp3", frame_rate=10.0)


def test_update_adds_removes_and_reads_again_and_says_how_many(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    before = index.stats().to_dict()
    nothing = index.update(music)
    assert (nothing.added, nothing.removed, nothing.reread, nothing.retagged, nothing.unchanged) == ((), (), (), (), 3)
    assert index.stats().to_dict()["generation"] == before["generation"]

    (music / "Album" / "two again.wav").unlink()
    write(music / "Album" / "two.flac", song(5))
    write(music / "new.wav", song(6))
    tag(music / "one.mp3", TIT2="Another title", **{"MusicBrainz Work Id": "work-9"})
    report = index.update(music)
    assert report.added == ("new.wav",)
    assert report.removed == ("Album/two again.wav",)
    assert report.reread == ("Album/two.flac",)
    assert report.retagged == ("one.mp3",)
    assert (report.unchanged, report.performances) == (0, 3)
    assert (index["one.mp3"].title, index["one.mp3"].wid) == ("Another title", "work-9")
    assert index.query(write(music.parent / "five.wav", song(5)))[0].pid == "Album/two.flac"
    assert index.verify().current.problems == ()
    assert index.update(music).unchanged == 3


def test_update_of_a_renamed_file_changes_its_id(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    (music / "one.mp3").rename(music / "eins.mp3")
    report = index.update(music)
    assert (report.added, report.removed, report.unchanged) == (("eins.mp3",), ("one.mp3",), 2)


def test_corrections_follow_a_renamed_file(copied: tuple[Path, covsearch.Index], command: Commands) -> None:
    music, index = copied
    index.corrections.accept("one.mp3", "Album/two.flac")
    index.corrections.split("Album/two again.wav", "one.mp3")
    (music / "one.mp3").rename(music / "eins.mp3")
    told = command.out(index.workspace, "update", music)
    assert "Corrections follow to other names: one.mp3 → eins.mp3.\n" in told
    assert [correction.together for correction in index.corrections] == [(("eins.mp3", "Album/two.flac"),), ()]
    assert index["eins.mp3"].wid == index["Album/two.flac"].wid
    assert index.corrections.ignored == ()
    write(music / "one.mp3", song(7))  # another song of that name: nothing was said of it
    report = index.update(music)
    assert (report.added, report.followed, report.uncorrected) == (("one.mp3",), (), ())
    assert index["one.mp3"].wid is None


def test_corrections_follow_files_that_changed_their_names_with_each_other(
    copied: tuple[Path, covsearch.Index],
) -> None:
    music, index = copied
    write(music / "three.wav", song(3))
    index.update(music)
    index.corrections.accept("three.wav", "one.mp3")
    (music / "three.wav").rename(music / "kept.wav")
    (music / "Album" / "two again.wav").rename(music / "three.wav")
    report = index.update(music)
    assert (report.added, report.reread, report.removed) == (("kept.wav",), ("three.wav",), ("Album/two again.wav",))
    assert report.followed == (("three.wav", "kept.wav"),)
    assert index["kept.wav"].wid == index["one.mp3"].wid != index["three.wav"].wid


def test_corrections_of_what_is_gone_are_counted(copied: tuple[Path, covsearch.Index], command: Commands) -> None:
    music, index = copied
    index.corrections.accept("one.mp3", "Album/two.flac")
    (music / "one.mp3").unlink()
    told = command.out(index.workspace, "update", music)
    assert (
        "Corrections name 1 performance that is gone, and hold again when one is back under its id: one.mp3.\n" in told
    )
    assert "Corrections" not in command.out(index.workspace, "update", music)


def test_an_update_that_ends_between_corrections_and_index_is_run_again(
    copied: tuple[Path, covsearch.Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    music, index = copied
    index.corrections.accept("one.mp3", "Album/two.flac")
    (music / "one.mp3").rename(music / "eins.mp3")
    with monkeypatch.context() as patched:
        patched.setattr(refresh, "publish_rows", full_disk)
        with pytest.raises(OSError, match="No space left"):
            index.update(music)
    assert index.update(music).added == ("eins.mp3",)
    assert index["eins.mp3"].wid == index["Album/two.flac"].wid


def full_disk(*given: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_update_of_a_part_leaves_the_rest(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    (music / "one.mp3").unlink()
    (music / "Album" / "two.flac").unlink()
    report = index.update(music / "Album")
    assert (report.removed, report.unchanged, len(index)) == (("Album/two.flac",), 1, 2)


def test_a_part_without_audio_is_called_by_its_own_name(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    (music / "texts").mkdir()
    with pytest.raises(ArtefactError, match=rf"^{re.escape(str(music / 'texts'))}: there is no audio file in it"):
        index.update(music / "texts")


def test_an_empty_folder_empties_no_index(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    shutil.rmtree(music)
    with pytest.raises(NotFoundError, match=r"is not there; expected a folder of audio\. Nothing was removed"):
        index.update(music)
    music.mkdir()
    with pytest.raises(ArtefactError, match=r"there is no audio file in it \(expected WAV, .*\. Nothing was removed$"):
        index.update(music)
    assert len(index) == 3


def test_what_cannot_be_read_any_more_stays(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    (music / "one.mp3").write_bytes(b"half a download")
    report = index.update(music)
    assert [one.path for one in report.skipped] == ["one.mp3"]
    assert (report.removed, report.unchanged, len(index)) == ((), 3, 3)


def test_a_folder_that_cannot_be_listed_stays(
    copied: tuple[Path, covsearch.Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    music, index = copied
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if Path(path).name == "Album":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = index.update(music)
    assert [(one.path, one.reason) for one in report.skipped] == [("Album", "cannot be listed: Permission denied")]
    assert (report.removed, report.unchanged, len(index)) == ((), 3, 3)


def test_an_empty_folder_stays_until_it_is_deleted(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    shutil.rmtree(music / "Album")
    (music / "Album").mkdir()  # what is left of a disk that is not mounted
    report = index.update(music)
    assert [one.path for one in report.skipped] == ["Album"]
    assert report.skipped[0].reason.startswith("is empty, and had music: mount its disk")
    assert (report.removed, report.unchanged, len(index)) == ((), 3, 3)
    with pytest.raises(ArtefactError, match=r"Album: is empty, and had music.*Nothing was removed"):
        index.update(music, strict=True)
    (music / "Album").rmdir()
    assert index.update(music).removed == ("Album/two again.wav", "Album/two.flac")
    assert len(index) == 1


def test_what_a_csv_said_stays_until_another_one_speaks(copied: tuple[Path, covsearch.Index], tmp_path: Path) -> None:
    music, index = copied
    csv = tmp_path / "works.csv"
    csv.write_text("id,work,title\nAlbum/two.flac,w,Zwei\nAlbum/two again.wav,w,Zwei\n", encoding="utf-8")
    assert index.update(music, metadata=csv).retagged == ("Album/two again.wav", "Album/two.flac")
    assert index.query("Album/two.flac")[0].listed
    assert index.update(music).retagged == ()
    assert index["Album/two.flac"].title == "Zwei"


def test_ids_of_a_csv_that_an_update_does_not_have_are_said(
    copied: tuple[Path, covsearch.Index], tmp_path: Path, command: Commands
) -> None:
    music, index = copied
    csv = tmp_path / "works.csv"
    csv.write_text("id,title\none.mp3,Eins\nAlbum/two.flac,Zwei\nTwo.flac,Zwei\n", encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"1 of its ids is not in the collection, first Two\.flac"):
        index.update(music, metadata=csv, strict=True)
    assert index["one.mp3"].title != "Eins"
    report = index.update(music / "Album", metadata=csv)  # one.mp3 is of the collection, though not of this part
    assert (report.retagged, report.unused_metadata) == (("Album/two.flac",), ("Two.flac",))
    told = command.out(index.workspace.home, "update", music, "--metadata", csv)
    assert "--metadata: 1 of its ids is not there: Two.flac\n" in told
    (music / "one.mp3").unlink()
    assert index.update(music, metadata=csv).unused_metadata == ("one.mp3", "Two.flac")


def test_a_changed_file_is_not_added_but_updated(copied: tuple[Path, covsearch.Index]) -> None:
    music, index = copied
    write(music / "Album" / "two.flac", song(7))
    with pytest.raises(CovsearchError, match=r"is in the index with another hpcp file.*`covsearch update .*Music`"):
        index.add(music)


def test_two_files_in_no_index_are_compared(made: tuple[Path, Path], tmp_path: Path) -> None:
    from covsearch.compare import compare
    from covsearch.workspace import Workspace

    nowhere = Workspace(tmp_path / "none")
    one, two = made[0] / "one.mp3", made[0] / "Album" / "two.flac"
    apart = compare(nowhere, str(one), str(two))
    assert (apart.predicted, apart.same_recording, apart.a.title, apart.generation) == (False, False, "Ein Lied", "")
    again = compare(nowhere, str(two), str(made[0] / "Album" / "two again.wav"))
    assert (again.predicted, again.same_recording, again.cover_probability) == (True, True, 1.0)
    assert again.plot(tmp_path / "why.png").stat().st_size > 10_000
    with pytest.raises(NotFoundError, match="covsearch build-index"):
        compare(nowhere, str(one), "P_22")


def test_a_file_and_a_performance_of_the_index_are_compared(made: tuple[Path, Path], tmp_path: Path) -> None:
    index = index_of(made)
    asked = write(tmp_path / "x.ogg", song(2))
    assert index.compare(asked, "Album/two.flac").same_recording
    assert index.compare("Album/two.flac", asked).same_recording
    assert not index.compare(asked, "one.mp3").predicted
    assert index.compare("one.mp3", "Album/two.flac").a.pid == "one.mp3"


def test_extracted_features_are_a_collection(made: tuple[Path, Path], tmp_path: Path) -> None:
    from covsearch.collections.extract import extract_folder
    from covsearch.dataset.datacos import open_dataset
    from covsearch.features.audio import read_audio_chroma

    out = tmp_path / "features"
    report = extract_folder(made[0], out)
    assert (report.extracted, report.kept, report.skipped) == (3, 0, ())
    dataset = open_dataset(out, ["hpcp"], strict=True)
    assert (dataset.subset, dataset.frame_rate, dataset.rate_is_known) == ("Music", DATACOS_RATE, True)
    titles = {p.title: (pid, p.wid, p.artist, p.year) for pid, p in dataset.performances.items()}
    assert titles["Ein Lied"] == ("P_3", "W_3", "Die Sänger", 1969)
    chroma, _ = dataset.chroma("P_3", ["hpcp"])
    assert np.array_equal(chroma["hpcp"], read_audio_chroma(made[0] / "one.mp3", hop=512, tuned=False).chroma)
    assert len(chroma["hpcp"]) == pytest.approx(SECONDS * DATACOS_RATE, abs=20)
    with h5py.File(next(out.rglob("P_3_hpcp.h5"))) as file:
        kind = h5py.h5a.open(file.id, b"label").get_type()
        assert file.attrs["label"] == b"W_3"
        # what PyTables, and so acoss, reads as text; Da-TACOS's files have it so
        assert (kind.get_cset(), kind.is_variable_str()) == (h5py.h5t.CSET_UTF8, False)
    again = extract_folder(made[0], out)
    assert (again.extracted, again.kept) == (0, 3)


def test_a_file_that_cannot_be_extracted_is_not_in_the_metadata(tmp_path: Path) -> None:
    from covsearch.collections.extract import extract_folder
    from covsearch.dataset.datacos import open_dataset

    music = write_music(tmp_path / "Music")
    whole = (music / "one.mp3").read_bytes()
    (music / "none.mp3").write_bytes(whole[:600])  # tags, and no sound
    report = extract_folder(music, tmp_path / "features")
    assert ([skip.path for skip in report.skipped], report.extracted) == (["none.mp3"], 3)
    dataset = open_dataset(tmp_path / "features", ["hpcp"], strict=True)
    assert (dataset.skipped, len(dataset.performances)) == ((), 3)


def test_a_folder_with_nothing_in_it_might_have_had_audio(made: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for given, what in (("empty", "has no Da-TACOS feature folder"), ("none", "is not there")):
        with pytest.raises(NotFoundError, match=rf"{given} {what}; expected .*, or a folder of audio"):
            covsearch.build(tmp_path / given, home=tmp_path / "home")
    with pytest.raises(NotFoundError, match="or a folder of audio"):
        index_of(made).add(tmp_path / "empty")


def test_a_home_folder_is_known_by_its_tilde(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(made[0]))
    index = index_of(made)
    assert index.query("~/one.mp3")[0].pid == "one.mp3"
    assert index.query(Path("~/one.mp3"))[0].same_recording
    assert [song.performance.pid for song in index.setlist("~/one.mp3").songs] == ["one.mp3"]


def test_the_commands(copied: tuple[Path, covsearch.Index], command: Commands) -> None:
    music, index = copied
    home = index.workspace
    built = command.out(home, "build-index", str(music))
    assert built.startswith("Indexed 3 performances of 1 work in ")
    asked = command.out(home, "query", str(music / "one.mp3"), "--top", "1")
    assert asked.splitlines()[:2] == ["one.mp3 · read at 21.53 frames/s", "The same recording found: one.mp3."]
    (music / "Album" / "two.flac").unlink()
    updated = command.out(home, "update", str(music))
    assert updated.startswith("Added 0, removed 1, read again 0, with other tags 0, unchanged 2, in ")
    assert "removed: Album/two.flac" in updated
    told = command.json(home, "update", music)
    assert (told["unchanged"], told["removed"]) == (2, [])
    compared = command.out(home, "compare", str(music / "one.mp3"), "Album/two again.wav")
    assert "non-cover" in compared
    extracted = command.out(home, "extract", str(music), "--out", str(music.parent / "out"))
    assert extracted.startswith("Wrote features of 2 files to ")


def test_a_script_without_a_guard_builds(made: tuple[Path, Path], tmp_path: Path) -> None:
    import subprocess
    import sys

    script = tmp_path / "script.py"
    script.write_text(
        f"import covsearch\nprint(len(covsearch.build({str(made[0])!r}, home={str(tmp_path / 'h')!r})))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr
