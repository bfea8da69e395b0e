"""The packed store: what is in it, what a second run keeps, what a killed run leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collection import FRAME_RATE, melody, write_collection, write_feature

from covsearch.config import FeatureConfig
from covsearch.dataset import readings
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.hdf5 import read_chroma
from covsearch.errors import ArtefactError, FeatureFileError
from covsearch.features import pack as pack_module
from covsearch.features.frames import prepare
from covsearch.features.pack import pack, store_folder
from covsearch.features.slow import slow_chroma
from covsearch.features.store import ENTRIES, FRAMES, SLOW
from covsearch.progress import silent

CONFIG = FeatureConfig("hpcp", 100)


def test_store_holds_every_performances_frames(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    store = pack(dataset, CONFIG, tmp_path / "store")
    assert store.pids == tuple(f"P_{i}" for i in range(1, 25))
    assert store.wids[:4] == ("W_1", "W_1", "W_1", "W_2")
    for i, pid in enumerate(store.pids):
        expected = prepare({"hpcp": read_chroma(dataset.files[pid]["hpcp"], "hpcp")}, CONFIG, dataset.frame_rate)
        np.testing.assert_array_equal(store.frames(i), expected.astype(np.float16))
        assert store.lengths[i] == len(expected)


def test_store_holds_the_slow_chroma_of_whole_tracks_too(tmp_path: Path) -> None:
    """However few frames the branch sees: 960 frames at four times 2.69 frames/s are 240 slow ones."""
    root = write_collection(tmp_path / "toy", works=2, features=("hpcp", "crema"), frames=960)
    dataset = open_dataset(root, ["hpcp", "crema"], frame_rate=4 * SLOW_RATE)
    store = pack(dataset, FeatureConfig("hpcp+crema", 50), tmp_path / "store")
    assert [len(store.slow(i)) for i in range(3)] == [240, 242, 244]
    for i, pid in enumerate(store.pids):
        chroma = {name: read_chroma(path, name) for name, path in dataset.files[pid].items()}
        expected, _ = slow_chroma(chroma, ["hpcp", "crema"], 4 * SLOW_RATE)
        np.testing.assert_array_equal(store.slow(i), expected)


def test_every_file_is_read_once(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    seen = reads(monkeypatch)
    pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert sorted(seen) == sorted(files["hpcp"] for files in dataset.files.values())


def test_workers_give_the_same_store(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    one = pack(dataset, CONFIG, tmp_path / "one", workers=1)
    two = pack(dataset, CONFIG, tmp_path / "two", workers=2)
    assert one.entries == two.entries
    for name in (FRAMES, SLOW):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []

    def spy(path: Path, *args: object, **kwargs: object) -> object:
        seen.append(path)
        return read_chroma(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(readings, "read_chroma", spy)
    return seen


def test_second_run_reads_nothing(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    first = pack(dataset, CONFIG, tmp_path / "store", workers=1)
    seen = reads(monkeypatch)
    assert pack(dataset, CONFIG, tmp_path / "store", workers=1).entries == first.entries
    assert seen == []


def test_touched_file_is_known_by_its_hash_and_changed_file_is_read(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    pack(dataset, CONFIG, tmp_path / "store", workers=1)
    os.utime(dataset.files["P_1"]["hpcp"], ns=(1, 1))
    changed = write_feature(toy, "toy", "hpcp", "W_1", "P_2", melody(99, 180))
    seen = reads(monkeypatch)
    store = pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert seen == [changed]
    assert store.lengths[1] == 90  # ceil(180 / 2)
    np.testing.assert_array_equal(
        store.frames(1), prepare({"hpcp": read_chroma(changed, "hpcp")}, CONFIG, dataset.frame_rate).astype(np.float16)
    )


@pytest.mark.parametrize("cut", [1, 7, 400, 5000])
def test_killed_run_is_gone_on_with(toy: Path, tmp_path: Path, cut: int) -> None:
    """Cut any file anywhere: the next run ends with the store of an unbroken run."""
    dataset = open_dataset(toy, ["hpcp"])
    whole = pack(dataset, CONFIG, tmp_path / "whole", workers=1)
    for name in (FRAMES, SLOW, ENTRIES):
        folder = tmp_path / f"cut-{name}"
        pack(dataset, CONFIG, folder, workers=1)
        os.truncate(folder / name, max(0, (folder / name).stat().st_size - cut))
        again = pack(dataset, CONFIG, folder, workers=1)
        assert again.pids == whole.pids
        for mine, theirs in zip(again, whole, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        for i in range(len(whole)):
            np.testing.assert_array_equal(again.slow(i), whole.slow(i))


@pytest.mark.parametrize("dies_at", [1, 2, 7, 8])
def test_a_run_that_dies_between_the_two_files_is_gone_on_with(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """Two writes a performance, the frames and the slow chroma; the last of them is half done."""
    dataset = open_dataset(toy, ["hpcp"])
    whole = pack(dataset, CONFIG, tmp_path / "whole", workers=1)
    written, calls = pack_module._written, []

    def dying(file: Any, frames: Any) -> tuple[int, int]:
        calls.append(len(frames))
        if len(calls) < dies_at:
            return written(file, frames)
        file.write(frames.tobytes()[: frames.nbytes // 2 + 1])
        file.flush()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pack_module, "_written", dying)
        with pytest.raises(KeyboardInterrupt):
            pack(dataset, CONFIG, tmp_path / "store", workers=1)
    seen = reads(monkeypatch)
    again = pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert len(seen) == 24 - (dies_at - 1) // 2  # what was whole is not read again
    assert again.pids == whole.pids
    for i in range(24):
        np.testing.assert_array_equal(again.frames(i), whole.frames(i))
        np.testing.assert_array_equal(again.slow(i), whole.slow(i))


def test_refused_files_are_skipped_and_listed_or_stop_a_strict_run(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    dataset.files["P_5"]["hpcp"].write_bytes(b"not HDF5")
    write_feature(toy, "toy", "hpcp", "W_3", "P_7", np.zeros((50, 12), np.float32))
    store = pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert "P_5" not in store.pids
    assert "P_7" not in store.pids
    assert len(store) == 22
    assert sorted(Path(s.path).name for s in store.skipped) == ["P_5_hpcp.h5", "P_7_hpcp.h5"]
    with pytest.raises(FeatureFileError, match=r"P_5_hpcp\.h5"):
        pack(dataset, CONFIG, tmp_path / "strict", workers=1, strict=True)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=1, versions=2)
    dataset = open_dataset(root, ["hpcp"])
    for files in dataset.files.values():
        files["hpcp"].write_bytes(b"")
    with pytest.raises(ArtefactError, match="none of 2 performances could be read"):
        pack(dataset, CONFIG, tmp_path / "store")


def test_two_features_are_stacked(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=2, features=("hpcp", "crema"))
    config = FeatureConfig("hpcp+crema", 2000)
    store = pack(open_dataset(root, config.names), config, tmp_path / "store")
    assert store.frames(0).shape == (240, 24)
    np.testing.assert_allclose(store.frames(0)[:, :12], store.frames(0)[:, 12:], atol=1e-3)


def test_one_configuration_a_folder(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    pack(dataset, CONFIG, tmp_path / "store")
    with pytest.raises(ArtefactError, match="holds frames of another configuration"):
        pack(dataset, FeatureConfig("hpcp", 50), tmp_path / "store")
    assert store_folder(tmp_path, dataset, CONFIG) != store_folder(tmp_path, dataset, FeatureConfig("hpcp", 50))


def test_one_frame_rate_a_folder(toy: Path, tmp_path: Path) -> None:
    config = FeatureConfig("hpcp", 100, rate=2)
    fast, slow = (open_dataset(toy, ["hpcp"], frame_rate=rate) for rate in (8, 16))
    assert store_folder(tmp_path, fast, config) != store_folder(tmp_path, slow, config)
    assert pack(fast, config, tmp_path / "store").lengths[:2].tolist() == [60, 62]  # 240 and 248 frames in fours
    assert pack(slow, config, tmp_path / "slow").lengths[:2].tolist() == [30, 31]
    with pytest.raises(ArtefactError, match="holds frames of another configuration"):
        pack(slow, config, tmp_path / "store")


def test_less_than_15_seconds_of_sound_are_skipped_or_stop_a_strict_run(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"], frame_rate=10)  # 24 to 25.6 s
    silent_end = melody(7)
    silent_end[149:] = 0
    write_feature(toy, "toy", "hpcp", "W_3", "P_7", silent_end)
    write_feature(toy, "toy", "hpcp", "W_3", "P_8", melody(8, 150))
    store = pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert set(dataset.performances) - set(store.pids) == {"P_7"}
    (skipped,) = store.skipped
    assert Path(skipped.path).name == "P_7_hpcp.h5"
    assert skipped.reason == "14.9 s of sound, at least 15 s are needed"
    with pytest.raises(FeatureFileError, match=r"P_7_hpcp\.h5: 14\.9 s of sound, at least 15 s are needed"):
        pack(dataset, CONFIG, tmp_path / "strict", workers=1, strict=True)


def test_a_file_of_another_rate_is_skipped_unless_the_rate_is_given(toy: Path, tmp_path: Path) -> None:
    write_feature(toy, "toy", "hpcp", "W_3", "P_7", melody(7), 10.5)
    declared, given = open_dataset(toy, ["hpcp"]), open_dataset(toy, ["hpcp"], frame_rate=FRAME_RATE)
    assert declared.frame_rate == given.frame_rate
    assert store_folder(tmp_path, declared, CONFIG) != store_folder(tmp_path, given, CONFIG)
    assert len(pack(given, CONFIG, store_folder(tmp_path, given, CONFIG))) == 24
    store = pack(declared, CONFIG, store_folder(tmp_path, declared, CONFIG))
    assert set(declared.performances) - set(store.pids) == {"P_7"}
    assert store.skipped[0].reason.startswith("declares 10.5 frames/s, its collection has 2.69165: ")


def test_a_second_packer_waits_for_the_first(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    stages: list[tuple[str, int]] = []
    waiting = threading.Event()

    def progress(stage: str, done: int, total: int) -> None:
        stages.append((stage, done))
        waiting.set()

    with ThreadPoolExecutor(1) as pool:
        with pack_module._locked(tmp_path / "store", pack_module._settings(dataset, CONFIG), silent):
            second = pool.submit(pack, dataset, CONFIG, tmp_path / "store", progress=progress)
            assert waiting.wait(600)  # only where it never does
            assert not second.done()
        assert len(second.result(600)) == 24
    assert stages[:2] == [("waiting for another process to pack this collection", done) for done in (0, 1)]


def test_a_whole_store_is_read_while_another_process_holds_it(toy: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    first = pack(dataset, CONFIG, tmp_path / "store")
    with pack_module._locked(tmp_path / "store", pack_module._settings(dataset, CONFIG), silent):
        assert pack(dataset, CONFIG, tmp_path / "store").entries == first.entries


def test_batch_is_padded_and_tells_lengths(toy: Path, tmp_path: Path) -> None:
    store = pack(open_dataset(toy, ["hpcp"]), CONFIG, tmp_path / "store")
    batch, lengths = store.batch([2, 0], 128)
    assert batch.shape == (2, 128, 12)
    assert lengths.tolist() == [store.lengths[2], store.lengths[0]]
    np.testing.assert_array_equal(batch[1, : lengths[1]], store.frames(0).astype(np.float32))
    assert not batch[1, lengths[1] :].any()


def test_workers_of_a_killed_run_end_too(tmp_path: Path) -> None:
    """Each worker says its process id in place of packing, and then has an hour to do."""
    (tmp_path / "run.py").write_text(
        "import multiprocessing, os, sys, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from covsearch.features.pack import _end_with_parent\n"
        "def work(_: int) -> None:\n"
        "    print(os.getpid(), flush=True); time.sleep(3600)\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(2, multiprocessing.get_context('spawn'), _end_with_parent) as pool:\n"
        "        list(pool.map(work, range(2)))\n"
    )
    with subprocess.Popen([sys.executable, str(tmp_path / "run.py")], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        workers = [int(run.stdout.readline()) for _ in range(2)]
        run.kill()
        run.wait()
        deadline = time.monotonic() + 600  # only where they never end
        while any(map(_runs, workers)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(map(_runs, workers))


def _runs(pid: int) -> bool:
    """Whether a process is more than a zombie that nobody waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_that_dies_while_it_notes_its_configuration_is_gone_on_with(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def half(self: Path, text: str, encoding: str) -> int:
        write_text(self, text[: len(text) // 2], encoding)
        raise KeyboardInterrupt

    dataset = open_dataset(toy, CONFIG.names)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        with pytest.raises(KeyboardInterrupt):
            pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert len(pack(dataset, CONFIG, tmp_path / "store", workers=1)) == 24


def test_what_is_no_feature_file_by_now_is_neither_hashed_nor_read(toy: Path, tmp_path: Path) -> None:
    """Between the scan and the packing a file may become a link out of the dataset, a FIFO or endless."""
    dataset = open_dataset(toy, ["hpcp"])
    link, fifo, huge = (dataset.files[pid]["hpcp"] for pid in ("P_1", "P_2", "P_3"))
    (tmp_path / "else.h5").write_bytes(link.read_bytes())
    link.unlink()
    link.symlink_to(tmp_path / "else.h5")
    fifo.unlink()
    os.mkfifo(fifo)
    os.truncate(huge, 10 * 2**40)
    store = pack(dataset, CONFIG, tmp_path / "store", workers=1)
    assert {Path(s.path).name: s.reason.split(";")[0] for s in store.skipped} == {
        link.name: "is a symbolic link out of the dataset: not followed",
        fifo.name: "is not a regular file",
        huge.name: "has 10,995,116,277,760 bytes",
    }
    assert len(store) == len(dataset.performances) - 3
