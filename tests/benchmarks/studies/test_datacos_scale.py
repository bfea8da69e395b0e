"""The dry run of Da-TACOS on a small collection: its layout, going on after a stop, and the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from songs import make_song

from benchmarks.studies import datacos_layout, datacos_scale
from benchmarks.studies.datacos_layout import as_hpcp, plan, turned, write_collection
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.errors import UsageError
from covsearch.evaluate.cliques import PROTOCOLS, clique_sizes
from covsearch.features.frames import prepare
from covsearch.features.slow import slow_chroma
from covsearch.stages import SPAN, align_with
from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.sources import SongCollection

SONGS = [make_song(seed, bars=24) for seed in range(4)]


def test_the_whole_plan_is_da_tacos() -> None:
    works = [work.number for work in plan(datacos_scale.FULL) for _ in work.pids]
    assert clique_sizes(works) == PROTOCOLS["datacos"]
    pids = [pid for work in plan(7) for pid in work.pids]
    assert pids == list(range(1, 5 + 2 * 13 + 1))
    with pytest.raises(UsageError, match="at least 3 works, not 2"):
        plan(2)


def test_what_is_written_is_read_as_the_benchmark_and_a_stopped_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datacos_layout, "VERSIONS", 3)
    written, size = write_collection(tmp_path / "a", 6, SONGS, seed=1)
    dataset = open_dataset(tmp_path / "a", ("hpcp",))
    assert (dataset.subset, dataset.rate_is_known, written) == ("benchmark", True, 10)
    assert clique_sizes(dataset.wids_of(tuple(dataset.performances))) == {3: 2, 1: 4}
    files = sorted((tmp_path / "a").rglob("*.h5"))
    assert size == sum(path.stat().st_size for path in files)
    before = {path: dataset.reading(pid).chroma(("hpcp",))["hpcp"] for pid, path in _by_pid(dataset)}
    files[3].unlink()
    assert write_collection(tmp_path / "a", 6, SONGS, seed=1)[0] in (1, 3)  # all of its work
    again = open_dataset(tmp_path / "a", ("hpcp",))
    for pid, path in _by_pid(again):
        np.testing.assert_array_equal(again.reading(pid).chroma(("hpcp",))["hpcp"], before[path])


def _by_pid(dataset: object) -> list[tuple[str, Path]]:
    return [(pid, files["hpcp"]) for pid, files in dataset.files.items()]  # type: ignore[attr-defined]


def test_a_file_is_heard_as_the_cover_it_was_made_of() -> None:
    (batch, (length,)) = CoverMaker(SONGS).make([2], np.random.default_rng(0), hardness=0.5)
    cover = batch[0, :length]
    fine = as_hpcp(cover, np.random.default_rng(1))
    assert fine.shape == (32 * length, 12)
    assert (fine.min(), fine.max()) == (pytest.approx(0, abs=0.2), 1)
    slow = prepare({"hpcp": fine}, FeatureConfig("hpcp", 100_000, rate=2.69), 44_100 / 512)
    alike = (slow * cover).sum(axis=1) / np.linalg.norm(slow, axis=1) / np.linalg.norm(cover, axis=1)
    assert np.median(alike) > 0.99


def test_turns_are_other_compositions() -> None:
    cover = np.random.default_rng(0).random((7, 12)).astype(np.float32)
    assert turned(cover, 0) is cover
    np.testing.assert_array_equal(turned(cover, 1)[:, 3], cover[:, 9])
    np.testing.assert_array_equal(turned(cover, 2), cover[::-1])
    np.testing.assert_array_equal(turned(turned(cover, 3), 3), cover)


def test_too_few_songs_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="17 works need 5 songs, there are 4: name more"):
        write_collection(tmp_path, 17, SONGS, seed=0)


def test_end_to_end_and_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datacos_layout, "VERSIONS", 3)
    monkeypatch.setattr(datacos_layout, "HARDNESS", 0.0)
    monkeypatch.setattr(datacos_scale, "open_collections", lambda *_: [SongCollection("made up", CoverMaker(SONGS))])
    arguments = ["--synthesize", "songs", "--folder", str(tmp_path / "dry"), "--works", "6"]
    monkeypatch.setattr("sys.argv", ["datacos_scale", *arguments, "--out", str(tmp_path / "found.json")])
    datacos_scale.main()
    found = json.loads((tmp_path / "found.json").read_text())
    assert list(found["systems"]) == list(datacos_scale.SYSTEMS)
    assert (found["run"]["rows"], found["queries"], found["run"]["files"]) == (6, 6, 10)
    assert found["systems"]["one vector"]["map"] > 0.6
    dataset = open_dataset(tmp_path / "dry" / "da-tacos", ("hpcp",))
    readings = [dataset.reading(pid).chroma(("hpcp",)) for pid in dataset.performances]
    tracks = [slow_chroma(chroma, ["hpcp"], dataset.frame_rate)[0] for chroma in readings]
    first = int(datacos_scale.asking(list(dataset.wids_of(tuple(dataset.performances))), 3)[0])
    others = [track for row, track in enumerate(tracks) if row != first]
    aligned = align_with(tracks[first].astype(np.float32) / 255, others, 1, SPAN)
    by_qmax = np.delete(np.load(tmp_path / "dry" / "distances 1.npy")[0], first)
    np.testing.assert_allclose(by_qmax, -aligned, atol=1e-9)  # all ten are aligned finely
    assert found["full"]["performances"] == 5_000  # of works that have three here
    assert found["full"]["distances_gb"] == pytest.approx(4 * 8 * 3_000 * 5_000 / 2**30)
    table = (tmp_path / "found.md").read_text()
    assert "10 performances of 6 works" in table
    assert "| covsearch query | " in table

    state = json.loads((tmp_path / "dry" / "state.json").read_text())
    (tmp_path / "dry" / "state.json").write_text(json.dumps({**state, "rows": 4}))
    monkeypatch.setattr(datacos_scale, "run_child", lambda *_, **__: pytest.fail("the index is built already"))
    datacos_scale.main()
    again = json.loads((tmp_path / "found.json").read_text())
    assert again["systems"] == found["systems"]
    monkeypatch.setattr("sys.argv", ["datacos_scale", *arguments[:-1], "9"])
    with pytest.raises(SystemExit, match="is of another run"):
        datacos_scale.main()


def test_the_first_of_each_work_ask() -> None:
    works = ["a", "b", "a", "c", "a", "c"]
    assert datacos_scale.asking(works, 13).tolist() == [0, 2, 3, 4, 5]
    assert datacos_scale.asking(works, 1).tolist() == [0, 3]
