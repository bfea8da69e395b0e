"""The corpus: read from what is kept of it, every printed tune once."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from covsearch.synthesis import corpus, scores
from covsearch.synthesis.corpus import FOLDERS, load
from covsearch.synthesis.setting import Setting
from covsearch.synthesis.sources import open_collections

TUNE = tuple((k / 2, 0.5, 60 + (k * k) % 13) for k in range(64))


def setting(source_id: str, file: str, kind: str = "tune") -> Setting:
    collection = source_id.split("/")[0]
    return Setting(source_id, kind, collection, "1", file, (source_id,), "", "C", 0.0, "4/4", TUNE, (TUNE,))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files of O'Neill that share a tune, and a chorale, all parsed before."""
    files = {"bach": ["bwv9.mxl"], "oneill": ["a.abc", "b.abc"]}
    monkeypatch.setattr(corpus, "_files", lambda name: [Path(file) for file in files.get(name, [])])
    held = {
        "bach-bwv9": [setting("bach/bwv9", "bwv9.mxl", "chorale")],
        "oneill-a": [setting("oneill/2", "a.abc"), setting("oneill/1", "a.abc")],
        "oneill-b": [setting("oneill/2", "b.abc"), setting("oneill/3", "b.abc")],
    }
    folder = tmp_path / "music21" / "settings"
    folder.mkdir(parents=True)
    for name, settings in held.items():
        (folder / f"{name}.json").write_text(json.dumps([asdict(one) for one in settings]))
    return tmp_path


def test_a_tune_of_two_files_is_read_once_from_the_first(kept: Path) -> None:
    settings = load(kept / "music21", jobs=1)
    assert [one.source_id for one in settings] == ["bach/bwv9", "oneill/1", "oneill/2", "oneill/3"]
    assert [one.file for one in settings] == ["bwv9.mxl", "a.abc", "a.abc", "b.abc"]
    assert settings[0] == setting("bach/bwv9", "bwv9.mxl", "chorale")


def test_the_corpus_is_two_collections_without_what_is_held_out(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kept / "music21")  # no folder here is called music21
    monkeypatch.setattr(scores, "held_out_ids", lambda: set())
    chorales, tunes = open_collections(["music21"], kept)
    assert (chorales.name, tunes.name) == ("chorales", "tunes")
    assert [song.name for song in chorales.maker.songs] == ["bach/bwv9"]
    assert [song.name for song in tunes.maker.songs] == ["oneill/1", "oneill/2", "oneill/3"]
    assert tunes.notes == 3 * 64
    monkeypatch.setattr(scores, "without_held_out", lambda settings, held: [s for s in settings if s.kind != "tune"])
    assert [len(one.maker) for one in open_collections(["music21"], kept)] == [1, 0]


def test_a_file_of_the_corpus_is_parsed_once_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("music21", reason="needs the extra 'scores'")
    written = "X:7\nT:The Test\nM:2/4\nL:1/8\nK:G\nGABc|dcBA|GABc|d2d2|]\n"
    (tmp_path / "x.abc").write_text(written)
    corpus._parse_file(tmp_path, "ryan", tmp_path / "x.abc")
    (record,) = json.loads(corpus._cached(tmp_path, "ryan", tmp_path / "x.abc").read_text())
    assert (record["source_id"], record["number"], record["titles"]) == ("ryan/x", "7", ["The Test"])
    assert (record["bar"], record["kind"], record["file"]) == ("2/4", "tune", f"{FOLDERS['ryan']}/x.abc")
    assert [pitch for _, _, pitch in record["melody"]] == [67, 69, 71, 72, 74, 72, 71, 69, 67, 69, 71, 72, 74, 74]
    assert record["melody"][-1] == [7.0, 1.0, 74]


def test_the_settings_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("music21", reason="needs the extra 'scores'")
    monkeypatch.setattr(corpus, "corpus_folder", lambda: tmp_path)
    source = tmp_path / FOLDERS["ryan"] / "x.abc"
    source.parent.mkdir()
    source.write_text("X:7\nT:The Test\nM:2/4\nL:1/8\nK:G\nGABc|dcBA|GABc|d2d2|]\n")
    (found,) = corpus.settings_in(f"{FOLDERS['ryan']}/x.abc", tmp_path)
    assert (found.source_id, found.number, found.melody[-1]) == ("ryan/x", "7", (7.0, 1.0, 74))
    source.unlink()
    assert corpus.settings_in(f"{FOLDERS['ryan']}/x.abc", tmp_path) == [found]
