"""Run the application: one process, told by one line where it listens; SIGTERM lets it finish its questions."""

from __future__ import annotations

import logging
import socket
import threading
import webbrowser
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from covsearch.errors import UsageError
from covsearch.progress import Tell
from covsearch.web.app import create_app
from covsearch.web.guards import LOG
from covsearch.web.options import LOCAL, Options
from covsearch.workspace import Workspace

GRACE = 10  # seconds for questions that run when the server is told to stop
LINE = 2**16  # bytes of a request's first line and headers
KEEP = 130  # seconds for which an idle connection stays open: httpx uses one for 5, nginx for 60, Caddy for 120


def run(
    workspace: Workspace,
    host: str,
    port: int,
    *,
    names: Sequence[str] = (),
    token: str | None = None,
    edit: bool = False,
    browser: bool = False,
    say: Tell,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    workspace : Workspace
    host, port
        Where to listen; port 0 takes a free one.
    names : sequence of str
        Host names that requests may call, beside `host` and this machine's own.
    token, edit
        As for :class:`Options`.
    browser : bool
        Open the page.
    say : Tell
        Hears where the server listens.

    Raises
    ------
    UsageError
        When others could reach it and there is no token, or the address is not free.
    NotFoundError
        When nothing was built in this workspace.
    ArtefactError
        When the index is damaged.
    """
    called = f"[{host}]" if ":" in host else host.lower()
    if called not in LOCAL and token is None:
        raise UsageError(
            f"{host} can be reached from other machines: give a --token, or listen on 127.0.0.1 behind a proxy"
        )
    hosts = frozenset({*LOCAL, called, *map(str.lower, names)})
    app = create_app(workspace, Options(hosts, token, edit=edit))
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    LOG.setLevel(logging.INFO)
    with listening(host, port) as listener:
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else called}:{listener.getsockname()[1]}/"
        say(f"covsearch serves {url} - Ctrl-C stops it")
        if browser:
            threading.Timer(0.5, webbrowser.open, [url]).start()
        server_of(app).run(sockets=[listener])


def server_of(app: ASGIApp) -> uvicorn.Server:
    """What runs the application, until its ``should_exit`` is set or a signal comes.

    An idle connection is left for the client to close: a request that is on its way while the server closes is lost.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP,
        h11_max_incomplete_event_size=LINE,
    )
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises
    ------
    UsageError
        When the address is not free, or not this machine's.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as e:
        raise UsageError(f"cannot listen on {host}:{port}: {e.strerror}; choose another --port") from e
