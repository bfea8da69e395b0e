"""Questions by a file: it is decoded apart, heard once, and deleted; then its answer is looked at as any other."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from covsearch.api import Index
from covsearch.errors import CovsearchError, UsageError
from covsearch.listened import Listened
from covsearch.progress import Progress
from covsearch.web import picture as drawing
from covsearch.web.answer import Ask, Subject, aligned, answered
from covsearch.web.asking import aligning, asked, index_of, known
from covsearch.web.described import FAILURES, FORM
from covsearch.web.jobs import StoppedError
from covsearch.web.receive import Received, receive
from covsearch.web.rendering import page
from covsearch.web.routes import Candidates, Rerank, Top
from covsearch.web.view import View
from covsearch.web.waiting import job_of, jobs_of, waiting

router = APIRouter(responses=FAILURES)
Rate = Annotated[float | None, Query(description="Frames a second of an HDF5 file that declares none.")]


@router.post("/uploads", include_in_schema=False)
async def upload(request: Request) -> Response:
    """Take a file of a form, and lead to its answer."""
    received = await receive(request)
    key, index = secrets.token_urlsafe(16), index_of(request)
    try:
        rate = _rate(received.fields.get("frame_rate", ""))
        jobs_of(request).start(
            key, received.name, lambda progress: listen(index, received, progress, rate), after=received.delete
        )
    except CovsearchError:
        received.delete()
        raise
    setlist = "/setlist" if received.fields.get("as") == "setlist" else ""
    return RedirectResponse(f"/uploads/{key}{setlist}", 303)


@router.get("/uploads/{key}", include_in_schema=False)
async def upload_page(request: Request, key: str, view: Annotated[View, Query()]) -> Response:
    """The answer to an upload; until it is heard, how far that is."""
    job = job_of(request, key)
    if not job.finished.is_set():
        return waiting(key, job)
    return await answered(request, view, *_asking(request, key, view.top), setlist=f"/uploads/{key}/setlist")


@router.get("/uploads/{key}/events", include_in_schema=False)
async def upload_events(request: Request, key: str, view: Annotated[View, Query()]) -> Response:
    """The aligned answer to an upload, as :func:`covsearch.web.pages.events`."""
    return aligned(request, view, *_asking(request, key, view.top))


@router.get("/uploads/{key}/compare", include_in_schema=False)
async def upload_compare(request: Request, key: str, b: Annotated[str, Query(max_length=600)]) -> Response:
    """Why an upload is held for a cover of a performance, or not."""
    listened, index = listened_of(request, key), index_of(request)
    found = await asked(request, lambda: index.compare(listened, known(request, b)), aligning(request))
    address, there = f"/api/uploads/{key}/compare?b=", (False, index.audio(found.b.pid) is not None)
    return page("compare.html", found=found, data=address, back=f"/uploads/{key}", there=there)


@router.get("/api/uploads/{key}/compare", include_in_schema=False)
async def api_upload_compare(
    request: Request, key: str, b: Annotated[str, Query(max_length=600)], picture: bool = False
) -> dict[str, Any]:
    """An upload beside a performance, as ``/api/compare``."""
    listened, index = listened_of(request, key), index_of(request)
    return await asked(
        request, lambda: drawing.told(index.compare(listened, known(request, b)), picture), aligning(request)
    )


@router.post("/api/query", tags=["search"], openapi_extra=FORM)
async def api_query_file(
    request: Request,
    top: Top = 10,
    rerank: Rerank = None,
    candidates: Candidates = None,
    frame_rate: Rate = None,
) -> dict[str, Any]:
    """Rank the collection as covers of a file: audio, MIDI, MusicXML or HDF5. Needs a server with ``--edit``."""

    def ask(index: Index, listened: Listened) -> dict[str, Any]:
        return index.query(listened, top=top, rerank=rerank, candidates=candidates).to_dict()

    return await answer_file(request, frame_rate, ask)


async def answer_file(request: Request, frame_rate: float | None, ask: Any) -> dict[str, Any]:
    """What `ask` says of the index and the file that a request brings; a client that leaves ends it."""
    received, index, left = await receive(request), index_of(request), threading.Event()

    def progress(*_: object) -> None:
        if left.is_set():
            raise StoppedError

    def work() -> dict[str, Any]:
        told: dict[str, Any] = ask(index, listen(index, received, progress, frame_rate))
        return told

    try:
        return await asked(request, work, jobs_of(request).gate)
    finally:
        left.set()
        received.delete()


def listen(index: Index, received: Received, progress: Progress, frame_rate: float | None) -> Listened:
    """Hear an upload; what is wrong with it is said by the client's name of it."""
    try:
        return index.listen(
            received.file,
            frame_rate=frame_rate,
            keep=False,
            name=received.name,
            alive=lambda: progress("decoding", 0, 0),
        )
    except CovsearchError as e:
        raise received.told(e) from e


def listened_of(request: Request, key: str) -> Listened:
    """What was heard of an upload; raises what went wrong with it."""
    job = job_of(request, key)
    if job.failed:
        raise job.failed
    if not isinstance(job.result, Listened):
        raise UsageError("the file is not decoded yet: wait for it")
    return job.result


def _rate(text: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError:
        raise UsageError(f"expected frames a second as a number, not {text[:50]!r}") from None


def _asking(request: Request, key: str, top: int) -> tuple[Ask, Callable[[object], Subject]]:
    """How an upload is asked with, and what its answer's page is about."""
    listened, index, here = listened_of(request, key), index_of(request), f"/uploads/{key}"
    facts = listened.performance.to_dict()
    question = Subject(facts, here, f"{here}/events", f"{here}/compare?b=")
    return lambda stage: index.query(listened, top=top, rerank=stage), lambda _: question
