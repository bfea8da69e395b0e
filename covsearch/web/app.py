"""The server: one index, opened once, behind pages and an API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from covsearch import __version__
from covsearch.api import Index
from covsearch.errors import (
    ArtefactError,
    CovsearchError,
    NoIndexError,
    NotFoundError,
    ReadOnlyError,
    UnavailableError,
    UsageError,
)
from covsearch.web import corrections, health, pages, problems, routes, setlists, sound, uploads, waiting, works
from covsearch.web.asking import LEFT
from covsearch.web.gate import RETRY_SECONDS, BusyError, Gate
from covsearch.web.guards import Guards
from covsearch.web.jobs import Jobs
from covsearch.web.metrics import Metrics
from covsearch.web.options import Options
from covsearch.web.receive import Room, UploadError
from covsearch.workspace import Workspace

STATIC = Path(__file__).parent / "static"
_STATUS = (
    (ReadOnlyError, 403),  # before UsageError, which it is
    (UsageError, 400),
    (NoIndexError, 503),  # before NotFoundError, which it is: the request asks for nothing wrong
    (NotFoundError, 404),
    (UploadError, 422),
    (ArtefactError, 500),
    (BusyError, 503),
    (UnavailableError, 503),
)


def create_app(workspace: Workspace, options: Options | None = None) -> Guards:
    """The ASGI application of a workspace's index, behind its guards.

    Parameters
    ----------
    workspace : Workspace
    options : Options, optional

    Raises
    ------
    NotFoundError
        When nothing was built in this workspace.
    ArtefactError
        When the index is damaged.
    """
    options = options or Options()
    metrics, index = Metrics(), Index(workspace)
    _ = index.foreign  # which opens it: the first question does not wait for that
    gate, aligning = (Gate(options.workers, options.waiting) for _ in range(2))
    jobs = Jobs(Gate(1, options.long_waiting))

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()
        gate.close()
        aligning.close()
        jobs.gate.close()

    app = FastAPI(
        title="covsearch",
        version=__version__,
        description="Search a collection for covers of a recording. Bodies are those of the command line's --json.",
        docs_url=None,  # its page comes from another host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.index, app.state.gate, app.state.metrics = index, gate, metrics
    app.state.aligning, app.state.options, app.state.jobs = aligning, options, jobs
    app.state.room = Room(options.uploads, options.uploads_bytes)
    for part in (routes, sound, waiting, uploads, setlists, works, corrections, health, pages):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(Exception, _failed)
    for kind in (CovsearchError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _failed)
    return Guards(app, options, metrics)  # outside of all else: what fails within has its headers and is counted, too


def _failed(request: Request, error: Exception) -> Response:
    """The failure in the words of the command line: problem+json for programs, a page for people."""
    status, detail = _told(error)
    headers = {"retry-after": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if isinstance(error, HTTPException):
        headers |= dict(error.headers or {})
    title = "Client Closed Request" if status == LEFT else HTTPStatus(status).phrase
    if _is_page(request):
        return problems.problem_page(request, status, "" if detail == title else detail, headers)
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return 400, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail)
    if isinstance(error, CovsearchError):
        return next((status for kind, status in _STATUS if isinstance(error, kind)), 500), str(error)
    return 500, "something went wrong here; the server's log says what"


def _is_page(request: Request) -> bool:
    path = request.url.path
    return not path.startswith(
        ("/api/", "/audio/", "/healthz", "/readyz", "/metrics")
    ) and "text/html" in request.headers.get("accept", "")
