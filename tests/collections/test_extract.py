"""Extracting a folder with accidents: what is lost, what is written twice, and what is remembered."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from commands import Commands
from features.audio.sounds import tones, write

from covsearch.collections import hands, pool
from covsearch.collections.extract import extract_folder
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.files import open_files
from covsearch.errors import ArtefactError, CovsearchError, UsageError
from covsearch.training.source import TrainingSource

# a worker process with an accident that happens once: MARK is there afterwards
ACCIDENT = """
import errno, os, signal
from pathlib import Path
from covsearch.collections import hdf5, worker
mark = Path(MARK)
def once(target):
    if target.suffix == ".h5" and not mark.exists():
        mark.touch()
        return True
replace = Path.replace
def die(self, target):
    if once(target):
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
def full(self, target):
    if once(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    return replace(self, target)
Path.replace = WHAT
worker.main()
"""


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """Five short recordings and a file that only is called as one."""
    folder = tmp_path / "Music"
    folder.mkdir()
    for number in range(5):
        write(folder / f"{number}.wav", tones(1.5, number))
    (folder / "poison.flac").write_bytes(b"fLaC" + bytes(1000))
    return folder


def features(out: Path) -> dict[str, int]:
    """Every file below the features -> when it was written; each can be read."""
    found = sorted((out / "Music_subset_hpcp").rglob("*"))
    for path in found:
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                assert np.isfinite(file["hpcp"][:]).all()
    return {path.name: path.stat().st_mtime_ns for path in found if path.is_file()}


def accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> Path:
    mark, script = tmp_path / "happened", tmp_path / "accident.py"
    script.write_text(ACCIDENT.replace("MARK", repr(str(mark))).replace("WHAT", what))
    monkeypatch.setattr(pool, "_COMMAND", [sys.executable, "-P", str(script)])
    return mark


def test_a_worker_killed_while_it_writes_costs_nothing(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, out = accident(tmp_path, monkeypatch, "die"), tmp_path / "out"
    report = extract_folder(short, out, workers=2)
    assert mark.exists()
    assert (report.extracted, [skip.path for skip in report.skipped]) == (5, ["poison.flac"])
    written = features(out)
    assert list(written) == [f"P_{number}_hpcp.h5" for number in range(1, 6)]  # and no draft
    again = extract_folder(short, out, workers=2)
    assert (again.extracted, again.kept, features(out)) == (0, 5, written)


def test_a_full_disk_ends_the_run_and_puts_nothing_into_quarantine(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accident(tmp_path, monkeypatch, "full")
    (short / "poison.flac").unlink()
    with pytest.raises(CovsearchError, match=r"W_\d_hpcp cannot be written: No space left on device"):
        extract_folder(short, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "Music_quarantine.jsonl").exists()
    assert extract_folder(short, tmp_path / "out", workers=1).extracted == 5


def test_a_file_in_quarantine_is_tried_again_when_it_has_changed(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def spied(jobs: Any, workers: int | None) -> Any:
        for job, told in pool.answers(jobs, workers):
            asked.append(job["id"])
            yield job, told

    monkeypatch.setattr(hands, "answers", spied)
    out = tmp_path / "out"
    first = extract_folder(short, out, workers=1)
    (line,) = (out / "Music_quarantine.jsonl").read_text().split("\n")[1:-1]
    assert (json.loads(line)["file"], json.loads(line)["reason"]) == ("poison.flac", first.skipped[0].reason)
    asked.clear()
    assert extract_folder(short, out, workers=1).skipped == first.skipped
    assert "poison.flac" not in asked
    write(short / "poison.flac", tones(1.5, 9))
    mended = extract_folder(short, out, workers=1)
    assert (mended.extracted, mended.kept, mended.skipped) == (1, 5, ())


def test_a_run_that_writes_no_features_leaves_nothing(tmp_path: Path) -> None:
    music, out = tmp_path / "Music", tmp_path / "out"
    music.mkdir()
    (music / "poison.flac").write_bytes(b"fLaC" + bytes(1000))
    with pytest.raises(ArtefactError, match=r"no audio file that can be read; first poison\.flac: "):
        extract_folder(music, out, workers=1)
    assert not out.exists()
    out.mkdir()
    with pytest.raises(ArtefactError, match=r"no audio file that can be read"):
        extract_folder(music, out, workers=1)
    assert list(out.iterdir()) == []
    (out / "Music_files.csv").write_text("performance,work,file\nP_1,W_1,old.wav\n")  # of an earlier run
    with pytest.raises(ArtefactError, match=r"no audio file that can be read"):
        extract_folder(music, out, workers=1)
    assert [path.name for path in out.iterdir()] == ["Music_files.csv"]
    assert "P_1,W_1,old.wav" in (out / "Music_files.csv").read_text()


def test_files_that_name_no_work_are_of_unknown_works_until_a_table_names_them(short: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "out", tmp_path / "works.csv"
    first = extract_folder(short, out, workers=1)
    assert (first.extracted, first.unknown_works) == (5, 5)
    unknown = open_dataset(out, ["hpcp"])
    assert (list(unknown.works), len(unknown.performances)) == ([], 5)
    heard = {pid: unknown.chroma(pid, ["hpcp"])[0]["hpcp"] for pid in unknown.performances}
    table.write_text("id,work\n1.wav,Mine\n3.wav,Mine\n4.wav,Yours\n")
    again = extract_folder(short, out, metadata=table, workers=1)
    assert (again.extracted, again.kept, again.unknown_works) == (0, 5, 2)
    known = open_dataset(out, ["hpcp"])
    assert (known.works, known.skipped) == ({"W_2": ("P_2", "P_4"), "W_5": ("P_5",)}, ())
    assert sorted(path.name for path in (out / "Music_subset_hpcp").iterdir()) == [f"W_{n}_hpcp" for n in (1, 2, 3, 5)]
    for pid, chroma in heard.items():
        assert np.array_equal(known.chroma(pid, ["hpcp"])[0]["hpcp"], chroma)  # its label fits its folder
    parted = extract_folder(short, out, workers=1)
    assert (parted.extracted, parted.unknown_works) == (0, 5)
    assert (out / "Music_files.csv").read_text().split()[2:6:2] == ["P_2,W_2,1.wav", "P_4,W_7,3.wav"]
    assert open_dataset(out, ["hpcp"]).skipped == ()


def test_a_file_of_an_unknown_work_may_be_named_alone(short: Path, tmp_path: Path) -> None:
    extract_folder(short, tmp_path, workers=1)
    (opened,) = open_files([tmp_path / "Music_subset_hpcp" / "W_2_hpcp" / "P_2_hpcp.h5"], ["hpcp"])
    assert [p.wid for p in opened.performances.values()] == [None]


def test_unknown_works_are_said(short: Path, tmp_path: Path, command: Commands) -> None:
    out = tmp_path / "out"
    told = command.out(tmp_path, "extract", short, "--out", out)
    assert "Of 5 files of 5 the work is unknown: no tag names it. A CSV does: --metadata, and the" in told
    assert "performances  5 (5 of unknown works)\n" in command.out(tmp_path, "dataset", "info", out)
    for words in (("train", "--out", tmp_path / "model"), ("eval-retrieval",), ("eval-pairs",)):
        ran = command(tmp_path, words[0], "--dataset", out, *words[1:])
        assert (ran.code, "nothing says which of its 5 performances are of one work" in ran.err) == (2, True), ran.err
    (tmp_path / "works.csv").write_text("id,work\n1.wav,Mine\n3.wav,Mine\nfour.wav,Yours\n")
    told = command.out(tmp_path, "extract", short, "--out", out, "--metadata", tmp_path / "works.csv")
    assert "--metadata: 1 of its ids is not there: four.wav\n" in told
    heard: list[str] = []
    assert list(TrainingSource(out).open(["hpcp"], heard.append).performances) == ["P_2", "P_4"]
    assert heard == ["3 performances of unknown works left out: no pair can be made of them"]


def test_half_a_line_of_a_killed_run_is_no_line(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "Music_quarantine.jsonl").write_text('{"file": "0.wav", "size"')
    assert extract_folder(short, out, workers=1).extracted == 5
    assert len(extract_folder(short, out, workers=1).skipped) == 1
    assert len((out / "Music_quarantine.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("inside", [".", "features"])
def test_features_do_not_go_into_the_folder_of_audio(short: Path, inside: str) -> None:
    before = sorted(short.rglob("*"))
    with pytest.raises(UsageError, match=r"collection of features then.* --out of a folder that is elsewhere"):
        extract_folder(short, short / inside, workers=1)
    assert sorted(short.rglob("*")) == before
