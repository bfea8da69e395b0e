"""Every kind of odd or broken audio in one folder: each is read or left out with a reason, and nothing else suffers."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from covsearch.collections.audio import open_audio
from tests.hostile.audio import KINDS, READ, encoded

GOOD = "zzz/good.wav"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of every file, by its path, :data:`READ` where it is read."""
    root = tmp_path_factory.mktemp("hostile") / "music"
    for number, kind in enumerate(KINDS.values()):
        folder = root / f"{number:03d}"
        folder.mkdir(parents=True)
        kind.write(folder / kind.name)
    (root / GOOD).parent.mkdir()
    encoded("WAV", "PCM_16")(root / GOOD)
    found = open_audio(root, root.parent / "cache", workers=2)
    assert not {one.path for one in found.skipped} & set(found.performances)
    return {**dict.fromkeys(found.performances, READ), **{one.path: one.reason for one in found.skipped}}


def test_there_are_many_kinds() -> None:
    assert len(KINDS) >= 100


@pytest.mark.parametrize(("number", "name"), list(enumerate(KINDS)), ids=lambda value: str(value))
def test_a_kind_is_read_or_left_out_with_its_reason(number: int, name: str, told: dict[str, str]) -> None:
    said = [reason for path, reason in told.items() if path.startswith(f"{number:03d}/")]
    assert len(said) == 1
    assert re.search(KINDS[name].expected, said[0])
    assert said[0].isprintable()
    assert len(said[0]) <= 300


def test_the_file_after_all_of_them_is_read(told: dict[str, str]) -> None:
    assert told[GOOD] == READ
    assert len(told) == len(KINDS) + 1


def _worker(code: str) -> int:
    """The exit code of a process that limits itself as a worker does, and then does what a bad file makes it do."""
    begin = "from covsearch.collections import worker\nworker._limit()\n"
    return subprocess.run([sys.executable, "-c", begin + code], capture_output=True, check=False).returncode


def test_a_decoder_gets_no_more_memory_time_or_disk_than_its_share(tmp_path: Path) -> None:
    asked = "try:\n    bytearray({})\nexcept MemoryError:\n    raise SystemExit(7)\n"
    assert _worker(asked.format(worker_memory() // 2)) == 0
    assert _worker(asked.format(2 * worker_memory())) == 7
    quick = "worker.SECONDS = worker.PATIENCE = 1\nworker._start_clock(0)\n"
    assert _worker(f"{quick}while True: pass\n") in (-signal.SIGALRM, -signal.SIGXCPU)
    assert _worker(f"import time\n{quick}time.sleep(60)\n") == -signal.SIGALRM
    writing = (
        f"import errno\nfile = open({str(tmp_path / 'big')!r}, 'wb')\n"
        "try:\n    file.truncate(worker.OUTPUT + 1)\n"
        "except OSError as e:\n    raise SystemExit(e.errno == errno.EFBIG)\n"
    )
    assert _worker(writing) == 1


def worker_memory() -> int:
    from covsearch.collections.worker import MEMORY

    return MEMORY
