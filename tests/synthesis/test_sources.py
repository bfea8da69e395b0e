"""Archives and folders of scores, tunes and charts as sources of a training."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.guard.files import RefusedError
from covsearch.synthesis import formats
from covsearch.synthesis.archive import Archive
from covsearch.synthesis.kept import kept_file, read_kept
from covsearch.synthesis.notated import abc_reading, musicxml_reading
from covsearch.synthesis.song import HIGH, LOW, MELODY, SECOND
from covsearch.synthesis.sources import SongCollection, open_collections
from tests.synthesis.score_files import FORM, HYMN, archive, chart, harmony, lead_sheet, packed, score_xml, xml_note


def opened(path: Path, cache: Path, told: list[str] | None = None) -> SongCollection:
    (collection,) = open_collections([str(path)], cache, tell=(told if told is not None else []).append)
    return collection


def test_a_lead_sheet_has_its_melody_its_chords_and_an_accompaniment() -> None:
    reading = musicxml_reading("x/A_Name.mxl", lead_sheet(1), {"title": "Said"})
    song = reading.song
    assert reading.titles == ("Said", "Song 1", "A Name")
    assert (song.name, song.steps, song.bar, song.beat) == ("x/A_Name.mxl", 8 * 16, 16, 0.6)
    assert song.chords[[0, 16, 32, 48]].tolist() == [
        [0, 4, 7, -1, 0],
        [5, 9, 0, -1, 5],
        [7, 11, 2, 5, 7],
        [9, 1, 4, -1, 9],
    ]
    notes = song.notes
    assert (notes.layer == MELODY).sum() == 32
    for layer in (HIGH, LOW):
        mine = notes.layer == layer
        assert mine.any()
        assert all(p % 12 in song.chords[s] for p, s in zip(notes.pitch[mine], notes.start[mine], strict=True))
    assert len(reading.melody) == 32


def test_voice_and_piano_have_their_layers() -> None:
    sung = "<lyric/>"
    voice = [xml_note(step, 4, 2, sung) * 4 for step in "CDEFGABC"]
    second = [xml_note(step, 4, 4, sung) * 2 for step in "EFGABCDE"]
    piano = [
        xml_note(step, 5, 8) + "<backup><duration>8</duration></backup>" + xml_note(step, 3, 8) for step in "CFGCFGCC"
    ]
    song = musicxml_reading("a.mxl", packed(score_xml(piano, voice, second)), {}).song
    counts = np.bincount(song.notes.layer, minlength=4)
    assert [counts[layer] for layer in (MELODY, SECOND, HIGH, LOW)] == [32, 16, 10, 6]  # G3 is high
    assert song.chords[0].tolist()[:3] == [0, 4, 7]  # estimated: there are no symbols


def test_a_hymn_has_the_voice_with_words_as_its_melody() -> None:
    music = "".join(f"[V: 1] {'GABc|dcBA|' * 4}\nw: words\n[V: 2] {'G,4|D,4|' * 4}\n" for _ in range(2))
    data = f"X:1\nT:Hymn\nM:4/4\nL:1/4\nV: 2\nV: 1\nK:G\n{music}".encode()
    reading = abc_reading("a.abc", data, {"tune": "Old", "tune_norm": "old"})
    assert (reading.titles, reading.work) == (("Old", "Hymn"), "old")
    assert reading.melody[:5] == [67, 69, 71, 72, 74]
    assert np.bincount(reading.song.notes.layer, minlength=4).tolist() == [64, 0, 8, 8]
    with pytest.raises(RefusedError, match="beats; 16 to"):
        abc_reading("a.abc", b"X:1\nK:C\nCDEF|", {})


@pytest.mark.parametrize("folder", [False, True])
def test_an_archive_or_its_folder_is_a_collection_and_odd_files_cost_one_song(tmp_path: Path, folder: bool) -> None:
    files = {f"songs/{k}.mxl": lead_sheet(k) for k in range(3)}
    files |= {"songs/again.mxl": lead_sheet(0), "bad.mxl": b"PK nothing", "worse.mxl": b"", "README.txt": b"words"}
    path = archive(tmp_path / "leads.zip", files)
    if folder:
        with zipfile.ZipFile(path) as made:
            made.extractall(tmp_path / "leads")
        path = tmp_path / "leads"
    told: list[str] = []
    found = opened(path, tmp_path / "cache", told)
    assert (found.name, len(found.maker)) == ("leads", 3)
    assert [[one.name for one in song.versions] for song in found.maker.songs] == [["songs/again.mxl"], [], []]
    assert [file.name for file, _ in found.refused] == ["bad.mxl", "worse.mxl"]
    assert told == [
        f"{path}: 1 of 6 files are left out; the first, {path / 'bad.mxl'}: is damaged: File is not a zip file",
        f"{path}: 1 of 6 files are left out; the first, {path / 'worse.mxl'}: has no score-partwise or score-timewise",
    ]
    batch, lengths = found.maker.make([0, 1], np.random.default_rng(0), hardness=0.5)
    assert np.isfinite(batch).all()
    assert lengths.min() > 16


def test_a_table_beside_the_charts_says_what_is_one_recording_and_one_work(tmp_path: Path) -> None:
    rows = ["id,title,title_norm,recording_key,note", "0001,One,one,a,cover_set", "0002,One,one,a,cover_set"]
    rows += ["0003,One,one,b,cover_set", "0004,Other,other,c,"]
    files = {f"charts/{k:04}.txt": chart(FORM) for k in range(1, 5)} | {
        "README.txt": b"# titles",
        "songs.csv": "\n".join(rows),
    }
    told: list[str] = []
    found = opened(archive(tmp_path / "charts.zip", files), tmp_path / "cache", told)
    assert [(song.name, len(song.versions)) for song in found.maker.songs] == [
        ("charts/0001.txt", 1),
        ("charts/0004.txt", 0),
    ]
    assert (found.again, found.refused) == (1, ())
    assert told == [f"{tmp_path / 'charts.zip'}: 1 of 4 files are of recordings that others are of"]


def test_a_song_that_models_are_judged_by_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from covsearch.synthesis import sources
    from covsearch.synthesis.held_out import HeldOutSongs

    melody = musicxml_reading("a.mxl", lead_sheet(1), {}).melody
    monkeypatch.setattr(sources, "sample_held_out", lambda: HeldOutSongs(["Song 2"], [melody]))
    found = opened(archive(tmp_path / "a.zip", {f"{k}.mxl": lead_sheet(k) for k in range(3)}), tmp_path / "cache")
    assert [song.name for song in found.maker.songs] == ["0.mxl"]
    assert [(file.name, reason.split()[2]) for file, reason in found.refused] == [
        ("1.mxl", "melody"),
        ("2.mxl", "title"),
    ]


def test_songs_are_read_once_and_kept_until_the_archive_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.zip", {"0.mxl": lead_sheet(0), "bad.mxl": b""})
    first = opened(path, tmp_path / "cache")
    monkeypatch.setattr(formats, "_try_one", lambda job: "was read again")
    again = opened(path, tmp_path / "cache")
    assert again.refused == first.refused
    (one,), (other,) = first.maker.songs, again.maker.songs
    assert (one.name, one.steps, one.bar, one.beat) == (other.name, other.steps, other.bar, other.beat)
    assert np.array_equal(one.chords, other.chords)
    for name in ("start", "length", "pitch", "velocity", "layer"):
        a, b = getattr(one.notes, name), getattr(other.notes, name)
        assert np.array_equal(a, b)
        assert a.dtype == b.dtype
    changed = Archive(archive(path, {"0.mxl": lead_sheet(1)}))
    assert read_kept(kept_file(tmp_path / "cache" / "songs", changed)) is None


def test_kept_songs_that_are_damaged_are_read_anew(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"0.mxl": lead_sheet(0)})
    opened(path, tmp_path / "cache")
    (kept,) = (tmp_path / "cache" / "songs").iterdir()
    whole = kept.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"x" * 100):
        kept.write_bytes(damaged)
        assert read_kept(kept) is None
        assert len(opened(path, tmp_path / "cache").maker) == 1


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="expected a folder of MIDI files, or a zip archive"):
        opened(tmp_path / "nothing", tmp_path)
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(ArtefactError, match=r"text\.zip: expected a zip archive of scores or charts"):
        opened(tmp_path / "text.zip", tmp_path)
    with pytest.raises(NotFoundError, match="holds no songs; expected MIDI files in a folder, or MusicXML, ABC"):
        opened(archive(tmp_path / "a.zip", {"README.txt": "words"}), tmp_path)
    with pytest.raises(NotFoundError, match=r"none of 1 files can be read; the first, .*bad\.abc: is no ABC tune"):
        opened(archive(tmp_path / "b.zip", {"bad.abc": "words"}), tmp_path)
    with pytest.raises(ArtefactError, match=r"its songs\.csv cannot be read: is not UTF-8"):
        opened(archive(tmp_path / "c.zip", {"a.abc": HYMN, "songs.csv": b"\xff"}), tmp_path)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.abc", b" " * 10_000)
    with pytest.raises(NotFoundError, match=r"a\.abc: has over 1,000 bytes"):
        opened(tmp_path / "a.zip", tmp_path)


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "songs"
    inside.mkdir()
    (inside / "good.mxl").write_bytes(lead_sheet(0))
    (tmp_path / "secret.mxl").write_bytes(lead_sheet(1))
    (inside / "link.mxl").symlink_to(tmp_path / "secret.mxl")
    found = opened(inside, tmp_path / "cache")
    assert [file.name for file, _ in found.refused] == ["link.mxl"]
    assert "link out of the dataset" in found.refused[0][1]


def test_symbols_too_few_for_a_lead_sheet_do_not_count() -> None:
    bars = [(harmony("C", "major") if k == 0 else "") + xml_note("GCEA"[k % 4], 4, 2) * 4 for k in range(8)]
    song = musicxml_reading("a.mxl", packed(score_xml(bars)), {}).song
    assert set(song.notes.layer.tolist()) == {MELODY}
    assert not (song.chords == song.chords[0]).all()


@pytest.mark.parametrize(
    ("files", "licence"),
    [
        ({"LICENSE": "MIT License\n", "README.txt": "public domain"}, "MIT"),
        ({"README.txt": "available under a CC0 license; the idea is in the public domain"}, "CC0"),
        ({"README.md": "they are in the public domain"}, "public domain"),
        ({"inside/LICENSE": "MIT License"}, "no licence said"),
        ({"README.txt": "words"}, "no licence said"),
    ],
)
def test_the_licence_is_what_stands_beside_the_songs(tmp_path: Path, files: dict[str, str], licence: str) -> None:
    assert opened(archive(tmp_path / "a.zip", {"0.mxl": lead_sheet(0), **files}), tmp_path / "cache").licence == licence
