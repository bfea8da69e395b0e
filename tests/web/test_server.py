"""``covsearch serve``: where it listens, what it refuses, and how it ends."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cli.conftest import process

from covsearch import api
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.web import server
from covsearch.web.app import create_app
from covsearch.workspace import Workspace


@contextmanager
def started(workspace: Workspace, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and where it says that it listens."""
    line = [sys.executable, "-m", "covsearch", "--home", str(workspace.home), "serve", "--port", "0", *words]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        told = running.stderr.readline()
        try:
            match = re.fullmatch(r"covsearch serves (http://127\.0\.0\.1:\d+/) - Ctrl-C stops it\n", told)
            assert match, told + running.stderr.read()
            yield running, match[1]
        finally:
            running.kill()


def test_the_command_serves_until_it_is_told_to_stop(small: Workspace) -> None:
    with started(small) as (running, url):
        with httpx.Client(base_url=url, trust_env=False, timeout=600) as client:
            assert client.get("/healthz").json() == {"status": "ok"}
            assert len(client.get("/api/query?id=P_1").json()["matches"]) == 5
        running.send_signal(signal.SIGTERM)
        assert running.wait(600) in (0, -signal.SIGTERM)
        assert running.stderr
        said = running.stderr.read()
        assert re.search(r"GET /api/query 200 \d\.\d{3} s \d+ bytes", said)
        assert "Traceback" not in said


def test_ctrl_c_stops_it_and_that_is_said(small: Workspace) -> None:
    with started(small) as (running, url):
        assert httpx.get(f"{url}healthz", trust_env=False, timeout=600).status_code == 200
        running.send_signal(signal.SIGINT)
        assert running.wait(600) == 0
        assert running.stderr
        said = running.stderr.read()
        assert said.endswith("The server stopped.\n")
        assert "Interrupted" not in said


def test_the_token_may_come_from_the_environment(small: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVSEARCH_TOKEN", "hush")
    with started(small) as (_, url):
        assert httpx.get(url, trust_env=False, timeout=600).status_code == 401
        bearer = {"authorization": "Bearer hush"}
        assert httpx.get(url, trust_env=False, timeout=600, headers=bearer).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "music.example.org"])
def test_other_machines_need_a_token(small: Workspace, host: str) -> None:
    with pytest.raises(UsageError, match=f"{re.escape(host)} can be reached from other machines: give a --token"):
        server.run(small, host, 0, say=print)


def test_refusals_are_those_of_the_command_line(small: Workspace, tmp_path: Path) -> None:
    refused = process(small, "serve", "--host", "0.0.0.0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "0.0.0.0 can be reached from other machines" in refused.stderr
    nothing = process(tmp_path / "nothing", "serve")
    assert nothing.returncode == 3
    assert "build-index" in nothing.stderr


def test_the_server_imports_no_torch_before_a_file_is_heard() -> None:
    code = "import sys, covsearch.web.server; print([m for m in ('torch', 'h5py', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_address_that_is_taken_is_said(small: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: .*; choose another --port"):
            server.run(small, "127.0.0.1", port, say=print)


def test_a_damaged_index_is_said_before_anybody_asks(small: Workspace) -> None:
    (vectors,) = small.home.glob("index/gen-*/index.faiss")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match=r"index\.faiss"):
        create_app(small)


def test_without_an_index_there_is_nothing_to_serve(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="build-index"):
        server.run(Workspace(tmp_path), "127.0.0.1", 0, say=print)


class Stopped:
    """A server that ends at once."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports

    def run(self, sockets: list[socket.socket]) -> None:
        self.ports.append(sockets[0].getsockname()[1])


class Now:
    """A timer that does not wait."""

    def __init__(self, _: float, work: Callable[[str], None], args: list[str]) -> None:
        self.start = lambda: work(*args)


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        pytest.param("::1", "[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")),
    ],
)
def test_it_says_where_it_listens_and_opens_that(
    small: Workspace, monkeypatch: pytest.MonkeyPatch, host: str, url: str
) -> None:
    opened: list[str] = []
    said: list[str] = []
    ports: list[int] = []
    monkeypatch.setattr(server, "server_of", lambda app: Stopped(ports))
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(server.threading, "Timer", Now)
    server.run(small, host, 0, browser=True, say=said.append)
    assert said == [f"covsearch serves http://{url}:{ports[0]}/ - Ctrl-C stops it"]
    assert opened == [f"http://{url}:{ports[0]}/"]


def test_an_idle_connection_is_left_for_the_client_to_close(
    small: Workspace, served: Callable[..., httpx.Client]
) -> None:
    page = served(small)
    assert page.get("/healthz").status_code == 200
    (idle,) = page.server.server_state.connections  # type: ignore[attr-defined]
    client = httpx.Limits().keepalive_expiry
    assert client is not None
    assert idle.timeout_keep_alive > max(client, 60, 120), "a request of httpx, nginx or Caddy can meet its close"


def test_what_runs_is_finished_when_the_server_stops(
    small: Workspace, served: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def find(*_: object) -> list[object]:
        begun.set()
        go.wait(600)
        return []

    monkeypatch.setattr(api.Index, "find", find)
    page, answers = served(small), []
    asking = threading.Thread(target=lambda: answers.append(page.get("/api/find?q=a").status_code))
    asking.start()
    assert begun.wait(600)
    page.server.should_exit = True  # type: ignore[attr-defined]
    threading.Timer(0.3, go.set).start()
    asking.join(600)
    assert answers == [200]
