"""A real Milvus for the tests: the one at COVSEARCH_TEST_MILVUS, or `milvus-lite server` of their own."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest


@cache
def milvus() -> str:
    """Address of a server; the test is skipped, and says why, where there is none."""
    given = os.environ.get("COVSEARCH_TEST_MILVUS")
    if given:
        return given
    pytest.importorskip("pymilvus", reason="needs the extra 'milvus'")
    if importlib.util.find_spec("milvus_lite") is None:
        pytest.skip("needs a Milvus server: COVSEARCH_TEST_MILVUS, or `pip install milvus-lite`")
    return _started()


def milvus_database(name: str) -> str:
    """URL of a store in a database of that name and the server's Milvus."""
    from postgres_server import database

    return f"milvus+{database(name)}?milvus={milvus()}"


def _started() -> str:
    """A server in a folder of its own, ended and removed with this process."""
    home = Path(tempfile.mkdtemp(prefix="covsearch-milvus-"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "milvus_lite", "server", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*line, "--data-dir", str(home / "data")], stdout=log, stderr=log, cwd=home)
    atexit.register(_stop, process, home, os.getpid())
    _wait(port, process, home / "log")
    address = os.environ["COVSEARCH_TEST_MILVUS"] = f"http://127.0.0.1:{port}"  # for processes that a test starts
    return address


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Milvus did not start: {log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes], home: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the process that started it
        return
    if process.poll() is None:
        process.terminate()
        process.wait(60)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":  # a server to work with by hand
    print(milvus(), flush=True)
    input()
