"""Worker processes: what one of them does to itself costs one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from covsearch.collections import pool
from covsearch.collections.pool import answers
from covsearch.errors import CovsearchError

DYING = """
import json, os, signal, sys, time
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    what = job["path"]
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "exit":
        os._exit(3)
    if what == "hang":
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        time.sleep(60)
    if what == "noise":
        print("this is no JSON", flush=True)
        continue
    print(json.dumps({"pid": os.getpid(), "done": what}), flush=True)
"""


@pytest.fixture
def dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that do what the name of their file says."""
    script = tmp_path / "worker.py"
    script.write_text(DYING)
    monkeypatch.setattr(pool, "_COMMAND", [sys.executable, str(script)])


def outcome(names: list[str], workers: int = 2) -> dict[str, str]:
    jobs = ({"id": n, "path": name} for n, name in enumerate(names))
    return {f"{job['id']} {job['path']}": told.get("refused", "done") for job, told in answers(jobs, workers)}


@pytest.mark.usefixtures("dying")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("crash", r"ended its decoder (SIGSEGV)"),
        ("exit", r"ended its decoder; it may be damaged"),
        ("hang", r"takes more than 60 s to decode"),
        ("noise", r"ended its decoder"),
    ],
)
def test_a_worker_that_dies_costs_the_file_that_it_was_at(bad: str, reason: str) -> None:
    told = outcome(["a", bad, "b", "c", bad, "d", "e"])
    assert {name for name, what in told.items() if what == "done"} == {"0 a", "2 b", "3 c", "5 d", "6 e"}
    assert told[f"1 {bad}"].startswith(reason)
    assert told[f"4 {bad}"].startswith(reason)


@pytest.mark.usefixtures("dying")
def test_as_many_processes_as_were_asked_for_share_the_files() -> None:
    told = [answer["pid"] for _, answer in answers(({"path": str(n)} for n in range(40)), 3)]
    assert len(told) == 40
    assert 1 <= len(set(told)) <= 3


@pytest.mark.usefixtures("dying")
def test_files_are_asked_for_when_a_worker_is_free() -> None:
    taken = 0

    def jobs() -> Iterator[dict[str, str]]:
        nonlocal taken
        for n in range(100):
            taken += 1
            yield {"path": str(n)}

    running = answers(jobs(), 2)
    next(running)
    assert taken <= 4
    running.close()


@pytest.mark.usefixtures("dying")
def test_workers_end_with_the_loop() -> None:
    running = answers(({"path": str(n)} for n in range(10)), 2)
    _, told = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(told["pid"], 0)


def test_a_worker_that_cannot_begin_is_an_error_and_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_COMMAND", [sys.executable, "-c", 'print(\'{"broken": "no soundfile"}\')'])
    with pytest.raises(CovsearchError, match=r"audio cannot be decoded here: no soundfile"):
        list(answers([{"path": "x"}], 1))


def test_a_worker_ends_when_its_caller_was_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom covsearch.collections.pool import _Worker\n"
        "worker = _Worker()\nworker._begin()\nprint(worker.process.pid, flush=True)\ntime.sleep(3600)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert caller.stdout is not None
    worker = int(caller.stdout.readline())
    caller.kill()
    caller.wait()
    caller.stdout.close()
    deadline = time.monotonic() + 600  # only where it never ends
    while time.monotonic() < deadline:
        try:
            os.kill(worker, signal.SIG_DFL)
        except ProcessLookupError:
            return
        if Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the worker goes on")
