"""Servers that the tests start for themselves: waited for, and ended with the process that started them."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def end_with_us(process: subprocess.Popen[bytes], home: Path, by: signal.Signals, seconds: float) -> None:
    """When this process ends: signal `by`, `seconds` to obey it, and no folder `home` any more."""
    atexit.register(_stop, process, home, by, seconds, os.getpid())


def wait_until(connect: Callable[[], object], refused: type[Exception], process: subprocess.Popen[bytes]) -> bool:
    """Whether `connect` once did not raise `refused`: within ten minutes, and before the server ended."""
    for _ in range(6000):
        if process.poll() is not None:
            return False
        try:
            connect()
        except refused:
            time.sleep(0.1)
        else:
            return True
    return False


def wait_for(state: Callable[[], object], seconds: int = 600) -> None:
    """Wait until something holds; what never does fails, after ten minutes where nothing else is said."""
    for _ in range(20 * seconds):
        if state():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def _stop(process: subprocess.Popen[bytes], home: Path, by: signal.Signals, seconds: float, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the process that started it
        return
    if process.poll() is None:
        process.send_signal(by)
        process.wait(seconds)
    shutil.rmtree(home, ignore_errors=True)
