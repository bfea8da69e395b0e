"""The setlist of an upload: a timeline, a table, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from covsearch.api import Index
from covsearch.listened import Listened
from covsearch.progress import silent
from covsearch.web.asking import index_of
from covsearch.web.described import FAILURES, FORM
from covsearch.web.receive import options_of
from covsearch.web.rendering import page
from covsearch.web.uploads import Rate, answer_file, listened_of
from covsearch.web.waiting import job_of, jobs_of, waiting

if TYPE_CHECKING:
    from covsearch.setlist import Setlist  # which imports torch

router = APIRouter(responses=FAILURES)


@router.get("/setlist", include_in_schema=False)
async def setlist_form(request: Request) -> Response:
    """Where a concert is sent from."""
    return page("setlist_form.html", edit=options_of(request).edit, most=options_of(request).upload_bytes)


@router.get("/uploads/{key}/setlist", include_in_schema=False)
async def setlist_page(
    request: Request, key: str, format: Annotated[Literal["html", "json", "csv", "cue"], Query()] = "html"
) -> Response:
    """What is played in an upload, and from when to when; until that is known, how far it is."""
    job, jobs, own = job_of(request, key), jobs_of(request), f"{key}/setlist"
    if not job.finished.is_set():
        return waiting(key, job)
    listened, index = listened_of(request, key), index_of(request)
    found = jobs.get(own) or jobs.start(own, job.title, lambda progress: index.setlist(listened, progress=progress))
    if not found.finished.is_set():
        return waiting(own, found)
    if found.failed:  # which is told once
        jobs.forget(own)
        raise found.failed
    return _as(format, key, found.result)


@router.post("/api/setlist", tags=["search"], openapi_extra=FORM)
async def api_setlist(request: Request, frame_rate: Rate = None) -> dict[str, Any]:
    """Say which performances are played in a long recording. Needs a server with ``--edit``."""

    def ask(index: Index, listened: Listened) -> dict[str, Any]:
        return index.setlist(listened, progress=silent).to_dict()

    return await answer_file(request, frame_rate, ask)


def _as(format: str, key: str, found: Setlist) -> Response:
    saved = {"content-disposition": f'attachment; filename="setlist.{format}"'}
    if format == "json":
        return JSONResponse(found.to_dict())
    if format == "csv":
        return Response(found.to_csv(), media_type="text/csv", headers=saved)
    if format == "cue":
        return Response(found.to_cue(), media_type="application/x-cue", headers=saved)
    seconds = found[len(found) - 1].end if len(found) else 0.0
    return page("setlist.html", found=found, seconds=max(seconds, 1.0), here=f"/uploads/{key}")
