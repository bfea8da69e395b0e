"""A real Milvus for the tests: the one at COVSEARCH_TEST_MILVUS, or `milvus-lite server` of their own."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.own_server import end_with_us, wait_until


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
    end_with_us(process, home, signal.SIGTERM, 60)
    if not wait_until(lambda: socket.create_connection(("127.0.0.1", port), 2).close(), OSError, process):
        raise RuntimeError(f"Milvus did not start: {(home / 'log').read_text(errors='replace')}")
    address = os.environ["COVSEARCH_TEST_MILVUS"] = f"http://127.0.0.1:{port}"  # for processes that a test starts
    return address


if __name__ == "__main__":  # a server to work with by hand
    print(milvus(), flush=True)
    input()
