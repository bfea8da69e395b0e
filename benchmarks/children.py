"""Run a command as a process of its own and measure what it alone took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Linux hands the peak of whoever forks on to the new process: only a child of something small has a peak of its own
_LAUNCHER = """
import json, os, resource, signal, subprocess, sys, time
limit, memory, *command = json.loads(sys.argv[1])
def bounded():
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
started = time.perf_counter()
process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=bounded, start_new_session=True)
try:
    code = process.wait(limit)
except subprocess.TimeoutExpired:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    code = None
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
print(json.dumps([code, seconds, peak]))
"""


@dataclass(frozen=True)
class Finished:
    """What became of a command.

    Attributes
    ----------
    exit_code : int or None
        Negative for the signal that ended it; None when it took too long and was killed.
    output : str
        What it wrote, to stdout and stderr.
    seconds : float
    peak_mb : int
        Largest resident memory of it or of any process it waited for.
    """

    exit_code: int | None
    output: str
    seconds: float
    peak_mb: int


def run_child(
    command: Sequence[str],
    *,
    limit_s: float = 120,
    memory: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run `command` and wait for it.

    Parameters
    ----------
    command : sequence of str
    limit_s : float
        Seconds until it is killed.
    memory : int, optional
        Bytes of address space that it may have.
    environment : mapping, optional
        Added to this process's.
    """
    work = json.dumps([limit_s, memory, *command])
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(
            (sys.executable, "-I", "-S", "-c", _LAUNCHER, work),
            stdout=subprocess.PIPE, stderr=output, env={**os.environ, **(environment or {})}, text=True, check=True,
        )  # fmt: skip
        output.seek(0)
        code, seconds, peak = json.loads(done.stdout)
        return Finished(code, output.read(), seconds, peak)
