"""A few worker processes that read strangers' audio; one that dies costs the file it was at, and is replaced.

Python's own pools end all work when one process dies, and pass pickles; these take and give lines of JSON.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import covsearch
from covsearch.collections.worker import MEMORY, time_limit
from covsearch.errors import CovsearchError

Job = Mapping[str, Any]
# -P: a folder of music must not bring modules of its own
_COMMAND = [sys.executable, "-P", "-m", "covsearch.collections.worker"]
_MAX_LINE = 2**16  # of an answer, which has some hundred bytes
_SLOW = (-signal.SIGALRM, -signal.SIGXCPU)
_EVERY = 0.5  # seconds

Alive = Callable[[], None]
"""Called twice a second while workers read; what it raises ends them."""


def unasked() -> None:
    """Let the workers go on: the default."""


def answers(
    jobs: Iterable[Job], workers: int | None = None, alive: Alive = unasked
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Read files in worker processes.

    Parameters
    ----------
    jobs : iterable of mapping
        What :func:`covsearch.collections.worker.answer` takes; taken when a worker is free.
    workers : int, optional
        Processes at most; by default one a core.
    alive : Alive

    Yields
    ------
    (job, answer)
        In the order in which they are done. Of a worker that died, the answer has ``refused``, ``died`` and
        ``may_pass``.

    Raises
    ------
    CovsearchError
        When no worker can be started, or a worker cannot write.
    """
    waiting = iter(jobs)
    with selectors.DefaultSelector() as selector:
        busy: set[_Worker] = set()
        try:
            for job in waiting:
                _start(_Worker(), job, busy, selector)
                if len(busy) >= (workers or os.cpu_count() or 1):
                    break
            while busy:
                ready = selector.select(_EVERY)
                alive()
                for key, _ in ready:
                    worker: _Worker = key.data
                    job, given = worker.job, worker.answer()
                    if given is None:
                        continue
                    if "broken" in given:
                        raise CovsearchError(str(given["broken"]))
                    if given.get("died"):
                        _retire(worker, busy, selector)
                        worker = _Worker()
                    following = next(waiting, None)
                    if following is not None:
                        _start(worker, following, busy, selector)
                    else:
                        _retire(worker, busy, selector)
                    yield job, given
        finally:
            for worker in busy:
                worker.end()


def _start(worker: _Worker, job: Job, busy: set[_Worker], selector: selectors.BaseSelector) -> None:
    worker.take(job)
    if worker not in busy:
        busy.add(worker)
        selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]


def _retire(worker: _Worker, busy: set[_Worker], selector: selectors.BaseSelector) -> None:
    if worker in busy:
        busy.remove(worker)
        selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
    worker.end()


class _Worker:
    """One process, started when it gets its first job."""

    process: subprocess.Popen[bytes]
    job: Job

    def __init__(self) -> None:
        self._started = False
        self._ready = False

    def take(self, job: Job) -> None:
        """Begin with a job."""
        self.job = job
        if not self._started:
            self._begin()
        with suppress(BrokenPipeError):  # it died; its answer says so
            self.process.stdin.write(json.dumps(dict(job)).encode() + b"\n")  # type: ignore[union-attr]

    def _begin(self) -> None:
        package = str(Path(covsearch.__file__).resolve().parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(paths)},
            bufsize=0,  # what was read but not asked for would not wake the selector
            start_new_session=True,  # Ctrl-C is for this process, which ends them
        )
        self._started = True

    def _line(self) -> dict[str, Any]:
        """The next line of JSON; empty where the process ended."""
        try:
            told = json.loads(self.process.stdout.readline(_MAX_LINE) or b"{}")  # type: ignore[union-attr]
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def answer(self) -> dict[str, Any] | None:
        """The answer to the job, once there is something to read; None where that only says that it is ready."""
        told = self._line()
        if not self._ready:
            self._check_ready(told)
            return None
        if told:
            return told
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)  # its stdout was closed
        self.end()
        code = self.process.returncode
        return {"refused": _why(code, self.job), "died": True, "may_pass": True}

    def _check_ready(self, hello: dict[str, Any]) -> None:
        self._ready = bool(hello.get("ready"))
        if not self._ready:
            self.end()
            why = hello.get("broken") or f"its process ended with {self.process.returncode}"
            raise CovsearchError(f"audio cannot be decoded here: {why}; install covsearch again with its dependencies")

    def end(self) -> None:
        """End the process and wait for it."""
        if self._started:
            self.process.kill()  # it has nothing left to do, or is at a file that nobody waits for
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                with suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]


class Sandbox:
    """One worker process for one file after another; after a death, the next file gets a new one."""

    def __init__(self) -> None:
        self._worker = _Worker()

    def read(self, job: Job) -> dict[str, Any]:
        """The answer to a job, as :func:`answers` yields it; a CovsearchError when no process can be started."""
        worker, self._worker = self._worker, _Worker()
        worker.take(job)
        while (given := worker.answer()) is None:
            pass  # it only said that it is ready
        if not given.get("died"):
            self._worker = worker
        return given


def _why(code: int, job: Job) -> str:
    """What a worker's exit code says of the file."""
    if code in _SLOW:
        path = Path(job["path"])
        seconds = time_limit(path.stat().st_size if path.is_file() else 0)
        return f"takes more than {seconds} s to decode; it may be damaged, or made to do so"
    if code < 0:
        name = signal.Signals(-code).name
        return f"ended its decoder ({name}); it may be damaged, or need more than {MEMORY // 2**20:,} MiB"
    return "ended its decoder; it may be damaged"
